"""How many comments a second are acknowledged and durable, by 1, 8 and 32 clients, and what readers feel meanwhile."""

import argparse
import http.client
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import quote, urlsplit

from flask import Flask
from sqlalchemy import text

from app.extensions import db
from bench import service
from bench.fill import Shape, page_of
from bench.measure import Load, found, load, need_wrk

CLIENTS = (1, 8, 32)
# Of the mixed load on one thread, one request in twenty is a comment.
SHARE = 0.05
# A reader beside it, whose answers alone are timed: wrk's p99 is of posts, too.
READS_EVERY_S = 0.01
THREAD = f"/embed/thread?site=bench&url={quote(page_of(0), safe='')}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("databases", nargs="*", default=service.DATABASES)
    given = parser.parse_args()
    need_wrk()
    print(f"{'database':12}{'load':24}{'requests/s':>11}{'p99 ms':>9}{'reader p99':>13}  acknowledged and stored")
    for kind in given.databases:
        with service.database(kind) as url, service.filled(url, Shape(1, 50)) as app, service.running(app) as kaiwa:
            for clients in CLIENTS:
                tell(kind, f"posts, {clients} clients", app, kaiwa.url, 1, clients, given.seconds)
            tell(kind, "reads alone, 32 clients", app, kaiwa.url, 0, 32, given.seconds)
            tell(kind, "5 % posts, 32 clients", app, kaiwa.url, SHARE, 32, given.seconds)


def tell(kind: str, name: str, app: Flask, url: str, share: float, clients: int, seconds: int) -> None:
    before = stored(app)
    with reader(url) as waited:
        pressed = press(url, share, clients, seconds)
    kept, different = (after - begin for after, begin in zip(stored(app), before, strict=True))
    acknowledged = int(found(r"acknowledged (\d+) of", pressed.said))
    print(
        f"{kind:12}{name:24}{pressed.rate:11,.0f}{pressed.p99:9.1f}{p99(waited):13.1f}"
        f"  {verdict(acknowledged, kept, different, clients)}"
    )
    if pressed.failed:
        print(f"{'':12}{pressed.failed} answers failed: {re.findall(r'Non-2xx.*|Socket errors.*', pressed.said)}")


@contextmanager
def reader(url: str) -> Iterator[list[float]]:
    """Somebody who reads the thread again and again on one connection; how long each answer took, in ms."""
    waited: list[float] = []
    over = threading.Event()

    def read() -> None:
        with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)) as line:
            while not over.wait(READS_EVERY_S):
                begin = time.perf_counter()
                line.request("GET", THREAD)
                line.getresponse().read()
                waited.append((time.perf_counter() - begin) * 1000)

    reading = threading.Thread(target=read)
    reading.start()
    try:
        yield waited
    finally:
        over.set()
        reading.join()


def p99(waited: list[float]) -> float:
    return sorted(waited)[int(len(waited) * 0.99)]


def press(url: str, share: float, clients: int, seconds: int) -> Load:
    address = quote(page_of(0), safe="")
    return load(
        f"{url}{THREAD}",
        seconds,
        connections=clients,
        script="comments.lua",
        arguments=(str(share), address),
    )


def stored(app: Flask) -> tuple[int, int]:
    """How many comments there are, and how many that differ."""
    with app.app_context():
        row = db.session.execute(text("SELECT count(*), count(DISTINCT body) FROM comment")).one()
        return row[0], row[1]


def verdict(acknowledged: int, kept: int, different: int, clients: int) -> str:
    """What was under way when the clients hung up may be stored without having been acknowledged."""
    lost, doubled = max(0, acknowledged - kept), kept - different
    sure = kept <= acknowledged + clients
    return f"{acknowledged} and {kept}: {lost} lost, {doubled} doubled" + ("" if sure else ", MORE THAN WERE SENT")


if __name__ == "__main__":
    main()

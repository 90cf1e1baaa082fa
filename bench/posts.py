"""How many comments a second are acknowledged and durable, by 1, 8 and 32 clients, and what readers feel meanwhile.

Beside them, in turns, a service by the same libraries on the same server that only keeps and shows comments.
"""

import argparse
import http.client
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from urllib.parse import quote, urlsplit

from flask import Flask
from sqlalchemy import text

from app.extensions import db
from bench import plain, service
from bench.fill import Shape, page_of
from bench.measure import Load, found, load, median, need_wrk

CLIENTS = (1, 8, 32)
# Of the mixed load on one thread, one request in twenty is a comment.
SHARE = 0.05
# PostgreSQL checks a reference into a table of a few rows by reading all of it, and goes on so while it grows.
STORED = Shape(200, 50)
# A reader beside it, whose answers alone are timed: wrk's p99 is of posts, too.
READS_EVERY_S = 0.05
THREAD = f"/embed/thread?site=bench&url={quote(page_of(0), safe='')}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--by-hand", action="store_true", help="what is beside it writes past SQLAlchemy")
    parser.add_argument("databases", nargs="*", default=service.DATABASES)
    given = parser.parse_args()
    need_wrk()
    columns = f"{'requests/s':>11}{'p99 ms':>9}{'reader p99':>12}{'baseline':>10}{'ratio':>7}"
    print(f"{'database':12}{'load':24}{columns}  acknowledged and stored")
    for kind in given.databases:
        measure(kind, given.seconds, given.rounds, given.by_hand)


def measure(kind: str, seconds: int, rounds: int, by_hand: bool) -> None:
    with ExitStack() as stack:
        app = stack.enter_context(service.filled(stack.enter_context(service.database(kind)), STORED))
        kaiwa = stack.enter_context(service.running(app))
        base = stack.enter_context(plain.running(stack.enter_context(service.database(kind)), page_of(0), by_hand))
        loads = [(f"posts, {clients} clients", 1, clients) for clients in CLIENTS]
        for name, share, clients in [*loads, ("reads alone, 32 clients", 0, 32), ("5 % posts, 32 clients", SHARE, 32)]:
            pressing = partial(press, share=share, clients=clients, seconds=seconds)
            tell(f"{kind:12}{name:24}", app, kaiwa.url, base, pressing, clients, rounds)


def tell(
    name: str, app: Flask, url: str, base: str, pressing: Callable[[str], Load], clients: int, rounds: int
) -> None:
    before, ours, theirs, waited = stored(app), [], [], []
    for _ in range(rounds):
        with reader(url) as answers:
            ours.append(pressing(url))
        with reader(base):
            theirs.append(pressing(base))
        waited += answers
    kept, different = (after - begin for after, begin in zip(stored(app), before, strict=True))
    acknowledged = sum(int(found(r"acknowledged (\d+) of", each.said)) for each in ours)
    middle, plainly = median(ours), median(theirs).rate
    print(
        f"{name}{middle.rate:11,.0f}{middle.p99:9.1f}{p99(waited):12.1f}{plainly:10,.0f}{middle.rate / plainly:7.2f}"
        f"  {verdict(acknowledged, kept, different, clients * rounds)}",
        flush=True,
    )
    for each in ours:
        if each.failed:
            print(f"{'':12}{each.failed} answers failed: {re.findall(r'Non-2xx.*|Socket errors.*', each.said)}")


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

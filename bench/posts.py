"""How many comments a second are acknowledged and durable, by 1, 8 and 32 clients, and what readers feel meanwhile.

Beside them, in turns, a service by the same libraries on the same server that only keeps comments; what it gives to
those who read is a constant, the same bytes as ours.
"""

import argparse
import http.client
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from flask import Flask
from sqlalchemy import text

from app.extensions import db
from bench import plain, service
from bench.constant import fetched
from bench.fill import Shape, page_of
from bench.measure import Load, found, load, median, need_wrk, resident

# PostgreSQL checks a reference into a table of a few rows by reading all of it, and goes on so while it grows.
STORED = Shape(200, 50)
# A reader beside the mixed load, whose answers alone are timed: wrk's p99 is of posts, too.
READS_EVERY_S = 0.05
THREAD = f"/embed/thread?site=bench&url={quote(page_of(0), safe='')}"


# What `flask site add` gives: everything is held, and each reader and network may send so many.
DEFAULT_SITE = {"hold_all": True, "approvals_needed": 1, "flood_per_author": 6, "flood_per_address": 30}
BEHIND_A_PROXY = {"TRUSTED_PROXIES": "127.0.0.1/32"}


@dataclass(frozen=True)
class Clients:
    """So many at once; of what they send this share is comments, the rest reads the thread in this encoding."""

    number: int
    share: float = 1
    encoding: str = ""
    text: str = "short"

    def __str__(self) -> str:
        what = {1: "posts", 0: "reads alone"}.get(self.share, f"{self.share * 100:.0f} % posts")
        what += "" if self.text == "short" else f" of 300, {self.text}"
        return f"{what}{self.encoding and ', brotli'}, {self.number} client{'s' * (self.number > 1)}"


LOADS = (Clients(1), Clients(8), Clients(32), Clients(32, 0), Clients(32, 0.05), Clients(32, 0.05, "br"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--by-hand", action="store_true", help="what is beside it writes past SQLAlchemy")
    parser.add_argument("databases", nargs="*", default=service.DATABASES)
    given = parser.parse_args()
    need_wrk()
    columns = f"{'requests/s':>11}{'p99 ms':>9}{'reader p99':>12}{'baseline':>10}{'ratio':>7}"
    print(f"{'database':12}{'load':28}{columns}  acknowledged and stored")
    for kind in given.databases:
        print("A site that publishes at once, without limits of floods; one reader, texts of 60 characters:")
        measure(kind, given.seconds, given.rounds, given.by_hand)
        print("The default site: all is held, limits by reader and network; 300 characters, another reader each time:")
        measure_defaults(kind, given.seconds, given.rounds)


def measure(kind: str, seconds: int, rounds: int, by_hand: bool) -> None:
    with service.database(kind) as url, service.filled(url, STORED) as app, service.running(app) as kaiwa:
        for clients in LOADS:
            ready = fetched(kaiwa.url + THREAD, clients.encoding)
            with service.database(kind) as other, plain.running(other, page_of(0), by_hand, ready) as base:
                print(f"{kind:12}{clients!s:28}", end="", flush=True)
                tell(app, kaiwa.url, base, clients, seconds, rounds)


def measure_defaults(kind: str, seconds: int, rounds: int) -> None:
    """A site as it is made, each comment by another reader, in texts of 300 characters."""
    with (
        service.database(kind) as url,
        service.filled(url, STORED, **DEFAULT_SITE) as app,
        service.running(app, **BEHIND_A_PROXY) as kaiwa,
    ):
        for language in ("en", "ja"):
            before = stored(app)
            for number in (1, 8, 32):
                clients = Clients(number, text=language)
                middle = median([press(kaiwa.url, clients, seconds) for _ in range(rounds)])
                print(f"{kind:12}{clients!s:28}{middle.rate:11,.0f}{middle.p99:9.1f}{'':29}{middle.failed} failed")
            kept, different = (after - begin for after, begin in zip(stored(app), before, strict=True))
            print(f"{'':12}{kept} stored, {different} of them differ", flush=True)
        together = sum(map(resident, kaiwa.processes()))
        print(f"{'':12}all {len(kaiwa.processes())} processes of the service together: {together:.0f} MiB")


def tell(app: Flask, url: str, base: str, clients: Clients, seconds: int, rounds: int) -> None:
    before, ours, theirs, waited = stored(app), [], [], []
    for _ in range(rounds):
        with reader(url) if clients.share < 1 else nullcontext([]) as answers:
            ours.append(press(url, clients, seconds))
        theirs.append(press(base, clients, seconds))
        waited += answers
    kept, different = (after - begin for after, begin in zip(stored(app), before, strict=True))
    acknowledged = sum(int(found(r"acknowledged (\d+) of", each.said)) for each in ours)
    middle, plainly = median(ours), median(theirs).rate
    print(
        f"{middle.rate:11,.0f}{middle.p99:9.1f}{p99(waited):>12}{plainly:10,.0f}{middle.rate / plainly:7.2f}"
        f"  {verdict(acknowledged, kept, different, clients.number * rounds)}",
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


def p99(waited: list[float]) -> str:
    return f"{sorted(waited)[int(len(waited) * 0.99)]:.1f}" if waited else ""


def press(url: str, clients: Clients, seconds: int) -> Load:
    return load(
        f"{url}{THREAD}",
        seconds,
        connections=clients.number,
        script="comments.lua",
        arguments=(str(clients.share), quote(page_of(0), safe=""), clients.text),
        encoding=clients.encoding,
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

"""Acknowledged, durable comments a second by 1, 8 and 32 clients, and the latency of a reader during that load.

The baseline, in alternation, is bench/plain.py with the bytes of our thread as a constant answer to reads.
"""

import argparse
import http.client
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from flask import Flask
from sqlalchemy import text

from app.extensions import db
from bench import plain, service
from bench.constant import fetch
from bench.fill import Shape, page_of
from bench.measure import Load, found, load, median, need_wrk, resident, resident_whole

# On a table of a few rows PostgreSQL plans foreign key checks as sequential scans, and keeps those plans as it grows.
STORED = Shape(200, 50)
# Interval of a separate reader during the mixed load, because wrk's p99 includes the posts.
READ_INTERVAL_S = 0.05
THREAD = f"/embed/thread?site=bench&url={quote(page_of(0), safe='')}"

# The defaults of `flask site add`: everything is held, with limits for each reader and network.
DEFAULT_SITE = {"hold_all": True, "approvals_needed": 1, "flood_per_author": 6, "flood_per_address": 30}
BEHIND_A_PROXY = {"TRUSTED_PROXIES": "127.0.0.1/32"}


@dataclass(frozen=True)
class Clients:
    """`number` concurrent clients; `share` of their requests are posts, the others read the thread in `encoding`."""

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
    parser.add_argument("databases", nargs="*", default=service.DATABASES)
    given = parser.parse_args()
    need_wrk()
    columns = f"{'requests/s':>11}{'p99 ms':>9}{'reader p99':>12}{'baseline':>10}{'ratio':>7}"
    print(f"{'database':12}{'load':28}{columns}  acknowledged and stored")
    for kind in given.databases:
        print("A site that publishes at once, without flood limits; one reader, texts of 60 characters:")
        measure(kind, given.seconds, given.rounds)
        print("The default site: everything is held, flood limits; 300 characters, a new reader for each comment:")
        measure_defaults(kind, given.seconds, given.rounds)


def measure(kind: str, seconds: int, rounds: int) -> None:
    with service.database(kind) as url, service.filled(url, STORED) as app, service.running(app) as kaiwa:
        for clients in LOADS:
            constant_read = fetch(kaiwa.url + THREAD, clients.encoding)
            with service.database(kind) as other, plain.running(other, page_of(0), constant_read) as base:
                print(f"{kind:12}{clients!s:28}", end="", flush=True)
                print_row(app, kaiwa.url, base, clients, seconds, rounds)


def measure_defaults(kind: str, seconds: int, rounds: int) -> None:
    with (
        service.database(kind) as url,
        service.filled(url, STORED, **DEFAULT_SITE) as app,
        service.running(app, **BEHIND_A_PROXY) as kaiwa,
    ):
        for language in ("en", "ja"):
            before = stored(app)
            for number in (1, 8, 32):
                clients = Clients(number, text=language)
                middle = median([run_load(kaiwa.url, clients, seconds, kaiwa.processes) for _ in range(rounds)])
                figures = f"{middle.rate:11,.0f}{middle.p99:9.1f}{'':29}{middle.failed} failed"
                print(f"{kind:12}{clients!s:28}{figures}, {middle.cpu / 1000:.1f} ms of processor time each")
            inserted, distinct = (after - begin for after, begin in zip(stored(app), before, strict=True))
            print(f"{'':12}{inserted} stored, {distinct} of them distinct", flush=True)
        processes = [kaiwa.process.pid, *kaiwa.processes()]
        together, whole = (sum(map(each, processes)) for each in (resident, resident_whole))
        print(
            f"{'':12}all {len(processes)} processes of the service together: {together:.0f} MiB"
            f" (resident sets {whole:.0f} MiB)"
        )


def print_row(app: Flask, url: str, base: str, clients: Clients, seconds: int, rounds: int) -> None:
    before, ours, theirs, waited = stored(app), [], [], []
    for _ in range(rounds):
        with reader(url) if clients.share < 1 else nullcontext([]) as answers:
            ours.append(run_load(url, clients, seconds))
        theirs.append(run_load(base, clients, seconds))
        waited += answers
    inserted, distinct = (after - begin for after, begin in zip(stored(app), before, strict=True))
    acknowledged = sum(int(found(r"acknowledged (\d+) of", each.output)) for each in ours)
    middle, baseline = median(ours), median(theirs).rate
    print(
        f"{middle.rate:11,.0f}{middle.p99:9.1f}{p99(waited):>12}{baseline:10,.0f}{middle.rate / baseline:7.2f}"
        f"  {verdict(acknowledged, inserted, distinct, clients.number * rounds)}",
        flush=True,
    )
    for each in ours:
        if each.failed:
            print(f"{'':12}{each.failed} answers failed: {re.findall(r'Non-2xx.*|Socket errors.*', each.output)}")


@contextmanager
def reader(url: str) -> Iterator[list[float]]:
    """Read the thread repeatedly on one connection; yield the list of latencies in ms."""
    waited: list[float] = []
    stop = threading.Event()

    def read() -> None:
        with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)) as connection:
            while not stop.wait(READ_INTERVAL_S):
                begin = time.perf_counter()
                connection.request("GET", THREAD)
                connection.getresponse().read()
                waited.append((time.perf_counter() - begin) * 1000)

    reading = threading.Thread(target=read)
    reading.start()
    try:
        yield waited
    finally:
        stop.set()
        reading.join()


def p99(waited: list[float]) -> str:
    return f"{sorted(waited)[int(len(waited) * 0.99)]:.1f}" if waited else ""


def run_load(url: str, clients: Clients, seconds: int, processes: Callable[[], list[int]] = list) -> Load:
    return load(
        f"{url}{THREAD}",
        seconds,
        connections=clients.number,
        script="comments.lua",
        arguments=(str(clients.share), quote(page_of(0), safe=""), clients.text),
        encoding=clients.encoding,
        processes=processes,
    )


def stored(app: Flask) -> tuple[int, int]:
    """The number of comments, and of distinct texts."""
    with app.app_context():
        row = db.session.execute(text("SELECT count(*), count(DISTINCT body) FROM comment")).one()
        return row[0], row[1]


def verdict(acknowledged: int, inserted: int, distinct: int, clients: int) -> str:
    """A post that was in flight when its client disconnected may be stored without an acknowledgement."""
    lost, duplicated = max(0, acknowledged - inserted), inserted - distinct
    plausible = inserted <= acknowledged + clients
    return f"{acknowledged} and {inserted}: {lost} lost, {duplicated} duplicated" + (
        "" if plausible else ", MORE THAN WERE SENT"
    )


if __name__ == "__main__":
    main()

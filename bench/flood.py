"""A flood against one site: the latency of honest readers there and on another site, and the site's reaction.

    python -m bench.flood [--seconds 30] [--quiet 30] [sqlite|postgresql ...]

2,000 posts a minute from 500 networks, with texts that differ by a word, while others read and post on two sites.
Requests have a fixed schedule (open loop), and latency counts from the scheduled time. Quiet and flood phases belong to
one run. A setting shortens the hold after a burst from ten minutes to five seconds.
"""

import argparse
import http.client
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import quote, urlencode, urlsplit

from flask import Flask
from sqlalchemy import text

from app.extensions import db
from app.screening.flood import WINDOW
from bench import service
from tests.services import Live, MailServer, running_smtp

PER_MINUTE, NETWORKS = 2_000, 500
# Honest readers, on each of the two sites.
POSTS_A_SECOND, READS_A_SECOND = 2, 15
# More than honest readers send, fewer than the flood.
BURST = 300
HOLD = 5  # seconds
CONCURRENCY = 96
# Connections that were idle for longer are not reused: the service closes them after ten seconds.
IDLE_S = 5.0
SITES = ("attacked", "other")
PAGE = "https://{site}.example/story"
TEXT = "Cheap watches number {number}, the best price of the year, look at our shop before they are all gone"

Job = Callable[[], int]


@dataclass
class Answers:
    """Latencies in ms and statuses of one kind of request."""

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def at(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


Phase = dict[str, Answers]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--quiet", type=int, default=30)
    parser.add_argument("databases", nargs="*", default=service.DATABASES)
    given = parser.parse_args()
    for kind in given.databases:
        with service.database(kind) as url, running_smtp() as box:
            print_table(kind, run(url, box, quiet=given.quiet, seconds=given.seconds))


@dataclass
class Run:
    """Both phases, and the attacked site's reaction; seconds count from the flood's first and last post."""

    quiet: Phase
    flood: Phase
    held_after: float
    calm_after: float
    emails: int
    stored: int
    acknowledged: int
    clusters: list[int]


def run(database_url: str, box: MailServer, *, quiet: int, seconds: int) -> Run:
    settings = {"MAIL_URL": box.url, "TRUSTED_PROXIES": "127.0.0.1/32", "FLOOD_HOLD": str(HOLD)}
    with service.filled(database_url) as app, service.running(app, **settings) as kaiwa:
        for site in SITES:
            add_site(kaiwa, site)
        with closing(Crowd(kaiwa)) as crowd:
            before = crowd.run_phase(quiet)
            watch = threading.Thread(target=crowd.wait_until_held)
            watch.start()
            during = crowd.run_phase(seconds, flooded=True)
            watch.join()
            calm = crowd.wait_until_calm()
        met = [seen.statuses for phase in (before, during) for seen in phase.values()]
        acknowledged = sum(statuses[201] + statuses[202] for statuses in met)
        emails = sum("Traffic spike" in received.subject for received in box.emails)
        stored, clusters = count_comments(app)
        return Run(before, during, crowd.held_after, calm, emails, stored - crowd.probes, acknowledged, clusters)


def add_site(kaiwa: Live, site: str) -> None:
    kaiwa.flask("site", "add", site, "--name", site, "--origin", f"https://{site}.example", "--lang", "en")
    kaiwa.flask("site", "set", site, "hold_all=no", "approvals_needed=0", "min_seconds=0", f"flood_per_site={BURST}")
    who = ("moderator", "add", f"{site}@moderators.example", "--name", site, "--site", site, "--lang", "en")
    kaiwa.flask(*who, "--password-stdin", typed="a password for the bench\n")


class Crowd:
    """Readers of both sites, and the flood of one of them."""

    def __init__(self, kaiwa: Live) -> None:
        self.address = urlsplit(kaiwa.url)
        self.local = threading.local()
        self.connections: list[http.client.HTTPConnection] = []
        self.numbers = count(1)
        self.probes = 0
        self.began = 0.0
        self.held_after = 0.0
        self.done = threading.Event()

    def run_phase(self, seconds: int, *, flooded: bool = False) -> Phase:
        """Run one phase."""
        seen: Phase = defaultdict(Answers)
        start = self.began = time.monotonic() + 0.2
        # One pool for each kind of request, so that none waits for another kind.
        with ExitStack() as stack:
            pools = defaultdict(lambda: stack.enter_context(ThreadPoolExecutor(CONCURRENCY)))
            for due, kind, job in sorted(self.plan(seconds, flooded), key=lambda each: each[0]):
                time.sleep(max(0.0, start + due - time.monotonic()))
                pools[kind].submit(record, seen[kind], start + due, job)
        self.done.set()
        return dict(seen)

    def plan(self, seconds: int, flooded: bool) -> Iterator[tuple[float, str, Job]]:
        for site in SITES:
            for at in range(seconds * READS_A_SECOND):
                yield at / READS_A_SECOND, f"read {site}", lambda site=site: self.read(site)
            for at in range(seconds * POSTS_A_SECOND):
                yield at / POSTS_A_SECOND + 0.1, f"post {site}", lambda site=site: self.post(site)
        for at in range(seconds * PER_MINUTE // 60 if flooded else 0):
            yield at * 60 / PER_MINUTE, "flood", lambda at=at: self.flood(at)

    def read(self, site: str) -> int:
        return self.send("GET", f"/embed/thread?site={site}&url={quote(PAGE.format(site=site), safe='')}")

    def post(self, site: str) -> int:
        number = next(self.numbers)
        return self.send_comment(
            site, f"Thought {number * 7919 % 10_007} of {number}", f"198.{number // 250}.{number % 250}.1"
        )

    def flood(self, number: int) -> int:
        network = number % NETWORKS
        return self.send_comment("attacked", TEXT.format(number=number), f"203.{network // 250}.{network % 250}.9")

    def send_comment(self, site: str, body: str, address: str) -> int:
        who = {"name": f"Reader {address}", "email": f"{address}@readers.example"}
        fields = urlencode({"site": site, "url": PAGE.format(site=site), "body": body} | who)
        kind = "application/x-www-form-urlencoded"
        return self.send("POST", "/embed/comments", fields, {"Content-Type": kind, "X-Forwarded-For": address})

    def send(self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> int:
        """The status; 0 without an answer."""
        try:
            connection = self.connection()
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            del self.local.connection
            return 0

    def connection(self) -> http.client.HTTPConnection:
        """A connection of this thread; a new one if the service may be about to close the old one."""
        used, self.local.used = getattr(self.local, "used", 0.0), time.monotonic()
        if self.local.used > used + IDLE_S or not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPConnection(
                self.address.hostname or "", self.address.port, timeout=30
            )
            self.connections.append(self.local.connection)
        return self.local.connection

    def close(self) -> None:
        for connection in self.connections:
            connection.close()

    def wait_until_held(self) -> None:
        """Measure the time until an honest post on the attacked site is held."""
        self.done.clear()
        while not self.done.wait(0.25):
            self.probes += 1
            if self.post("attacked") == 202:
                self.held_after = time.monotonic() - self.began
                return

    def wait_until_calm(self) -> float:
        """Seconds until an honest post on the attacked site is published at once again; at most two minutes."""
        ended = time.monotonic()
        while time.monotonic() < ended + WINDOW.total_seconds() + HOLD + 60:
            time.sleep(1)
            self.probes += 1
            if self.post("attacked") == 201:
                return time.monotonic() - ended
        return float("inf")


def record(seen: Answers, due: float, job: Job) -> None:
    status = job()
    seen.latencies.append((time.monotonic() - due) * 1000)
    seen.statuses[status] += 1


def count_comments(app: Flask) -> tuple[int, list[int]]:
    """The number of comments, and the sizes of the flood's pending clusters, largest first."""
    with app.app_context():
        stored = db.session.scalar(text("SELECT count(*) FROM comment")) or 0
        waiting = "FROM comment WHERE status = 'pending' AND body LIKE 'Cheap%'"
        counted = text(f"SELECT count(*) {waiting} GROUP BY cluster ORDER BY 1 DESC")
        return stored, list(db.session.scalars(counted))


def print_table(kind: str, seen: Run) -> None:
    columns = f"{'n':>9}{'p50 ms':>9}{'p99 ms':>9}"
    print(f"{kind:16}{'quiet:' + columns[6:]}{' flood:' + columns[6:]}{'ratio':>7}  answers")
    for name, during in sorted(seen.flood.items()):
        before = seen.quiet.get(name)
        ratio = f"{during.at(0.99) / before.at(0.99):7.1f}" if before else " " * 7
        print(f"{name:16}{shown(before):27}{shown(during):>28}{ratio}  {dict(during.statuses)}")
    print(f"held everything after {seen.held_after:.1f} s; emails about it: {seen.emails}; ", end="")
    print(f"calm again {seen.calm_after:.0f} s after the last post")
    print(f"acknowledged {seen.acknowledged}, stored {seen.stored}; ", end="")
    print(f"of the flood {sum(seen.clusters)} wait, in clusters of {seen.clusters[:5]}\n")


def shown(seen: Answers | None) -> str:
    return f"{len(seen.latencies):9}{seen.at(0.5):9.1f}{seen.at(0.99):9.1f}" if seen else ""


if __name__ == "__main__":
    main()

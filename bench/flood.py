"""A flood against one site: what honest readers of that and of another site feel, and what the site does by itself.

    python -m bench.flood [--seconds 30] [--quiet 30] [sqlite|postgresql ...]

2,000 posts a minute from 500 networks, with texts that differ by a word, while on two sites others read and post. Each
request has its time, whether or not the one before has been answered; it is late from then on. Quiet and flood are of
one run. Short windows by settings: a burst holds everything for five seconds instead of ten minutes.
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
from tests.services import Live, Postbox, running_smtp

PER_MINUTE, NETWORKS = 2_000, 500
# Of the honest, on each of the two sites.
POSTS_A_SECOND, READS_A_SECOND = 2, 15
# More than the honest send, and fewer than the flood.
BURST = 300
HOLD = 5  # seconds
AT_ONCE = 96
# A connection that was idle for longer is not used again: the service closes it after ten seconds.
IDLE_S = 5.0
SITES = ("attacked", "other")
PAGE = "https://{site}.example/story"
TEXT = "Cheap watches number {number}, the best price of the year, look at our shop before they are all gone"

Job = Callable[[], int]


@dataclass
class Seen:
    """What one kind of request met: how late each answer was, in ms, and its status."""

    late: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def at(self, share: float) -> float:
        ordered = sorted(self.late)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


Phase = dict[str, Seen]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--quiet", type=int, default=30)
    parser.add_argument("databases", nargs="*", default=service.DATABASES)
    given = parser.parse_args()
    for kind in given.databases:
        with service.database(kind) as url, running_smtp() as box:
            tell(kind, run(url, box, quiet=given.quiet, seconds=given.seconds))


@dataclass
class Run:
    """One run: both phases, and what the attacked site did; seconds count from the flood's first and last post."""

    quiet: Phase
    flood: Phase
    held_after: float
    calm_after: float
    letters: int
    stored: int
    acknowledged: int
    clusters: list[int]


def run(database_url: str, box: Postbox, *, quiet: int, seconds: int) -> Run:
    settings = {"MAIL_URL": box.url, "TRUSTED_PROXIES": "127.0.0.1/32", "FLOOD_HOLD": str(HOLD)}
    with service.filled(database_url) as app, service.running(app, **settings) as kaiwa:
        for site in SITES:
            opens(kaiwa, site)
        with closing(Crowd(kaiwa)) as crowd:
            before = crowd.goes_on(quiet)
            watch = threading.Thread(target=crowd.waits_until_held)
            watch.start()
            during = crowd.goes_on(seconds, flooded=True)
            watch.join()
            calm = crowd.waits_until_calm()
        met = [seen.statuses for phase in (before, during) for seen in phase.values()]
        acknowledged = sum(statuses[201] + statuses[202] for statuses in met)
        letters = sum("at once" in letter.subject for letter in box.letters)
        stored, clusters = look(app)
        return Run(before, during, crowd.held_after, calm, letters, stored - crowd.probes, acknowledged, clusters)


def opens(kaiwa: Live, site: str) -> None:
    kaiwa.flask("site", "add", site, "--name", site, "--origin", f"https://{site}.example", "--lang", "en")
    kaiwa.flask("site", "set", site, "hold_all=no", "approvals_needed=0", "min_seconds=0", f"flood_per_site={BURST}")
    who = ("moderator", "add", f"{site}@moderators.example", "--name", site, "--site", site, "--lang", "en")
    kaiwa.flask(*who, "--password-stdin", typed="a password for the bench\n")


class Crowd:
    """Readers of both sites, and whoever floods one of them."""

    def __init__(self, kaiwa: Live) -> None:
        self.address = urlsplit(kaiwa.url)
        self.mine = threading.local()
        self.lines: list[http.client.HTTPConnection] = []
        self.numbers = count(1)
        self.probes = 0
        self.began = 0.0
        self.held_after = 0.0
        self.done = threading.Event()

    def goes_on(self, seconds: int, *, flooded: bool = False) -> Phase:
        """Let everybody act for so long, and say what they met."""
        seen: Phase = defaultdict(Seen)
        start = self.began = time.monotonic() + 0.2
        # Each kind has lines of its own: nobody waits here for somebody else's answer.
        with ExitStack() as stack:
            lines = defaultdict(lambda: stack.enter_context(ThreadPoolExecutor(AT_ONCE)))
            for due, kind, job in sorted(self.plan(seconds, flooded), key=lambda each: each[0]):
                time.sleep(max(0.0, start + due - time.monotonic()))
                lines[kind].submit(note, seen[kind], start + due, job)
        self.done.set()
        return dict(seen)

    def plan(self, seconds: int, flooded: bool) -> Iterator[tuple[float, str, Job]]:
        for site in SITES:
            for at in range(seconds * READS_A_SECOND):
                yield at / READS_A_SECOND, f"read {site}", lambda site=site: self.reads(site)
            for at in range(seconds * POSTS_A_SECOND):
                yield at / POSTS_A_SECOND + 0.1, f"post {site}", lambda site=site: self.writes(site)
        for at in range(seconds * PER_MINUTE // 60 if flooded else 0):
            yield at * 60 / PER_MINUTE, "flood", lambda at=at: self.floods(at)

    def reads(self, site: str) -> int:
        return self.asks("GET", f"/embed/thread?site={site}&url={quote(PAGE.format(site=site), safe='')}")

    def writes(self, site: str) -> int:
        number = next(self.numbers)
        return self.says(site, f"Thought {number * 7919 % 10_007} of {number}", f"198.{number // 250}.{number % 250}.1")

    def floods(self, number: int) -> int:
        network = number % NETWORKS
        return self.says("attacked", TEXT.format(number=number), f"203.{network // 250}.{network % 250}.9")

    def says(self, site: str, body: str, address: str) -> int:
        who = {"name": f"Reader {address}", "email": f"{address}@readers.example"}
        fields = urlencode({"site": site, "url": PAGE.format(site=site), "body": body} | who)
        kind = "application/x-www-form-urlencoded"
        return self.asks("POST", "/embed/comments", fields, {"Content-Type": kind, "X-Forwarded-For": address})

    def asks(self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> int:
        """The status; 0 where no answer came."""
        try:
            line = self.line()
            line.request(method, path, body, headers or {})
            answer = line.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            del self.mine.line
            return 0

    def line(self) -> http.client.HTTPConnection:
        """As a browser or a proxy does it: a new one rather than one that the service may be about to close."""
        used, self.mine.used = getattr(self.mine, "used", 0.0), time.monotonic()
        if self.mine.used > used + IDLE_S or not hasattr(self.mine, "line"):
            self.mine.line = http.client.HTTPConnection(self.address.hostname or "", self.address.port, timeout=30)
            self.lines.append(self.mine.line)
        return self.mine.line

    def close(self) -> None:
        for line in self.lines:
            line.close()

    def waits_until_held(self) -> None:
        """Note after how long an honest post on the attacked site is held."""
        self.done.clear()
        while not self.done.wait(0.25):
            self.probes += 1
            if self.writes("attacked") == 202:
                self.held_after = time.monotonic() - self.began
                return

    def waits_until_calm(self) -> float:
        """Seconds until an honest post on the attacked site is public again at once; at most two minutes."""
        ended = time.monotonic()
        while time.monotonic() < ended + WINDOW.total_seconds() + HOLD + 60:
            time.sleep(1)
            self.probes += 1
            if self.writes("attacked") == 201:
                return time.monotonic() - ended
        return float("inf")


def note(seen: Seen, due: float, job: Job) -> None:
    status = job()
    seen.late.append((time.monotonic() - due) * 1000)
    seen.statuses[status] += 1


def look(app: Flask) -> tuple[int, list[int]]:
    """How many comments there are, and how many of the flood's that wait are in each cluster, largest first."""
    with app.app_context():
        stored = db.session.scalar(text("SELECT count(*) FROM comment")) or 0
        waiting = "FROM comment WHERE status = 'pending' AND body LIKE 'Cheap%'"
        counted = text(f"SELECT count(*) {waiting} GROUP BY cluster ORDER BY 1 DESC")
        return stored, list(db.session.scalars(counted))


def tell(kind: str, seen: Run) -> None:
    columns = f"{'n':>9}{'p50 ms':>9}{'p99 ms':>9}"
    print(f"{kind:16}{'quiet:' + columns[6:]}{' flood:' + columns[6:]}{'ratio':>7}  answers")
    for name, during in sorted(seen.flood.items()):
        before = seen.quiet.get(name)
        ratio = f"{during.at(0.99) / before.at(0.99):7.1f}" if before else " " * 7
        print(f"{name:16}{shown(before):27}{shown(during):>28}{ratio}  {dict(during.statuses)}")
    print(f"held by itself after {seen.held_after:.1f} s; letters about it: {seen.letters}; ", end="")
    print(f"calm again {seen.calm_after:.0f} s after the last post")
    print(f"acknowledged {seen.acknowledged}, stored {seen.stored}; ", end="")
    print(f"of the flood {sum(seen.clusters)} wait, in clusters of {seen.clusters[:5]}\n")


def shown(seen: Seen | None) -> str:
    return f"{len(seen.late):9}{seen.at(0.5):9.1f}{seen.at(0.99):9.1f}" if seen else ""


if __name__ == "__main__":
    main()

"""Readers' waiting time while an operator's command works on a large database.

    python -m bench.chores [--comments 1000000] [--seconds 20] [sqlite|postgresql ...]

Backup, prune, import and the erasure of a reader, one after the other, beside a quiet phase of the same run. Requests
have a fixed schedule (open loop), and latency counts from the scheduled time. Most pages are rendered for the request:
each is read once in several minutes.
"""

import argparse
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy import text, update

from app.extensions import db
from app.models import Author, Comment, Site
from bench import imports, service
from bench.fill import Shape
from bench.flood import Answers, Crowd, record
from bench.reads import thread
from tests.services import Live, running_postgres

COMMENTS, EACH, IMPORTED = 1_000_000, 50, 20_000
READS_A_SECOND = 20
READER, READERS_COMMENTS = "reader@readers.example", 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--comments", type=int, default=COMMENTS)
    parser.add_argument("--seconds", type=int, default=20, help="of the quiet phase (20)")
    parser.add_argument("databases", nargs="*", default=service.DATABASES)
    given = parser.parse_args()
    title = f"reads beside, {given.comments:,} comments"
    print(f"\n{title:44}{'reads':>7}{'p50 ms':>8}{'p99 ms':>8}{'of quiet':>9}{'s':>6}")
    for kind in given.databases:
        threads = given.comments // EACH
        with (
            database(kind) as (url, settings),
            service.filled(url, Shape(threads, EACH, desk=True)) as app,
            tempfile.TemporaryDirectory(prefix="kaiwa-bench-") as folder,
        ):
            make_reader(app, given.comments)
            imports.write(Path(folder) / "blog.xml", IMPORTED)
            with service.running(app, **settings) as kaiwa:
                measure(kind, kaiwa, chores(kaiwa, Path(folder)), threads, given.seconds)


@contextmanager
def database(kind: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of an empty database, and the settings for its commands."""
    if kind == "sqlite":
        with service.database(kind) as url:
            yield url, {}
        return
    with running_postgres(durable=True) as server:
        yield server.create("bench"), {"PG_BIN": str(server.binaries)}


def make_reader(app: Flask, comments: int) -> None:
    """A reader with many comments, to be erased."""
    with app.app_context():
        reader, site = db.session.get_one(Author, 2), db.session.get_one(Site, 1)
        reader.email, reader.email_index = READER, Author.index_of(site, READER)
        step = max(1, comments // READERS_COMMENTS)
        db.session.execute(update(Comment).where(Comment.id % step == 1).values(author_id=reader.id))
        db.session.commit()
        if db.engine.dialect.name == "postgresql":
            db.session.execute(text("ANALYZE"))
            db.session.commit()


def chores(kaiwa: Live, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    flask = kaiwa.flask
    yield "backup", lambda: flask("upkeep", "backup", str(folder / "backup"))
    yield "prune", lambda: flask("upkeep", "prune")
    yield f"import of {IMPORTED:,}", lambda: flask("import", "wordpress", str(folder / "blog.xml"), "--site", "bench")
    yield "erasure of a reader", lambda: flask("person", "erase", READER)


def measure(
    kind: str, kaiwa: Live, work: Iterator[tuple[str, Callable[[], object]]], threads: int, seconds: int
) -> None:
    with closing(Readers(kaiwa, threads)) as readers:
        with readers.reading():  # connections are opened
            time.sleep(2)
        with readers.reading() as quiet:
            time.sleep(seconds)
        print_row(f"{kind}, quiet", quiet, quiet, seconds)
        for name, chore in work:
            with readers.reading() as beside:
                began = time.monotonic()
                chore()
                took = time.monotonic() - began
            print_row(f"{kind}, {name}", beside, quiet, took)


class Readers(Crowd):
    """They read threads at random."""

    def __init__(self, kaiwa: Live, threads: int) -> None:
        super().__init__(kaiwa)
        self.threads, self.dice = threads, random.Random(1)

    @contextmanager
    def reading(self) -> Iterator[Answers]:
        seen, stop = Answers(), threading.Event()
        clock = threading.Thread(target=self._read_until, args=(stop, seen))
        clock.start()
        try:
            yield seen
        finally:
            stop.set()
            clock.join()

    def _read_until(self, stop: threading.Event, seen: Answers) -> None:
        due = time.monotonic()
        with ThreadPoolExecutor(32) as pool:
            while not stop.wait(max(0.0, due - time.monotonic())):
                path = thread(self.dice.randrange(self.threads))
                pool.submit(record, seen, due, lambda path=path: self.send("GET", path))
                due += 1 / READS_A_SECOND


def print_row(name: str, seen: Answers, quiet: Answers, seconds: float) -> None:
    failed = {status: count for status, count in seen.statuses.items() if status != 200}
    print(
        f"{name:44}{len(seen.latencies):7}{seen.at(0.5):8.1f}{seen.at(0.99):8.1f}"
        f"{seen.at(0.99) / quiet.at(0.99):9.1f}{seconds:6.0f}{f'  {failed} FAILED' if failed else ''}",
        flush=True,
    )


if __name__ == "__main__":
    main()

"""Measure what leaves and comes back: rate and memory of export and restore at two sizes, and of a backup.

    python -m bench.exports [--small 1000] [--large 100000] [--postgresql]

Each step is a command of its own, as the operator runs it; memory is the most that it ever held. Its start, which
loads the program, is measured beside it (`flask site list`), for at the small size it is nearly all.
"""

import argparse
import filecmp
import os
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from app import create_app
from app.extensions import db
from app.models import Author, Comment, Decision, Site, Thread
from tests.services import running_postgres

ROOT = Path(__file__).parent.parent
A_THREAD = 50  # comments
TEXT = "言葉は人をつなぐ。 The words of a reader, as long as comments are on average in our data. " * 2
BEGUN = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Run:
    seconds: float
    mib: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--small", type=int, default=1_000)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    parser.add_argument("--fill", nargs=2, metavar=("URL", "SIZE"), help="only fill a database")
    given = parser.parse_args()
    if given.fill:
        return fill(given.fill[0], int(given.fill[1]))
    print(f"{'comments':>9} {'step':16}{'seconds':>9}{'comments/s':>12}{'MiB':>7}{'MB of file':>12}")
    with ExitStack() as stack:
        server = stack.enter_context(running_postgres(durable=True)) if given.postgresql else None
        for size in (given.small, given.large):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            urls = [
                server.create(f"bench_{size}_{name}") if server else f"sqlite:///{folder / name}.sqlite3"
                for name in ("from", "into")
            ]
            measure(size, folder, *urls)
    return None


def measure(size: int, folder: Path, source: str, target: str) -> None:
    # In a process of its own: what this one held would count as held by the commands that it starts.
    subprocess.run([sys.executable, "-m", "bench.exports", "--fill", source, str(size)], cwd=ROOT, check=True)
    flask(target, "db", "upgrade")
    show(size, "start alone", flask(source, "site", "list"), None)
    for form in ("kaiwa", "wxr", "csv"):
        file = folder / form
        run = flask(source, "export", "--site", "bench", "--format", form, "--output", str(file))
        show(size, f"export {form}", run, file)
    archive = folder / "kaiwa"
    show(size, "import kaiwa", flask(target, "import", "kaiwa", str(archive), "--site", "bench", "--json"), archive)
    flask(target, "export", "--site", "bench", "--output", str(folder / "again"))
    if not filecmp.cmp(archive, folder / "again", shallow=False):
        sys.exit("What came back is not what left.")
    if source.startswith("sqlite"):
        show(size, "upkeep backup", flask(source, "upkeep", "backup", str(folder / "backup")), folder / "backup")


def show(size: int, step: str, run: Run, file: Path | None) -> None:
    weight = f"{file.stat().st_size / 1e6:12.1f}" if file else ""
    print(f"{size:9,} {step:16}{run.seconds:9.2f}{size / run.seconds:12,.0f}{run.mib:7.0f}{weight}", flush=True)


def flask(url: str, *words: str) -> Run:
    """Run a command, and say how long it took and how much memory it held at most."""
    environment = {**os.environ, "DATABASE_URL": url, "SECRET_KEY": "k" * 64, "LOG_LEVEL": "ERROR"}
    begun = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", *words], cwd=ROOT, env=environment, stdout=said, stderr=said
        )
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            sys.exit(f"flask {' '.join(words)} ended with {process.returncode}:\n{said.read().decode()}")
    return Run(time.monotonic() - begun, usage.ru_maxrss / 1024)


def fill(url: str, size: int) -> None:
    """A site with so many comments, each with a decision; one author for ten of them, every second a reply."""
    flask(url, "db", "upgrade")
    app = create_app({"DATABASE_URL": url, "SECRET_KEY": "k" * 64, "LOG_LEVEL": "ERROR"})
    with app.app_context():
        site = Site(key="bench", name="Bench", origins=["https://bench.example"])
        db.session.add(site)
        db.session.flush()
        threads = [Thread(site=site, key=f"k{n}", url=f"https://bench.example/{n}") for n in range(size // A_THREAD)]
        authors = [Author(site=site, name=f"読者 {n}", email=f"r{n}@bench.example") for n in range(size // 10)]
        db.session.add_all([*threads, *authors])
        db.session.flush()
        for first in range(1, size + 1, 5_000):
            numbers = range(first, min(first + 5_000, size + 1))
            db.session.execute(insert(Comment), [comment(n, site.id, threads, authors) for n in numbers])
            db.session.execute(insert(Decision), [decision(n, site.id) for n in numbers])
        db.session.commit()
        db.engine.dispose()


def comment(number: int, site_id: int, threads: list[Thread], authors: list[Author]) -> dict[str, object]:
    parent = number - 1 if number % 2 == 0 else None
    place = Comment.place(number, Comment.place(number - 1, "", 5)["path"] if parent else "", 5)
    body = f"{number} {TEXT}"
    return {
        "id": number, "site_id": site_id, "thread_id": threads[(number - 1) // A_THREAD % len(threads)].id,
        "author_id": authors[number % len(authors)].id, "parent_id": parent, "status": "approved", "version": 2,
        "places": 1 if parent else 2, "name": f"読者 {number}", "body": body, "html": f"<p>{body}</p>", "renderer": 1,
        "address": f"192.0.{number % 200}.0/24", "created_at": BEGUN + timedelta(minutes=number), "reasons": [],
        "request_key": secrets.token_hex(16), **place,
    }  # fmt: skip


def decision(number: int, site_id: int) -> dict[str, object]:
    return {
        "id": number, "site_id": site_id, "comment_id": number, "from_status": "pending", "to_status": "approved",
        "version": 2, "actor": "screening", "made_at": BEGUN + timedelta(minutes=number),
    }  # fmt: skip


if __name__ == "__main__":
    main()

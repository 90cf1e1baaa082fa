"""Ten million comments in PostgreSQL, and a hundred million in partitions; only by name, because it takes half an
hour and 40 GB.

    python -m bench.scaling make FOLDER        fill a database of 23 GB; --comments N for another size
    python -m bench.scaling index FOLDER       build segments of the search index; --segments N
    python -m bench.scaling measure FOLDER     sizes, hot requests (cold, warm), commands
    python -m bench.scaling partitions FOLDER  short rows in partitions by site, and the plans of the hot queries

FOLDER keeps the database. It is filled without fsync and without WAL, and measured with both.
"""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy import text

from app.extensions import db
from app.models import SiteCounter
from app.search import index
from bench import scale_fill, scale_measure, scale_partitions, service
from bench.__main__ import about
from bench.scale_fill import timed
from tests.services import Postgres, postgres_in

COMMENTS, SEGMENTS = 10_000_000, 10
ROWS, SITES, PARTITIONS = 100_000_000, 10_000, 64
# While tables are filled: nothing here survives a crash.
LOADING = {
    "wal_level": "minimal", "max_wal_senders": "0", "max_wal_size": "8GB", "checkpoint_timeout": "30min",
    "autovacuum": "off", "shared_buffers": "1GB", "maintenance_work_mem": "1GB",
}  # fmt: skip
# While they are measured: PostgreSQL's defaults but for memory and disk.
MEASURED = {"shared_buffers": "2GB", "effective_cache_size": "8GB", "random_page_cost": "1.1", "autovacuum": "off"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "index", "measure", "partitions"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--comments", type=int, default=COMMENTS)
    parser.add_argument("--segments", type=int, default=SEGMENTS)
    parser.add_argument("--rows", type=int, default=ROWS)
    given = parser.parse_args()
    folder: Path = given.folder
    folder.mkdir(parents=True, exist_ok=True)
    if given.what == "make":
        make(folder, given.comments)
    elif given.what == "partitions":
        with postgres_in(folder, **LOADING) as server:
            scale_partitions.run(server, given.rows, SITES, PARTITIONS)
    elif given.what == "index":
        with postgres_in(folder, durable=True, **MEASURED) as server, application(server) as app:
            build_index(app, given.segments)
    else:
        measure(folder)


def make(folder: Path, comments: int) -> None:
    with postgres_in(folder, **LOADING) as server:
        server.create("bench")
        with application(server) as app:
            scale_fill.prepare(app)
            scale_fill.fill_tables(app, comments)
            scale_fill.use_the_desk(app)
            with timed("VACUUM ANALYZE"):
                scale_measure.maintain("VACUUM ANALYZE")(app)
            with app.app_context(), timed("recount"):
                SiteCounter.recount()
                db.session.commit()


def measure(folder: Path) -> None:
    print(about())
    with postgres_in(folder, durable=True, **MEASURED) as server, application(server) as app:
        scale_measure.print_sizes(app)
    # Started again, and its files are read from the disk again.
    forget_files(folder)
    with postgres_in(folder, durable=True, **MEASURED) as server, application(server) as app:
        scale_measure.print_requests(app, server)
        scale_measure.print_commands(app, server)


def forget_files(folder: Path) -> None:
    """Drop the database's files from the system's cache, as after a start of the machine."""
    for file in (folder / "data/base").rglob("*"):
        if file.is_file():
            opened = os.open(file, os.O_RDONLY)
            os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(opened)


def build_index(app: Flask, segments: int) -> None:
    """The newest segments of the search index, as the worker builds them."""
    with app.app_context():
        highest = db.session.scalar(text("SELECT max(id) FROM comment")) or 0
        newest = highest // index.SIZE
        for number in range(newest, max(-1, newest - segments), -1):
            with timed(f"segment {number}"):
                index.build(number)
                db.session.commit()


@contextmanager
def application(server: Postgres) -> Iterator[Flask]:
    app = service.application(server.url("bench"))
    try:
        yield app
    finally:
        with app.app_context():
            db.engine.dispose()


if __name__ == "__main__":
    main()

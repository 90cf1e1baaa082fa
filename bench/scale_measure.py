"""Sizes of a large database, its hot requests by the application itself, and the commands of its operator."""

import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text, update
from werkzeug.test import TestResponse

from app.desk import checks
from app.extensions import db
from app.lib.clock import now
from app.models import Comment, Site, Status, Thread
from bench import routes, service
from bench.fill import page_of
from bench.routes import Visit, logged_in, measure_once
from bench.scale_cpu import server_cpu, timed
from tests.services import Postgres

TIMES = 5
# Requests by endpoint, and by name where an endpoint has several.
HOT = (
    "thread.fragment", "embed.counts", "feeds.site", "api.latest.latest", "comments.post", "queue.show", "queue.find",
    "history.show", "statistics.show", "context.author", "threads.show", "sites.screening", "system.show",
    "health.metrics",
)  # fmt: skip
SIZES = text("""
SELECT relname, pg_relation_size(relid), pg_indexes_size(relid), pg_total_relation_size(relid)
FROM pg_stat_user_tables WHERE pg_total_relation_size(relid) > 1e6 ORDER BY 4 DESC
""")
INDEXES = text("""
SELECT indexrelname, pg_relation_size(indexrelid) FROM pg_stat_user_indexes
WHERE pg_relation_size(indexrelid) > 1e6 AND relname IN ('comment', 'decision', 'author') ORDER BY 2 DESC
""")
SCANNED = text("SELECT relname, seq_tup_read FROM pg_stat_user_tables")
# Pages of 8 KB that were not in the server's own memory.
READ = text("SELECT blks_read FROM pg_stat_database WHERE datname = current_database()")
# Rows of one request that were read without an index; fewer are small tables.
MANY = 10_000
DAY = timedelta(days=1)


def print_sizes(app: Flask) -> None:
    with app.app_context():
        print(f"{'table':24}{'rows':>14}{'MB':>10}{'indexes MB':>12}{'all MB':>10}{'bytes a row':>13}")
        for name, heap, indexes, whole in db.session.execute(SIZES).all():
            # Counted, because the server's own number is an estimate.
            rows = db.session.scalar(text(f"SELECT count(*) FROM {name}")) or 0  # noqa: S608
            each = whole / rows if rows else 0
            print(f"{name:24}{rows:14,}{heap / 1e6:10,.0f}{indexes / 1e6:12,.0f}{whole / 1e6:10,.0f}{each:13,.0f}")
        print(f"\n{'index':36}{'MB':>10}")
        for name, size in db.session.execute(INDEXES):
            print(f"{name:36}{size / 1e6:10,.0f}", flush=True)


def print_requests(app: Flask, server: Postgres) -> None:
    """Each request for the first time since the start, and the median of the next ones."""
    columns = f"{'first ms':>10}{'its pages':>10}{'ms':>8}{'CPU ms':>8}{'server':>8}{'queries':>9}{'WAL KB':>8}"
    print(f"\n{'request':58}{columns}  rows read without an index")
    client = logged_in(app)
    visits = [each for each in routes.visits(app) if each.endpoint in HOT]
    for visit in [*visits, *cold_threads(app), decision(app)]:
        print(f"{visit.endpoint + ', ' + visit.name:58}{cost(visit, client, app, server)}", flush=True)


def cost(visit: Visit, client: FlaskClient, app: Flask, server: Postgres) -> str:
    before, pages = scanned(app), pages_read(app)
    _cpu, first, _size = measure_once(visit, client)
    pages = pages_read(app) - pages
    written = wal(app)
    rounds = [once(visit, client, server) for _ in range(TIMES)]
    written = (wal(app) - written) / TIMES
    with service.recorded_statements(app) as statements:
        measure_once(visit, client)
    cpu, ms, theirs = (statistics.median(each[which] for each in rounds) for which in range(3))
    read = {name: rows - before.get(name, 0) for name, rows in scanned(app).items()}
    told = ", ".join(f"{name} {rows // (TIMES + 2):,}" for name, rows in read.items() if rows > MANY * (TIMES + 2))
    return f"{first:10.1f}{pages:10,}{ms:8.1f}{cpu:8.1f}{theirs:8.1f}{len(statements):9}{written / 1e3:8.0f}  {told}"


def once(visit: Visit, client: FlaskClient, server: Postgres) -> tuple[float, float, float]:
    """Processor time and elapsed time of a request, and processor time of the server, in ms."""
    before = server_cpu(server)
    cpu, ms, _size = measure_once(visit, client)
    return cpu, ms, (server_cpu(server) - before) * 1000


def cold_threads(app: Flask) -> list[Visit]:
    """Articles that no other request has read."""
    with app.app_context():
        threads = db.session.scalar(select(func.max(Thread.id))) or 0
    return [
        Visit("thread.fragment", f"a cold article, {at}", f"/embed/thread?site=bench&url={page_of(at)}")
        for at in (threads // 100, threads // 4, threads * 3 // 4)
    ]


@dataclass(frozen=True)
class Decide(Visit):
    """Approve a pending comment; each time another one."""

    waiting: Iterator[tuple[int, int]] = field(default_factory=lambda: iter(()))

    def send(self, client: FlaskClient) -> TestResponse:
        id, version = next(self.waiting)
        given = {"status": "approved", "seen": version}
        return client.post(f"{self.path}/{id}/decisions", data=given, headers=self.headers)


def decision(app: Flask) -> Visit:
    with app.app_context():
        waiting = select(Comment.id, Comment.version).where(Comment.status == Status.PENDING, Comment.site_id == 1)
        rows = db.session.execute(waiting.order_by(Comment.id.desc()).offset(500).limit(3 * TIMES)).tuples().all()
    script = {"X-Requested-With": "fetch"}
    return Decide("decisions.decide_one", "approve", "/moderate/comments", headers=script, waiting=iter(rows))


def wal(app: Flask) -> float:
    """Bytes of the write-ahead log; after a checkpoint, the first change of a page writes the whole page."""
    with app.app_context():
        return float(db.session.scalar(text("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")) or 0)


def scanned(app: Flask) -> dict[str, int]:
    with app.app_context():
        flush_statistics()
        return {row.relname: row.seq_tup_read for row in db.session.execute(SCANNED)}


def pages_read(app: Flask) -> int:
    with app.app_context():
        flush_statistics()
        return db.session.scalar(READ) or 0


def flush_statistics() -> None:
    db.session.execute(text("SELECT pg_stat_force_next_flush()"))
    db.session.commit()
    time.sleep(0.05)


def print_commands(app: Flask, server: Postgres) -> None:
    print()
    keep_but_a_day(app)
    run(app, server, "upkeep", "prune")
    run(app, server, "worker", "--once")
    with timed("flask check", server), app.app_context():
        codes = [code for code, *_rest in checks.all_findings()]
    print(f"{'':4}{', '.join(codes)}")
    for statement in ("ANALYZE comment", "VACUUM comment", "VACUUM"):
        with timed(statement, server):
            maintain(statement)(app)
    with timed("pg_dump, not compressed", server):
        print(f"{'':4}{dumped(server) / 1e6:,.0f} MB")


def keep_but_a_day(app: Flask) -> None:
    """Prune has as much to do as each night: the addresses of a day, and the spam of a day."""
    with app.app_context():
        oldest = db.session.scalar(select(func.min(Comment.created_at)))
        assert oldest
        days = max(1, (now() - oldest - DAY).days)
        db.session.execute(update(Site).values(keep_address_days=days, keep_spam_days=days))
        db.session.commit()


def run(app: Flask, server: Postgres, *words: str) -> None:
    with timed("flask " + " ".join(words), server):
        done = app.test_cli_runner().invoke(args=list(words))
    said = done.output.strip().splitlines() or [str(done.exception or "")]
    print("\n".join(f"{'':4}{line}" for line in said), flush=True)


def maintain(statement: str) -> Callable[[Flask], None]:
    def act(app: Flask) -> None:
        with app.app_context(), db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))

    return act


def dumped(server: Postgres) -> int:
    """Bytes of a dump, which is written nowhere."""
    command = [server.program("pg_dump"), "--format=custom", "--compress=none", f"--host={server.sockets}"]
    size = 0
    with subprocess.Popen([*command, "--username=postgres", "bench"], stdout=subprocess.PIPE) as process:
        assert process.stdout
        while part := process.stdout.read(1 << 20):
            size += len(part)
    return size

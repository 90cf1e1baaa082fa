"""Gauges of the installation for Prometheus: the database, queue, outbox, worker, backups and disk at this moment.

Each is an indexed or stored count, or stops at a limit, so that a scrape costs the same at any size.
"""

import logging
import platform
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from app import replica
from app.desk import replica_state, system
from app.extensions import db
from app.lib import deadline
from app.lib.clock import Moment, now
from app.models import Comment, Heartbeat, SiteCounter, Status, unsent
from app.models.site_counter import ACTOR, STATUS
from app.moderation.lanes import Lane
from app.notify import reply_email
from app.operations import backup_age, storage
from app.version import VERSION

log = logging.getLogger(__name__)

# Prometheus waits 10 s: a database that hangs must not look like a service that is away.
LONGEST_S = 2.0
# Counting the queue stops here.
MOST = 2_000


def families() -> Iterator[Metric]:
    """Without the database, those that do not need it, and `kaiwa_database_up 0`."""
    yield from _build()
    try:
        with deadline.for_each_statement(LONGEST_S):
            found = [each for part in _PARTS for each in part()]
        db.session.rollback()
    except SQLAlchemyError:
        log.warning("database does not answer", exc_info=True)
        found = []
    yield _gauge("database_up", "1 if the database answers.", bool(found))
    yield from found
    yield from _disk()


def _build() -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "kaiwa_build_info",
        "Version of Kaiwa, of Python, and kind of database.",
        labels=("version", "python", "database"),
    )
    family.add_metric((VERSION, platform.python_version(), db.engine.dialect.name), 1)
    yield family


def _comments() -> Iterator[Metric]:
    totals = SiteCounter.totals()
    by_status = {status.value: float(totals.get((STATUS, status), 0)) for status in Status}
    by_actor = {name: float(number) for (kind, name), number in totals.items() if kind == ACTOR}
    yield _labelled("comments", "Stored comments.", "status", by_status)
    yield _labelled("decisions", "Stored decisions.", "actor", by_actor)


def _queue() -> Iterator[Metric]:
    lanes = [lane for lane in Lane if lane]
    counted = select(*(_count(lane) for lane in lanes))
    oldest = select(*(_oldest(lane) for lane in lanes))
    names = [lane.name.lower() for lane in lanes]
    counts = dict(zip(names, db.session.execute(counted).one(), strict=True))
    ages = {name: _age(moment) for name, moment in zip(names, db.session.execute(oldest).one(), strict=True)}
    yield _labelled("queue_comments", f"Comments in the queue; {MOST} means as many or more.", "lane", counts)
    yield _labelled("queue_oldest_seconds", "Age of the oldest pending comment; 0 if there is none.", "lane", ages)


def _count(lane: Lane) -> Any:
    here = select(Comment.id).where(Comment.lane == lane, text("comment.lane <> 0")).limit(MOST).subquery()
    return select(func.count()).select_from(here).scalar_subquery()


def _oldest(lane: Lane) -> Any:
    waits = Comment.lane == lane, text("comment.lane <> 0"), Comment.status == Status.PENDING
    return select(func.min(Comment.created_at, type_=Moment)).where(*waits).scalar_subquery()


def _outbox() -> Iterator[Metric]:
    kinds = unsent.by_kind(bulk=reply_email.KIND)
    waiting = {each.kind: float(each.waiting) for each in kinds}
    failing = {each.kind: float(each.failing) for each in kinds}
    lags = {each.kind: _age(each.since) for each in kinds}
    told = f"{unsent.MOST_COUNTED} means as many or more of all kinds"
    yield _labelled("outbox_waiting", f"Unsent deliveries; {told}.", "kind", waiting)
    yield _labelled("outbox_failing", f"Unsent deliveries with a failed try; {told}.", "kind", failing)
    yield _labelled("outbox_lag_seconds", "Time since the oldest unsent delivery was due.", "kind", lags)


def _worker() -> Iterator[Metric]:
    yield _gauge("workers", "Workers that were seen in the last three minutes.", Heartbeat.alive())
    yield _gauge("worker_deaths", "Worker crashes in the last 10 minutes.", Heartbeat.deaths())
    seen = _stamp(Heartbeat.last_seen())
    yield _gauge("worker_seen_timestamp_seconds", "Time a worker was last seen; 0 if never.", seen)
    failing = dict.fromkeys(Heartbeat.failing_tasks(), 1.0)
    yield _labelled("worker_task_failing", "1 for a task whose last run failed.", "task", failing)


def _backups() -> Iterator[Metric]:
    ages = backup_age.ages()
    yield _gauge("backup_timestamp_seconds", "Time of the last backup; 0 if never.", _stamp(ages.made_at))
    yield _gauge("backup_max_age_seconds", "BACKUP_MAX_HOURS in seconds; 0 if off.", ages.made_within.total_seconds())
    yield _gauge(
        "restore_drill_timestamp_seconds", "Time of the last restore drill; 0 if never.", _stamp(ages.tried_at)
    )
    yield _gauge("backup_due", "1 if there was none for so long since the installation.", ages.backup_is_due)
    yield _gauge("restore_drill_due", "1 if there was none for so long since the first backup.", ages.drill_is_due)
    # As in `flask check`: who makes backups with another program tries them with it.
    within = ages.tried_within.total_seconds() if ages.made_within else 0
    yield _gauge("restore_drill_max_age_seconds", "DRILL_MAX_DAYS in seconds; 0 if off.", within)


def _database() -> Iterator[Metric]:
    yield _gauge("database_writable", "0 if the disk is full or the database read-only.", not storage.trouble())
    if db.engine.dialect.name == "sqlite":
        sizes = system.file_sizes()
        yield _gauge("database_size_bytes", "Size of the database.", sizes.get("bytes", 0))
        yield _gauge("database_wal_bytes", "Size of SQLite's write-ahead log.", sizes.get("wal_bytes", 0))
        return
    yield _gauge("database_size_bytes", "Size of the database.", db.session.scalar(select(system.size_of_database())))
    written = CounterMetricFamily(
        "kaiwa_database_wal_written_bytes", "Bytes that PostgreSQL wrote to its write-ahead log."
    )
    written.add_metric((), float(db.session.scalar(_WAL) or 0))
    yield written


def _replica() -> Iterator[Metric]:
    if replica.of_app() is None:
        return
    lag = replica_state.lag()
    yield _gauge("replica_up", "1 if the replica of DATABASE_READ_URL answers.", lag is not None)
    yield _gauge(
        "replica_lag_bytes", "Bytes of the write-ahead log that it has not replayed.", lag.bytes if lag else None
    )
    yield _gauge(
        "replica_lag_seconds", "Age of its newest transaction, if some are missing.", lag.seconds if lag else None
    )


# A standby has received them.
_WAL = text(
    "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn"
)
_PARTS = (_comments, _queue, _outbox, _worker, _backups, _database, _replica)


def _disk() -> Iterator[Metric]:
    free, whole = system.disk_space()
    yield _gauge("disk_free_bytes", "Free space on the disk of the database, or of the instance folder.", free)
    yield _gauge("disk_size_bytes", "Size of that disk.", whole)


def _gauge(name: str, help: str, value: float | None) -> Metric:
    return GaugeMetricFamily(f"kaiwa_{name}", help, value=float(value or 0))


def _labelled(name: str, help: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"kaiwa_{name}", help, labels=(label,))
    for value, number in values.items():
        family.add_metric((value,), float(number))
    return family


def _age(since: datetime | None) -> float:
    return max(0.0, (now() - since).total_seconds()) if since else 0.0


def _stamp(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0

"""Metrics of this process for Prometheus, or of all processes that share the folder PROMETHEUS_MULTIPROC_DIR.

`flask serve` sets the folder for its processes. Gauges of the database and the disk: app/desk/gauges.py.
"""

import fcntl
import logging
import os
import struct
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)

FOLDER = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
# Processes that share the folder.
MOST = 4096
# Requests without a route share one value: paths are unlimited, and may contain tokens.
UNKNOWN = "unknown"
# A file of metrics that cannot be read or understood.
UNREADABLE = (OSError, ValueError, RuntimeError, struct.error)
# The result of a hit is written to the file together with so many others.
TOGETHER = 64


def _merged(files: Iterable[str]) -> Iterable[Metric]:
    merged: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
    return merged


def _is_readable(file: str) -> bool:
    try:
        _merged([file])
    except UNREADABLE as trouble:
        log.warning("file of metrics cannot be read", extra={"file": file, "trouble": type(trouble).__name__})
        return False
    return True


class _Slot:
    """This process's number: the lowest that is free in the folder.

    The kernel frees it when the process ends; the next process continues the counters of the same files. Names by
    process id would leave files behind for ever, and a deleted file would look like a reset of all counters.
    """

    number: int | None = None
    lock = -1

    @classmethod
    def take(cls) -> int:
        if cls.number is None:
            folder = Path(FOLDER)
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                cls.number = next(number for number in range(MOST) if cls._is_free(folder / f"{number}.lock"))
                for file in folder.glob(f"*_{cls.number}.db"):
                    if not _is_readable(str(file)):
                        file.unlink()
            except (OSError, StopIteration) as trouble:
                raise RuntimeError(f"PROMETHEUS_MULTIPROC_DIR={FOLDER} cannot be used: {trouble}") from trouble
        return cls.number

    @classmethod
    def _is_free(cls, file: Path) -> bool:
        try:
            lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        except PermissionError:
            # Of another user, such as root on the command line.
            if file.exists():
                return False
            raise
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        cls.lock = lock
        return True

    @classmethod
    def forget(cls) -> None:
        """In a forked child: the number belongs to the parent."""
        cls.number = None


if FOLDER:
    os.register_at_fork(after_in_child=_Slot.forget)
    values.ValueClass = values.MultiProcessValue(_Slot.take)  # type: ignore[no-untyped-call]
disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "kaiwa_http_requests", "Requests that Flask answered.", ("method", "route", "status"), registry=REGISTRY
)
DURATIONS = Histogram(
    "kaiwa_http_request_duration_seconds", "Time from a request's first thread to the end of its answer.", ("route",),
    buckets=(0.025, 0.1, 0.5, 1, 5), registry=REGISTRY,
)  # fmt: skip
BUSY = Counter(
    "kaiwa_http_busy", "Requests answered 503, because no thread was free in time.", ("pool",), registry=REGISTRY
)
PAGE_CACHE = Counter(
    "kaiwa_page_cache_requests", "Requests for public pages: a hit is answered without Flask.", ("result",),
    registry=REGISTRY,
)  # fmt: skip
POSTS = Counter(
    "kaiwa_posts", "Comments that were accepted, by status after screening; repeated: sent again.", ("verdict",),
    registry=REGISTRY,
)  # fmt: skip
SCREENING = Histogram(
    "kaiwa_screening_duration_seconds", "Time of all checks of a comment.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5), registry=REGISTRY,
)  # fmt: skip
CHECKS = Counter("kaiwa_check_seconds", "Time of the checks of comments.", ("check",), registry=REGISTRY)
STATEMENTS = Histogram(
    "kaiwa_database_statement_duration_seconds", "Time of database statements, without fetching rows.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5), registry=REGISTRY,
)  # fmt: skip
CONNECTIONS = Gauge(
    "kaiwa_database_connections_open", "Open database connections.", multiprocess_mode="sum", registry=REGISTRY
)
IN_USE = Gauge(
    "kaiwa_database_connections_in_use", "Database connections that a request or task uses.", multiprocess_mode="sum",
    registry=REGISTRY,
)  # fmt: skip
REPLICA_READS = Counter(
    "kaiwa_replica_reads",
    "Reads that a replica may answer; the primary did if it was behind or away, or the page had just changed.",
    ("outcome",), registry=REGISTRY,
)  # fmt: skip
LOGIN_FAILURES = Counter(
    "kaiwa_login_failures", "Failed log-ins; limited: refused after too many.", ("step",), registry=REGISTRY
)
UNCOUNTED = Counter(
    "kaiwa_uncounted_requests", "Requests without rate limit, because the database was busy or away.", registry=REGISTRY
)
DELIVERIES = Counter(
    "kaiwa_outbox_deliveries", "Tries to send a delivery, by outcome.", ("kind", "outcome"), registry=REGISTRY
)
RUNS = Counter("kaiwa_worker_runs", "Runs of the worker's tasks.", ("task", "result"), registry=REGISTRY)
RUN_SECONDS = Counter("kaiwa_worker_run_seconds", "Time of the worker's tasks.", ("task",), registry=REGISTRY)

# Without these, a rate would miss the first event.
for _result in ("hit", "miss"):
    PAGE_CACHE.labels(_result)
for _verdict in ("approved", "pending", "spam", "rejected", "repeated"):
    POSTS.labels(_verdict)
for _pool in ("read", "post", "desk", "file"):
    BUSY.labels(_pool)
for _step in ("password", "second_factor", "confirmation", "single_sign_on", "limited"):
    LOGIN_FAILURES.labels(_step)
for _outcome in ("replica", "behind", "changed", "away"):
    REPLICA_READS.labels(_outcome)
# The files may have the values of a process that was killed.
CONNECTIONS.set(0)
IN_USE.set(0)


def note_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request. `route` is its pattern, or ''."""
    requests, durations = _of_route(method, route, status)
    requests.inc()
    durations.observe(seconds)


@lru_cache(maxsize=4096)
def _of_route(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, route or UNKNOWN, str(status)), DURATIONS.labels(route or UNKNOWN)


def note_run(task: str, seconds: float, *, failed: bool) -> None:
    """Count a run of one of the worker's tasks."""
    RUNS.labels(task, "failed" if failed else "ok").inc()
    RUN_SECONDS.labels(task).inc(seconds)


def note_delivery(kind: str, outcome: str) -> None:
    """Count a try: `sent`, `failed`, `gave up`, ..."""
    DELIVERIES.labels(kind, (outcome or "postponed").replace(" ", "_")).inc()


def note_kind(kind: str) -> None:
    """Begin to count its deliveries that are given up."""
    DELIVERIES.labels(kind, "gave_up")


class PageCacheCounts:
    """Hits and misses of an event loop."""

    def __init__(self) -> None:
        self.waiting, self.hits, self.misses = 0, PAGE_CACHE.labels("hit"), PAGE_CACHE.labels("miss")

    def hit(self) -> None:
        self.waiting += 1
        if self.waiting >= TOGETHER:
            self.write()

    def miss(self) -> None:
        """Each page has one within a second, so the hits are written soon, too."""
        self.misses.inc()
        self.write()

    def write(self) -> None:
        self.hits.inc(self.waiting)
        self.waiting = 0


class _Both(Collector):
    def __init__(self, more: Iterable[Metric]) -> None:
        self.more = more

    def collect(self) -> Iterable[Metric]:
        yield from _of_processes() if FOLDER else REGISTRY.collect()
        yield from self.more


def _of_processes() -> Iterable[Metric]:
    files = [str(file) for file in Path(FOLDER).glob("*.db") if not _is_past(file)]
    try:
        return _merged(files)
    except UNREADABLE:
        # Of another user, such as root on the command line, or cut off when the machine stopped.
        return _merged([file for file in files if _is_readable(file)])


def _is_past(file: Path) -> bool:
    """Whether it has the gauges of a process that has ended; its counters count on."""
    if not file.name.startswith("gauge_"):
        return False
    try:
        with file.with_name(f"{file.stem.rpartition('_')[2]}.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        # It runs, or belongs to another user.
        return False
    return True


def exposition(more: Iterable[Metric]) -> bytes:
    """All metrics in Prometheus's text format, version 0.0.4."""
    return generate_latest(_Both(more))

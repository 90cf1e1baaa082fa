"""Open connections to SQLite and PostgreSQL, and begin their transactions."""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from math import ceil
from time import monotonic, perf_counter, sleep
from typing import Any

from flask import g, has_request_context, request
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import Pool

from app.lib import chain, deadline, metrics
from app.lib.bounded_connection import bounded, is_cut_off
from app.lib.moved import is_of_a_moved_database

# How long a writer waits for SQLite's lock, and the polling interval; a comment holds it for 2 to 3 ms.
SQLITE_BUSY_MS, SQLITE_TURN_S = 15_000, 0.001
# Steps of SQLite's machine between two looks at the clock, a few milliseconds.
SQLITE_STEPS = 100_000
# For PostgreSQL's server and the network; the URL's own value takes precedence.
CONNECT_S = 5
SILENCE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # ms
}
READ_ONLY = "25006"  # SQLSTATE read_only_sql_transaction
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@event.listens_for(Engine, "do_connect")
def _make_private(dialect: Any, _record: Any, given: Sequence[Any], _named: dict[str, Any]) -> None:
    """Create SQLite's file for its owner only; SQLite gives WAL and shared memory the same mode."""
    path = str(given[0]) if dialect.name == "sqlite" and given else ""
    if not path or path.startswith((":memory:", "file:")):
        return
    # SQLite reports a missing folder.
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))


@event.listens_for(Engine, "do_connect")
def _connect(dialect: Any, _record: Any, words: list[Any], given: dict[str, Any]) -> Any:
    if dialect.name == "sqlite":
        return None  # SQLAlchemy's default
    timeout = int(given.get("connect_timeout", CONNECT_S))
    given |= {"connect_timeout": max(1, ceil(min(timeout, deadline.left())))}
    return bounded(dialect.loaded_dbapi).connect(*words, **(SILENCE | given))  # type: ignore[attr-defined]


@event.listens_for(Engine, "connect")
def _open(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        _open_sqlite(connection)
    elif _is_pooled(connection):
        connection.prepare_threshold = None


def _is_pooled(connection: Any) -> bool:
    """True behind a pooler, which may give each transaction another server process, without its prepared statements.

    A pooler reports a made-up process id.
    """
    connection.autocommit = True
    (real,) = connection.execute("SELECT pg_backend_pid()").fetchone()
    connection.autocommit = False
    return bool(real != connection.info.backend_pid)


@event.listens_for(Engine, "handle_error")
def _leave_a_server_that_only_reads(context: Any) -> None:
    """After a failover, drop connections to the former primary, and those that ended in place of an answer."""
    trouble = context.original_exception
    if is_cut_off(trouble) or getattr(trouble, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True


@event.listens_for(Engine, "handle_error", retval=True)
def _refuse_in_a_moved_database(context: Any) -> BaseException | None:
    """Not an IntegrityError, from which some callers conclude that the row is there."""
    trouble = context.original_exception
    if not is_of_a_moved_database(trouble):
        return None
    return OperationalError(context.statement, None, trouble)


def _open_sqlite(connection: sqlite3.Connection) -> None:
    connection.isolation_level = None  # BEGIN is sent below
    connection.set_progress_handler(deadline.passed, SQLITE_STEPS)
    connection.create_function("chain_link", 2, chain.link, deterministic=True)
    for pragma in (
        f"busy_timeout={SQLITE_BUSY_MS}",
        "journal_mode=WAL",
        # NORMAL may lose the last commits in a power cut.
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def begin(connection: Any) -> None:
    given = connection.get_execution_options()
    looks = given.get("reads_only", has_request_context() and g.get("reads_only", request.method in SAFE_METHODS))
    if connection.dialect.name == "sqlite":
        _begin_sqlite(connection, looks)
    elif "isolation_level" not in given:
        _begin_postgresql(connection.connection.dbapi_connection, looks)


def _begin_postgresql(raw: Any, looks: bool) -> None:
    """Read-only requests need no transaction: each statement sees committed data (READ COMMITTED), and two round trips
    are saved."""
    if raw.autocommit != looks:
        raw.autocommit = looks


def _begin_sqlite(connection: Any, looks: bool) -> None:
    """No transaction for reads, except for a snapshot.

    Writers take the lock before they read: upgrading a read transaction could only fail.
    """
    if connection.get_execution_options().get("sorts_in_a_file"):
        # Sorting may need space for a whole site. SQLite may refuse the change within a transaction.
        connection.exec_driver_sql("PRAGMA temp_store=FILE")
        connection.exec_driver_sql("BEGIN")
    elif not looks:
        _begin_to_write(connection)
    else:
        _wait_for_locks(connection.connection.dbapi_connection)


def _begin_to_write(connection: Any) -> None:
    """Poll for SQLite's write lock until the request's deadline.

    SQLite's busy handler backs off up to 0.1 s, so newer writers often went first: of eight simultaneous posts, some
    waited more than a second.
    """
    raw = connection.connection.dbapi_connection
    until = monotonic() + min(SQLITE_BUSY_MS / 1000, deadline.left())
    raw.execute("PRAGMA busy_timeout=0")
    try:
        while _is_taken(raw) and monotonic() < until:
            sleep(SQLITE_TURN_S)
        if not raw.in_transaction:
            # Raises the real error.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        _wait_for_locks(raw)


def _wait_for_locks(raw: sqlite3.Connection) -> None:
    """As long as the request may; whole seconds, because Python caches each statement text."""
    seconds = ceil(min(SQLITE_BUSY_MS / 1000, deadline.left()))
    raw.execute(f"PRAGMA busy_timeout={seconds * 1000}")


def _is_taken(raw: sqlite3.Connection) -> bool:
    """Begin; True if the lock is taken. Raises other errors."""
    try:
        raw.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as trouble:
        return trouble.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    return False


@event.listens_for(Engine, "before_cursor_execute")
def _start_the_clock(_connection: Any, _cursor: Any, _text: str, _given: Any, context: Any, _many: bool) -> None:
    context.started = perf_counter()


@event.listens_for(Engine, "after_cursor_execute")
def _note_the_time(_connection: Any, _cursor: Any, _text: str, _given: Any, context: Any, _many: bool) -> None:
    metrics.STATEMENTS.observe(perf_counter() - context.started)


@event.listens_for(Pool, "connect")
def _note_open(*_connection: Any) -> None:
    metrics.CONNECTIONS.inc()


@event.listens_for(Pool, "close")
def _note_closed(*_connection: Any) -> None:
    metrics.CONNECTIONS.dec()


@event.listens_for(Pool, "checkout")
def _note_use(*_connection: Any) -> None:
    metrics.IN_USE.inc()


@event.listens_for(Pool, "checkin")
def _note_end_of_use(*_connection: Any) -> None:
    metrics.IN_USE.dec()

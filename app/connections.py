"""How connections to SQLite and PostgreSQL are opened, and how their transactions begin."""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from math import ceil
from time import monotonic, sleep
from typing import Any

from flask import g, has_request_context, request
from sqlalchemy import Engine, event

from app.lib import deadline
from app.lib.bounded_connection import bounded

# So long a writer waits for SQLite's lock, and so often it asks; a comment holds it for two or three milliseconds.
SQLITE_BUSY_MS, SQLITE_TURN_S = 15_000, 0.001
# A statement looks at the clock after so many steps of SQLite's machine, a few milliseconds.
SQLITE_STEPS = 100_000
# How long PostgreSQL's server, and the network to it, may be silent; what the address says comes first.
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
    """Create SQLite's file for its owner only. SQLite gives its WAL and shared memory the same mode."""
    path = str(given[0]) if dialect.name == "sqlite" and given else ""
    if not path or path.startswith((":memory:", "file:")):
        return
    # A missing folder is reported by SQLite itself.
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))


@event.listens_for(Engine, "do_connect")
def _connect(dialect: Any, _record: Any, words: list[Any], given: dict[str, Any]) -> Any:
    if dialect.name == "sqlite":
        return None  # as SQLAlchemy does it
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
    """Whether a pooler stands before the server, which may give each transaction another one of its processes.

    A prepared statement would not be there. A pooler makes up the process id that the connection was told.
    """
    connection.autocommit = True
    (real,) = connection.execute("SELECT pg_backend_pid()").fetchone()
    connection.autocommit = False
    return bool(real != connection.info.backend_pid)


@event.listens_for(Engine, "handle_error")
def _leave_a_server_that_only_reads(context: Any) -> None:
    """After a failover a connection to the former primary is of no use; a new one finds the next server."""
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True


def _open_sqlite(connection: sqlite3.Connection) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, below
    connection.set_progress_handler(deadline.passed, SQLITE_STEPS)
    for pragma in (
        f"busy_timeout={SQLITE_BUSY_MS}",
        "journal_mode=WAL",
        # NORMAL may roll back the last commits when the power goes; what we acknowledged must stay.
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
    """Who only looks needs no transaction: each statement sees what is committed anyway (READ COMMITTED), and to begin
    and to end one are two ways to the server and back."""
    if raw.autocommit != looks:
        raw.autocommit = looks


def _begin_sqlite(connection: Any, looks: bool) -> None:
    """The same here, but for a snapshot, which is one moment.

    Writers queue for the lock before they read; one that upgraded later could only fail.
    """
    if connection.get_execution_options().get("sorts_in_a_file"):
        # What must be sorted may be a whole site. Within a transaction SQLite may refuse to change it.
        connection.exec_driver_sql("PRAGMA temp_store=FILE")
        connection.exec_driver_sql("BEGIN")
    elif not looks:
        _begin_to_write(connection)
    else:
        _wait_for_locks(connection.connection.dbapi_connection)


def _begin_to_write(connection: Any) -> None:
    """Take SQLite's one lock, asking as often as it may be free, until the request's deadline.

    SQLite's own busy handler backs off up to a tenth of a second, so the newest writer often went first: of eight
    simultaneous posts, some waited more than a second.
    """
    raw = connection.connection.dbapi_connection
    until = monotonic() + min(SQLITE_BUSY_MS / 1000, deadline.left())
    raw.execute("PRAGMA busy_timeout=0")
    try:
        while _is_taken(raw) and monotonic() < until:
            sleep(SQLITE_TURN_S)
        if not raw.in_transaction:
            # What is wrong is told as everywhere.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        _wait_for_locks(raw)


def _wait_for_locks(raw: sqlite3.Connection) -> None:
    """As long as the request may; in whole seconds, for Python keeps each text of a statement."""
    seconds = ceil(min(SQLITE_BUSY_MS / 1000, deadline.left()))
    raw.execute(f"PRAGMA busy_timeout={seconds * 1000}")


def _is_taken(raw: sqlite3.Connection) -> bool:
    """Begin, and say whether others kept us from it: any other trouble is no reason to wait."""
    try:
        raw.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as trouble:
        return trouble.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    return False

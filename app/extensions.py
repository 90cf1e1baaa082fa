"""The libraries that the whole house shares, and how the databases are asked to behave."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache
from math import ceil
from time import monotonic, sleep
from typing import Any

from flask import g, has_request_context, request
from flask_babel import Babel
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    CursorResult,
    Engine,
    Executable,
    Integer,
    MetaData,
    Select,
    event,
    func,
    literal_column,
    select,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase

from app.lib import deadline
from app.lib.cursor import remembering
from app.lib.patience import bounded

# SQLite gives row ids only to a column of type INTEGER.
Id = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    # Migrations must be able to name what they change, on both databases.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)
migrate = Migrate(render_as_batch=True)
csrf = CSRFProtect()
babel = Babel()

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


def only_look() -> None:
    """Until `then_write`, what this request asks the database only reads: on SQLite nobody waits for it.

    A POST takes SQLite's one lock with its first statement otherwise, and holds it while Python thinks.
    """
    g.only_looks = True


def then_write() -> None:
    """From here on this request writes, in one transaction; whoever has only looked has begun none that would end."""
    g.only_looks = False
    keep_what_was_read()
    if db.session().in_transaction():
        _begin(db.session.connection())


def keep_what_was_read() -> None:
    """What this request commits is not read anew afterwards: that would ask for each record alone, and take SQLite's
    lock again."""
    db.session().expire_on_commit = False


def end_transaction() -> None:
    """Roll back, or drop the connection where even that fails."""
    try:
        db.session.rollback()
    except SQLAlchemyError:
        db.session().invalidate()


def end_context(_error: BaseException | None) -> None:
    """End the transaction that a refused request left open. A connection that is lost by now changes no response."""
    if not db.session.registry.has():
        return
    try:
        # A rollback would expire the records that a streamed response still reads.
        db.session.close()
    except SQLAlchemyError:
        db.session().invalidate()


def rows_changed(statement: Executable) -> int:
    """Run an UPDATE or DELETE in the session and say how many rows it met."""
    result = db.session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)  # noqa: S101
    return result.rowcount


def new_ids(record: Any, count: int, *, above: int = 0) -> list[int]:
    """Ids for `count` new rows of a record, rising, higher than `above`, that nobody else gets.

    SQLite has no numbers to give away: there the caller's transaction must hold the lock for writing.
    """
    if db.engine.dialect.name == "sqlite":
        highest = max(db.session.connection().scalar(_highest(record)) or 0, above)
        return list(range(highest + 1, highest + 1 + count))
    ids = _taken(record, count)
    if ids and ids[0] <= above:
        db.session.execute(select(func.setval(sequence(record), above)))
        ids = _taken(record, count)
    return ids


def next_id(record: Any, dialect: str) -> ColumnElement[int]:
    """One of them, as a part of a question to such a database."""
    if dialect == "sqlite":
        return func.coalesce(_highest(record).scalar_subquery(), 0) + 1
    return func.nextval(sequence(record))


def _taken(record: Any, count: int) -> list[int]:
    return sorted(db.session.connection().scalars(_next(record, count)))


@lru_cache
def _next(record: Any, count: int) -> Select[int]:
    series = func.generate_series(constant(1), constant(count)).alias()
    return select(func.nextval(sequence(record))).select_from(series)


def sequence(record: Any) -> ColumnElement[str]:
    """From where PostgreSQL takes a record's ids."""
    return func.pg_get_serial_sequence(literal_column(f"'{record.__tablename__}'"), literal_column("'id'"))


def constant(number: int) -> ColumnElement[int]:
    """A number that is part of a statement.

    PostgreSQL must see the numbers on which a good plan hangs, or it plans anew each time that it is asked.
    """
    return literal_column(f"{number:d}", Integer)


def unindexed(column: Any) -> ColumnElement[int]:
    """The same number, for which no index is looked up.

    SQLite knows nothing of how its tables have grown, and reads all comments of a site by an index of sites rather than
    two dozen that are named.
    """
    return column + 0


@lru_cache
def _highest(record: Any) -> Select[int]:
    return select(func.max(record.__table__.c.id))


def snapshot() -> AbstractContextManager[None]:
    """Read from one moment, however long that takes, and hold no writer up; what was read is stale afterwards."""
    if db.engine.dialect.name == "sqlite":
        return _reading({"reads_only": True, "sorts_in_a_file": True})
    return _reading({"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})


def looking() -> AbstractContextManager[None]:
    """Read outside of a request, each question from its own moment, so that nothing old is kept for us meanwhile."""
    return _reading({"reads_only": True})


@contextmanager
def _reading(options: dict[str, Any]) -> Iterator[None]:
    db.session.rollback()
    db.session.connection(execution_options=options)
    try:
        yield
    finally:
        db.session.rollback()


@contextmanager
def writing() -> Iterator[None]:
    """A short transaction that may write, in a request that otherwise only reads; what it wrote is committed."""
    db.session.commit()
    db.session.connection(execution_options={"reads_only": False})
    yield
    db.session.commit()


@contextmanager
def losable() -> Iterator[Connection]:
    """The session's connection, for a short write that may be lost in a power cut.

    In a request that only reads, it commits by itself and does not wait for the disk; within a transaction that
    writes, it is a part of that.
    """
    connection = db.session.connection()
    raw: Any = connection.connection.dbapi_connection
    lasting = connection.dialect.name != "sqlite" or raw.in_transaction
    if lasting:
        yield connection
        return
    raw.execute("PRAGMA synchronous=NORMAL")
    try:
        yield connection
    finally:
        raw.execute("PRAGMA synchronous=FULL")


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
    else:
        connection.cursor_factory = remembering(connection.cursor_factory)
        if _is_pooled(connection):
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
def _begin(connection: Any) -> None:
    given = connection.get_execution_options()
    looks = given.get("reads_only", has_request_context() and (request.method in SAFE_METHODS or g.get("only_looks")))
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

    SQLite itself asks the more rarely the longer it has waited, in the end every tenth of a second: whoever came last
    went first, and of eight who posted at once some waited more than a second.
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

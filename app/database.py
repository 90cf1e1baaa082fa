"""Transactions of the session, ids for new rows, and hints for the query planner."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any

from flask import g
from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Executable,
    Integer,
    Select,
    func,
    literal_column,
    select,
)
from sqlalchemy.exc import SQLAlchemyError

from app.connections import begin
from app.extensions import db


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
        begin(db.session.connection())


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


def no_index(column: Any) -> ColumnElement[int]:
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

"""Transactions and records of the session, ids for new rows, and hints for the query planner."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from flask import g, request
from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Executable,
    Integer,
    Table,
    func,
    literal_column,
    select,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.sql.functions import FunctionElement

from app.connections import SAFE_METHODS, begin
from app.extensions import db


def read_only() -> None:
    """From here on this request only reads, except inside `write_transaction`.

    Without it a POST takes SQLite's one write lock with its first statement, and holds it while Python works.
    """
    g.reads_only = True


@contextmanager
def write_transaction() -> Iterator[None]:
    """A transaction that may write: committed at the end of the block, rolled back by an exception.

    Afterwards the request only reads. Records are not loaded again after the commit.
    """
    started_reading = _reads_only()
    g.reads_only = False
    db.session().expire_on_commit = False
    if started_reading and db.session().in_transaction():
        # SQLAlchemy's transaction is open, but a request that only reads has none in the database.
        begin(db.session.connection())
    try:
        yield
        db.session.commit()
    except BaseException:
        end_transaction()
        raise
    finally:
        g.reads_only = True


def _reads_only() -> bool:
    return bool(g.get("reads_only", request.method in SAFE_METHODS))


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


R = TypeVar("R", bound=Any)


def new(kind: type[R], **columns: Any) -> R:
    """A new record with these columns and relationships, without the ORM's change events, for `attach`."""
    record: R = kind()
    vars(record).update(columns)
    return record


def attach(record: Any, *referred: Any) -> None:
    """Add a record whose row exists to the session, with records that it refers to."""
    for each in (record, *referred):
        make_transient_to_detached(each)
    db.session.add(record)


def from_row(kind: type[R], row: Sequence[Any], **referred: Any) -> R:
    """The record of a row that has all columns of its table in their order: from the session, else attached to it."""
    values = dict(zip(kind.__table__.columns.keys(), row, strict=True))
    known: R | None = db.session().identity_map.get(db.Session.identity_key(kind, values["id"]))
    if known is not None:
        return known
    record = new(kind, **values, **referred)
    attach(record)
    return record


def new_ids(record: Any, count: int, *, above: int = 0) -> list[int]:
    """Unused, ascending ids for `count` new rows, higher than `above`.

    SQLite has no sequences: there the caller's transaction must hold the write lock.
    """
    table = record.__table__
    if db.engine.dialect.name == "sqlite":
        first = max(db.session.connection().scalar(select(next_id(table))) or 0, above + 1)
        return list(range(first, first + count))
    ids = _taken(table, count)
    if ids and ids[0] <= above:
        db.session.execute(select(func.setval(_sequence(table), above)))
        ids = _taken(table, count)
    return ids


def _taken(table: Table, count: int) -> list[int]:
    series = func.generate_series(constant(1), constant(count)).alias()
    return sorted(db.session.connection().scalars(select(next_id(table)).select_from(series)))


def _sequence(table: Table) -> ColumnElement[str]:
    return func.pg_get_serial_sequence(literal_column(f"'{table.name}'"), literal_column("'id'"))


class _NextId(FunctionElement[int]):
    type = Integer()
    inherit_cache = True


def next_id(table: Table) -> ColumnElement[int]:
    """The next id of a table as an expression: from its sequence, or SQLite's highest id and one."""
    return _NextId(literal_column(f"'{table.name}'"))


@compiles(_NextId, "postgresql")
def _from_sequence(element: Any, compiler: Any, **options: Any) -> str:
    return f"nextval(pg_get_serial_sequence({compiler.process(element.clauses, **options)}, 'id'))"


@compiles(_NextId, "sqlite")
def _above_highest(element: Any, _compiler: Any, **_options: Any) -> str:
    (quoted,) = element.clauses
    table = quoted.name.strip("'")
    return f"(SELECT coalesce(max(id), 0) + 1 FROM {table})"  # noqa: S608


def constant(number: int) -> ColumnElement[int]:
    """A number that is part of a statement.

    PostgreSQL needs these numbers for a good plan: as parameters they make it plan each execution again.
    """
    return literal_column(f"{number:d}", Integer)


def no_index(column: Any) -> ColumnElement[int]:
    """The same number, for which no index is looked up.

    SQLite knows nothing of how its tables have grown, and reads all comments of a site by an index of sites rather than
    two dozen that are named.
    """
    same: ColumnElement[int] = column + 0
    return same


def snapshot() -> AbstractContextManager[None]:
    """Read from one moment, however long that takes, and hold no writer up; what was read is stale afterwards."""
    if db.engine.dialect.name == "sqlite":
        return _reading({"reads_only": True, "sorts_in_a_file": True})
    return _reading({"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})


def autocommit_reads() -> AbstractContextManager[None]:
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

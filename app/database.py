"""Transactions, ids for new rows, and hints for the query planner."""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import g, request
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    CursorResult,
    Executable,
    Integer,
    Select,
    Table,
    any_,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.sql.functions import FunctionElement

from app.connections import SAFE_METHODS, begin
from app.extensions import db

FEW = 100  # ids, each of which is a parameter


def read_only() -> None:
    """Make this request read-only, except inside `write_transaction`.

    Otherwise a POST takes SQLite's write lock with its first statement.
    """
    g.reads_only = True


def writes_again() -> None:
    """End `read_only`: the next statement of a POST begins a write transaction."""
    g.pop("reads_only", None)


@contextmanager
def write_transaction() -> Iterator[None]:
    """A write transaction: committed at the end of the block, rolled back on an exception.

    Afterwards the request is read-only. Records are not reloaded after the commit.
    """
    deferred: _Deferred | None = g.get("deferred_commit")
    joins = deferred is not None and deferred.is_open
    if not joins:
        _begin_writing()
    try:
        if deferred and not joins:
            deferred.is_open = True
            deferred.first()
        yield
        if not deferred:
            db.session.commit()
    except BaseException:
        end_transaction()
        if deferred:
            deferred.is_open = False
        raise
    finally:
        g.reads_only = True


def _begin_writing() -> None:
    started_reading = _reads_only()
    g.reads_only = False
    db.session().expire_on_commit = False
    if started_reading and db.session().in_transaction():
        # SQLAlchemy's transaction is open, but a read-only request has none in the database.
        begin(db.session.connection())


@dataclass
class _Deferred:
    first: Callable[[], None]
    is_open: bool = False
    then: list[Callable[[], None]] = field(default_factory=list)


@contextmanager
def deferred_commit(first: Callable[[], None]) -> Iterator[None]:
    """Make the write transactions of this block one, which is committed at its end.

    It begins with `first`, as late as the first of them does. One that fails takes back those before.
    """
    g.deferred_commit = deferred = _Deferred(first)
    try:
        yield
        if deferred.is_open:
            db.session.flush()
            db.session.commit()
    except BaseException:
        end_transaction()
        raise
    finally:
        g.pop("deferred_commit")
    for act in deferred.then:
        act()


def after_commit(act: Callable[[], None]) -> None:
    """Do what no rollback takes back: now, or once a deferred transaction is committed."""
    deferred: _Deferred | None = g.get("deferred_commit")
    if deferred:
        deferred.then.append(act)
    else:
        act()


def _reads_only() -> bool:
    return bool(g.get("reads_only", request.method in SAFE_METHODS))


def end_transaction() -> None:
    """Roll back, or drop the connection if that fails."""
    try:
        db.session.rollback()
    except SQLAlchemyError:
        db.session().invalidate()


def end_context(_error: BaseException | None) -> None:
    """End the transaction of a refused request. A lost connection changes no response."""
    if not db.session.registry.has():
        return
    try:
        # A rollback would expire the records of a streamed response.
        db.session.close()
    except SQLAlchemyError:
        db.session().invalidate()


def rows_changed(statement: Executable) -> int:
    """Run an UPDATE or DELETE and return the number of rows."""
    result = db.session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)  # noqa: S101
    return result.rowcount


R = TypeVar("R", bound=Any)


def new(kind: type[R], **columns: Any) -> R:
    """A new record without the ORM's change events, for `attach`."""
    record: R = kind()
    vars(record).update(columns)
    return record


def attach(record: Any, *referred: Any) -> None:
    """Add a record with an existing row to the session, with records that it refers to."""
    for each in (record, *referred):
        make_transient_to_detached(each)
    db.session.add(record)


def from_row(kind: type[R], row: Sequence[Any], **referred: Any) -> R:
    """The record of a row with all columns in order: from the session, else attached to it."""
    values = dict(zip(kind.__table__.columns.keys(), row, strict=True))
    known: R | None = db.session().identity_map.get(db.Session.identity_key(kind, values["id"]))
    if known is not None:
        return known
    record = new(kind, **values, **referred)
    attach(record)
    return record


def new_ids(record: Any, count: int, *, above: int = 0) -> list[int]:
    """Unused, ascending ids for `count` new rows, above `above`.

    SQLite has no sequences: the caller must hold the write lock.
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
    """Next id of a table: from its sequence, or SQLite's highest id plus one."""
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
    """A number as part of the statement: as a parameter, PostgreSQL would plan each execution again."""
    return literal_column(f"{number:d}", Integer)


def no_index(column: Any) -> ColumnElement[int]:
    """The same number without index look-up.

    SQLite has no statistics and would read all comments of a site by its index rather than two dozen by id.
    """
    same: ColumnElement[int] = column + 0
    return same


def among(ids: Collection[int]) -> Select[Any]:
    """Any number of ids as one parameter, for `column.in_(among(ids))`.

    A list has one parameter for each: SQLite refuses more than 32,766, PostgreSQL more than 65,535.
    """
    if db.engine.dialect.name == "sqlite":
        return select(func.json_each(json.dumps(list(ids))).table_valued("value").c.value)
    return select(func.unnest(literal(list(ids), ARRAY(BigInteger))))


def one_of(column: Any, ids: Collection[int]) -> ColumnElement[bool]:
    """The column has one of any number of ids; a few stay a list, which both databases plan best."""
    if len(ids) > FEW and db.engine.dialect.name != "sqlite":
        return column == any_(literal(list(ids), ARRAY(BigInteger)))  # type: ignore[no-any-return]
    return column.in_(ids if len(ids) <= FEW else among(ids))  # type: ignore[no-any-return]


def snapshot() -> AbstractContextManager[None]:
    """Read a snapshot for any length of time without blocking writers; loaded records are stale afterwards."""
    if db.engine.dialect.name == "sqlite":
        return _reading({"reads_only": True, "sorts_in_a_file": True})
    return _reading({"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})


def autocommit_reads() -> AbstractContextManager[None]:
    """Read outside of a request without a transaction, so that PostgreSQL can remove old row versions."""
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
    """The session's connection for a short write that may be lost in a power cut.

    In a read-only request it commits without waiting for the disk; within a write transaction it is a part of that.
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

"""The rows of all tables in a form that is the same on SQLite and PostgreSQL: read, write and digest them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    cast,
    delete,
    func,
    insert,
    select,
    tuple_,
)
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError
from sqlalchemy.types import TypeEngine

from app.extensions import db
from app.lib.clock import Moment
from app.lib.secrets import Encrypted

# Rows of a batch, and about how many characters and bytes they may have together.
FIRST_ROWS, MOST_ROWS, MOST_SIZE = 10, 1000, 4 * 1024 * 1024
DIGESTS = 2**128
# Tables that are not moved, and why.
LEFT_OUT = {
    "heartbeat": "tells which processes of the old installation run",
    "turn": "tells which of them are at work",
}

# The other database forgets changes after this commit: a crash must not lose it.
LASTING = "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"

Row = tuple[Any, ...]
Key = tuple[Any, ...]


class MoveError(Exception):
    """The installation cannot be moved; the message says why and what to do."""


@dataclass(frozen=True)
class Moved:
    """A table to be moved, whose columns have types that read and write the stored values: secrets stay encrypted."""

    table: Table
    json: frozenset[str]

    @property
    def name(self) -> str:
        return str(self.table.name)

    @cached_property
    def names(self) -> list[str]:
        return [column.name for column in self.table.columns]

    @cached_property
    def key(self) -> tuple[Column[Any], ...]:
        return tuple(self.table.primary_key)

    @cached_property
    def _places(self) -> tuple[int, ...]:
        return tuple(self.names.index(column.name) for column in self.key)

    @cached_property
    def _values(self) -> list[ColumnElement[Any]]:
        """JSON as its text: parsed and written again, it could differ."""
        return [cast(each, Text) if each.name in self.json else each for each in self.table.columns]

    def key_of(self, row: Row) -> Key:
        return tuple(row[place] for place in self._places)

    def batches(self, connection: Connection) -> Iterator[list[Row]]:
        """All rows by primary key; no statement runs longer than for one batch."""
        after, limit = None, FIRST_ROWS
        while rows := self.rows_after(connection, after, limit):
            yield rows
            after, limit = self.key_of(rows[-1]), next_limit(rows, limit)

    def rows_after(self, connection: Connection, after: Key | None, limit: int) -> list[Row]:
        query = select(*self._values).order_by(*self.key).limit(limit)
        if after is not None:
            query = query.where(tuple_(*self.key) > tuple_(*after))
        return [tuple(row) for row in connection.execute(query)]

    def rows_with(self, connection: Connection, keys: Collection[Key]) -> list[Row]:
        return [tuple(row) for row in connection.execute(select(*self._values).where(self._is_one_of(keys)))]

    def insert(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Raises MoveError for values that the database does not take, IntegrityError for a value that is taken."""
        if not rows:
            return
        try:
            if connection.dialect.name == "postgresql":
                self._copy(connection, rows)
            else:
                connection.execute(insert(self.table), [dict(zip(self.names, row, strict=True)) for row in rows])
        except (IntegrityError, OperationalError):
            # A full disk or a lost connection is no row's fault.
            raise
        except Exception as trouble:
            if not isinstance(trouble, StatementError | ValueError) and not hasattr(trouble, "sqlstate"):
                raise
            raise self._refusal(rows, trouble) from trouble

    def delete(self, connection: Connection, keys: Collection[Key]) -> None:
        connection.execute(delete(self.table).where(self._is_one_of(keys)))

    def count(self, connection: Connection) -> int:
        return connection.scalar(select(func.count()).select_from(self.table)) or 0

    def named(self, key: Key) -> str:
        """A row in a message: its table and key, never its values."""
        return f"{self.name} {', '.join(map(str, key))}"

    def difference(self, row: Row, other: Row) -> list[str]:
        return [name for name, one, two in zip(self.names, row, other, strict=True) if one != two]

    def _is_one_of(self, keys: Collection[Key]) -> ColumnElement[bool]:
        if len(self.key) == 1:
            return self.key[0].in_([value for (value,) in keys])
        return tuple_(*self.key).in_(list(keys))

    def _copy(self, connection: Connection, rows: Sequence[Row]) -> None:
        quote = connection.dialect.identifier_preparer.quote
        names = ", ".join(map(quote, self.names))
        raw: Any = connection.connection.dbapi_connection
        try:
            with raw.cursor() as cursor, cursor.copy(f"COPY {quote(self.name)} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        except raw.psycopg.IntegrityError as trouble:
            raise IntegrityError("COPY", None, trouble) from trouble
        except raw.psycopg.OperationalError as trouble:
            raise OperationalError("COPY", None, trouble) from trouble

    def _refusal(self, rows: Sequence[Row], trouble: BaseException) -> MoveError:
        for row in rows:
            for name, value in zip(self.names, row, strict=True):
                if isinstance(value, str) and "\0" in value:
                    return MoveError(
                        f"{self.named(self.key_of(row))} has a NUL character in {name}, which PostgreSQL cannot store. "
                        "Remove it in the old database, and run the command again."
                    )
        first, last = (self.named(self.key_of(row)) for row in (rows[0], rows[-1]))
        cause = trouble.orig if isinstance(trouble, StatementError) and trouble.orig else trouble
        # Messages of databases have values in them.
        kind = f"{type(cause).__name__} {getattr(cause, 'sqlstate', '') or ''}".strip()
        return MoveError(f"The new database does not take a row from {first} to {last}: {kind}.")


@lru_cache(maxsize=1)
def moved_tables() -> tuple[Moved, ...]:
    """All tables of this version that are moved, parents first."""
    return tuple(_moved(table) for table in db.metadata.sorted_tables if table.name not in LEFT_OUT)


def next_limit(rows: Sequence[Row], limit: int) -> int:
    """Rows of the next batch: as many as have a bounded size, if they are like these."""
    size = sum(len(value) for row in rows for value in row if isinstance(value, str | bytes))
    return max(1, min(MOST_ROWS, 4 * limit, MOST_SIZE * len(rows) // max(1, size)))


def digest(rows: Sequence[Row]) -> int:
    """A sum of the rows' hashes, so that their order does not matter and single rows can be subtracted."""
    return sum(int.from_bytes(sha256(repr(row).encode(errors="replace")).digest()[:16]) for row in rows) % DIGESTS


def _moved(table: Table) -> Moved:
    columns = [Column(each.name, _stored(each), primary_key=each.primary_key) for each in table.columns]
    json = frozenset(each.name for each in table.columns if isinstance(each.type, JSON))
    return Moved(Table(table.name, MetaData(), *columns), json)


def _stored(column: Column[Any]) -> TypeEngine[Any]:
    """The type of the stored value, for example the ciphertext of an encrypted value."""
    kind = column.type
    if isinstance(kind, String | Encrypted | JSON):
        return Text()
    if isinstance(kind, Moment | Boolean | Integer | Float | LargeBinary):
        return kind
    raise TypeError(f"{column} has the type {kind!r}: say in move_rows.py how it is stored")

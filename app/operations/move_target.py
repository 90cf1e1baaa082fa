"""The new database of a move: what all kinds have in common. Until the end, no server finds its tables."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from alembic import command
from flask import current_app
from sqlalchemy import Column, Connection, Engine, Integer, MetaData, String, Table, Text, inspect, select, update

from app.operations.move_rows import MoveError, moved_tables

MAKING, COPYING, READY = "making", "copying", "ready"
INDEX, LAST = "index", "last"

_own = MetaData()
PROGRESS = Table(
    "kaiwa_move_state", _own,
    Column("token", String(32), primary_key=True), Column("stage", String(16), nullable=False),
)  # fmt: skip
TABLES = Table(
    "kaiwa_move_table", _own,
    Column("name", String(64), primary_key=True),
    # The last key of the first pass; null before it and after it.
    Column("upto", Text), Column("done", Integer, nullable=False),
    Column("rows", Integer, nullable=False), Column("digest", String(32), nullable=False),
)  # fmt: skip
# Statements that make indexes after the first pass, and constraints and triggers at the end.
STATEMENTS = Table(
    "kaiwa_move_statement", _own,
    Column("id", Integer, primary_key=True),
    Column("phase", String(8), nullable=False), Column("sql", Text, nullable=False),
)  # fmt: skip
OWN_TABLES = tuple(_own.tables)


class Progress(NamedTuple):
    upto: str | None
    done: int
    rows: int
    digest: int


class Target(ABC):
    """A new database. `label` names it without a password."""

    label: str
    engine: Engine

    @abstractmethod
    def found(self) -> str:
        """The token of the move that has begun in it, '' if it is empty. Raises MoveError if it is neither."""

    @abstractmethod
    def is_public(self) -> bool:
        """True if servers find its tables already."""

    @abstractmethod
    def _make_place(self, connection: Connection) -> None:
        """Make the place where no server looks, in the same transaction as the state."""

    @abstractmethod
    def _take_apart(self, connection: Connection) -> Iterator[tuple[str, str]]:
        """Remove what slows down or hinders copying; yields the statements that make it again, with their phase."""

    @abstractmethod
    def set_sequences(self, connection: Connection) -> None: ...

    @abstractmethod
    def publish(self) -> None:
        """Let servers find the tables."""

    @abstractmethod
    def discard(self) -> None:
        """Delete an unfinished target."""

    @abstractmethod
    def close(self) -> None:
        """Close all connections."""

    @abstractmethod
    def reading_engine(self) -> Engine:
        """For a look at the tables, wherever they are."""

    def prepare(self, token: str) -> None:
        """Make the tables, or find those of an earlier run. Raises MoveError."""
        found = self.found()
        if found and found != token:
            raise MoveError(f"{self.label} belongs to another move. Delete it, and give an empty database.")
        if found and self.stage() == MAKING:
            # Killed while the tables were made: nothing is in them.
            self.discard()
            found = ""
        if found:
            return
        with self.engine.begin() as connection:
            self._make_place(connection)
            _own.create_all(connection)
            connection.execute(PROGRESS.insert().values(token=token, stage=MAKING))
        self._migrate()
        with self.engine.begin() as connection:
            statements = list(self._take_apart(connection))
            connection.execute(STATEMENTS.insert(), [{"phase": phase, "sql": sql} for phase, sql in statements])
            for each in reversed(moved_tables()):
                # Rows that a migration makes.
                connection.execute(each.table.delete())
                connection.execute(TABLES.insert().values(name=each.name, done=0, rows=0, digest="0"))
            connection.execute(PROGRESS.update().values(stage=COPYING))

    def stage(self) -> str:
        with self.engine.connect() as connection:
            return str(connection.scalar(select(PROGRESS.c.stage)))

    def make_indexes(self) -> Iterator[str]:
        """Yields each statement before it runs."""
        while True:
            with self.engine.begin() as connection:
                row = connection.execute(
                    select(STATEMENTS).where(STATEMENTS.c.phase == INDEX).order_by(STATEMENTS.c.id).limit(1)
                ).one_or_none()
                if row is None:
                    return
                yield row.sql
                connection.exec_driver_sql(row.sql)
                connection.execute(STATEMENTS.delete().where(STATEMENTS.c.id == row.id))

    def seal(self, connection: Connection) -> None:
        """Make constraints and triggers, in the transaction of the last pass."""
        for sql in connection.scalars(select(STATEMENTS.c.sql).order_by(STATEMENTS.c.id)).all():
            connection.exec_driver_sql(sql)
        self.set_sequences(connection)
        connection.execute(PROGRESS.update().values(stage=READY))

    def _migrate(self) -> None:
        config = current_app.extensions["migrate"].migrate.get_config()
        config.attributes["engine"] = self.engine
        command.upgrade(config, "head")


def progress(connection: Connection, name: str) -> Progress:
    row = connection.execute(select(TABLES).where(TABLES.c.name == name)).one()
    return Progress(row.upto, row.done, row.rows, int(row.digest, 16))


def lock_progress(connection: Connection, name: str, seen: Progress | None = None) -> Progress:
    """Lock the table's row of progress, before its rows are read. Raises MoveError if it is not as it was seen."""
    connection.execute(update(TABLES).where(TABLES.c.name == name).values(done=TABLES.c.done))
    found = progress(connection, name)
    if seen and found != seen:
        raise MoveError("Another run of this command goes on with the move; this one has stopped.")
    return found


def set_progress(connection: Connection, name: str, given: Progress) -> None:
    values = {"upto": given.upto, "done": given.done, "rows": given.rows, "digest": f"{given.digest:x}"}
    connection.execute(update(TABLES).where(TABLES.c.name == name).values(values))


def token_in(connection: Connection) -> str:
    """The token of the state, '' without one."""
    return str(connection.scalar(select(PROGRESS.c.token))) if inspect(connection).has_table(PROGRESS.name) else ""

"""The old database of a move: note which rows change while they are copied, and refuse writes at the end.

Triggers do both, so that it holds for every process that uses the database, whatever its version.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, Text, inspect, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from app.extensions import Id, db
from app.lib.clock import Moment, now
from app.lib.moved import MOVED
from app.operations import upgrades
from app.operations.move_rows import LASTING, Key, Moved, MoveError, moved_tables

TRIES_MS = 500
TOO_BUSY = (
    f"Other processes have locked the old database for {upgrades.TIMEOUT_S / 60:.0f} minutes. Nothing is lost: run the "
    "command again, and it goes on."
)
PREPARING, COPYING, ENDED, CANCELLED = "preparing", "copying", "moved", "cancelled"

# Not tables of Kaiwa: they are there during a move only.
_own = MetaData()
MOVE = Table(
    "kaiwa_move", _own,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("token", String(32), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("target", Text, nullable=False),
    Column("revision", String(32), nullable=False),
    Column("started_at", Moment, nullable=False),
    # The newest run of the command; an older one that still runs stops.
    Column("run", String(32), nullable=False),
)  # fmt: skip
# Changes as they happen, with a number that is never used again.
NOTE = Table(
    "kaiwa_move_note", _own,
    Column("id", Id, primary_key=True), Column("name", String(64), nullable=False), Column("key", Text, nullable=False),
    sqlite_autoincrement=True,
)  # fmt: skip
# Changed rows that are to be copied again, each once.
DUE = Table(
    "kaiwa_move_due", _own,
    Column("name", String(64), primary_key=True), Column("key", Text, primary_key=True),
)  # fmt: skip
EVENTS = {"insert": ("NEW",), "update": ("OLD", "NEW"), "delete": ("OLD",)}


@dataclass(frozen=True)
class Move:
    """The state of a move. `token` is the same in the old and the new database."""

    token: str
    stage: str
    target: str
    revision: str
    started_at: datetime


def state(connection: Connection | None = None) -> Move | None:
    """The move of this database, if one has begun. Raises SQLAlchemyError."""
    if connection is None:
        with db.engine.connect().execution_options(reads_only=True) as opened:
            return state(opened)
    if not inspect(connection).has_table(MOVE.name):
        return None
    columns = (MOVE.c.token, MOVE.c.stage, MOVE.c.target, MOVE.c.revision, MOVE.c.started_at)
    row = connection.execute(select(*columns)).one_or_none()
    return Move(*row) if row else None


class Source:
    """The database of this installation during one run of the command."""

    def __init__(self, tell: Callable[[str], None] = lambda _line: None) -> None:
        self.run = uuid4().hex
        self._tell = tell

    def begin(self, target: str) -> Move:
        """Begin a move to `target`, or continue it; from here on each change is noted. Raises MoveError."""
        self.patiently(lambda connection: self._begin(connection, target))
        found = state()
        assert found  # noqa: S101
        if found.stage == PREPARING:
            self._note_changes()
            self.patiently(lambda connection: connection.execute(MOVE.update().values(stage=COPYING)), mine=True)
        return found

    def _begin(self, connection: Connection, target: str) -> None:
        _own.create_all(connection)
        revision = revision_of(connection)
        row = {"id": 1, "token": uuid4().hex, "stage": PREPARING, "target": target, "revision": revision,
               "started_at": now(), "run": self.run}  # fmt: skip
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        connection.execute(dialect.insert(MOVE).values(row).on_conflict_do_nothing())
        found = state(connection)
        assert found  # noqa: S101
        _admit(found, target, revision)
        connection.execute(MOVE.update().values(run=self.run))

    def waiting(self) -> int:
        """About how many changes were noted and not copied yet."""
        with self.reading() as connection:
            newest, oldest = connection.execute(text("SELECT max(id), min(id) FROM kaiwa_move_note")).one()
        return newest - oldest + 1 if newest else 0

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read without a transaction."""
        with db.engine.connect().execution_options(reads_only=True) as connection:
            yield connection

    def collect(self) -> None:
        """Make committed changes due. It deletes only notes that it has read: both statements see one snapshot."""
        level = {"isolation_level": "REPEATABLE READ"} if db.engine.dialect.name == "postgresql" else {}
        self.patiently(collect, mine=True, **level)

    def forget_due(self) -> None:
        self.patiently(lambda connection: connection.execute(DUE.delete()), mine=True)

    @contextmanager
    def stopped(self) -> Iterator[Connection]:
        """Stop writers until the end of the block, and for good if it ends well. Readers go on.

        The database itself undoes it if this process ends before.
        """
        with _locked(self) as connection:
            yield connection
            connection.execute(MOVE.update().values(stage=ENDED))
            connection.commit()

    def patiently(self, act: Callable[[Connection], Any], *, mine: bool = False, **options: Any) -> None:
        """In one transaction, again and again for minutes while others have the locks."""

        def attempt() -> None:
            with db.engine.connect().execution_options(**options) as connection, connection.begin():
                if connection.dialect.name == "postgresql":
                    # It waits only briefly, so that it blocks none.
                    connection.execute(text(f"SET LOCAL lock_timeout = '{TRIES_MS}ms'"))
                if mine:
                    self._is_mine(connection)
                act(connection)

        self.retry(attempt)

    def retry(self, attempt: Callable[[], None]) -> None:
        """Raises MoveError if others have the locks for too long."""
        try:
            upgrades.run_with_retries(attempt, lambda _line: self._tell("waiting for the writers"))
        except DBAPIError as trouble:
            if not upgrades.is_about_locks(trouble):
                raise
            raise MoveError(TOO_BUSY) from trouble

    def _note_changes(self) -> None:
        """Not after --cancel, which would leave these triggers behind."""
        tables = [[each] for each in moved_tables()]
        if db.engine.dialect.name == "sqlite":
            tables, make = [list(moved_tables())], _sqlite_triggers
        else:
            make = _postgresql_triggers
        for some in tables:
            self.patiently(partial(_execute, statements=[sql for each in some for sql in make(each)]), mine=True)

    def _is_mine(self, connection: Connection) -> None:
        if not connection.execute(MOVE.update().where(MOVE.c.run == self.run).values(run=self.run)).rowcount:
            raise MoveError("Another run of this command goes on with the move; this one has stopped.")


def collect(connection: Connection) -> None:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    noted = select(NOTE.c.name, NOTE.c.key).distinct().where(text("true"))
    connection.execute(dialect.insert(DUE).from_select(["name", "key"], noted).on_conflict_do_nothing())
    connection.execute(NOTE.delete())


def due(connection: Connection, name: str, most: int) -> Iterator[list[Key]]:
    """The keys of changed rows of a table, in batches."""
    query = select(DUE.c.key).where(DUE.c.name == name).order_by(DUE.c.key).limit(most)
    keys: Sequence[str] = connection.scalars(query).all()
    while keys:
        yield [tuple(json.loads(key)) for key in keys]
        keys = connection.scalars(query.where(DUE.c.key > keys[-1])).all()


def cancel(tell: Callable[[str], None] = lambda _line: None) -> None:
    """Let the database take writes again, and remove all traces of the move. Raises MoveError."""
    source = Source(tell)
    # A run of the command that is under way stops, because it is not its move any more.
    source.patiently(lambda connection: connection.execute(MOVE.update().values(stage=CANCELLED, run=source.run)))
    for each in moved_tables():
        source.patiently(partial(_execute, statements=tuple(_triggers_gone(each))))
    source.patiently(_own.drop_all)


def revision_of(connection: Connection) -> str:
    return " ".join(sorted(MigrationContext.configure(connection).get_current_heads()))


def _admit(found: Move, target: str, revision: str) -> None:
    if found.stage == CANCELLED:
        raise MoveError("A move is being cancelled. Run: flask upkeep move-to --cancel")
    if found.target != target:
        raise MoveError(
            f"A move to {found.target} has begun. Go on with that one, or end it: flask upkeep move-to --cancel"
        )
    if found.revision != revision:
        raise MoveError(
            "The tables were changed by another version since the move began. End it, and begin again with an empty "
            "database: flask upkeep move-to --cancel"
        )


def _execute(connection: Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)


@contextmanager
def _locked(source: Source) -> Iterator[Connection]:
    """A transaction that no writer can be in between: SQLite's write lock, or locks on all tables."""
    with db.engine.connect() as connection:

        def attempt() -> None:
            connection.rollback()
            source._is_mine(connection)
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SET LOCAL lock_timeout = '{TRIES_MS}ms'"))
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(text(LASTING))
                names = ", ".join(f'"{each.name}"' for each in moved_tables())
                connection.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))

        source.retry(attempt)
        found = state(connection)
        assert found  # noqa: S101
        _admit(found, found.target, revision_of(connection))
        yield connection


def _sqlite_triggers(each: Moved) -> Iterator[str]:
    for event, rows in EVENTS.items():
        trigger = f'TRIGGER IF NOT EXISTS "kaiwa_move_{each.name}_{event}" AFTER {event.upper()} ON "{each.name}"'
        refuse = f"SELECT RAISE(ABORT, '{MOVED}') FROM kaiwa_move WHERE stage = '{ENDED}';"  # noqa: S608
        notes = " ".join(_note(each, event, row, "json_array({})") for row in rows)
        yield f"CREATE {trigger} BEGIN {refuse} {notes} END"


def _postgresql_triggers(each: Moved) -> Iterator[str]:
    # 57P03 cannot_connect_now: requests answer it with 503 and Retry-After.
    refuse = (
        f"IF EXISTS (SELECT FROM kaiwa_move WHERE stage = '{ENDED}') THEN "
        f"RAISE EXCEPTION '{MOVED}' USING ERRCODE = '57P03'; END IF;"
    )
    notes = " ".join(
        f"IF TG_OP = '{event.upper()}' THEN {_note(each, event, row, 'json_build_array({})::text')} END IF;"
        for event, rows in EVENTS.items()
        for row in rows
    )
    name = f'"kaiwa_move_{each.name}"'
    yield (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {refuse} {notes} RETURN NULL; END $$"
    )
    yield (
        f'CREATE OR REPLACE TRIGGER {name} AFTER INSERT OR UPDATE OR DELETE ON "{each.name}" '
        f"FOR EACH ROW EXECUTE FUNCTION {name}()"
    )


def _note(each: Moved, event: str, row: str, array: str) -> str:
    key, earlier = (array.format(", ".join(f'{of}."{column.name}"' for column in each.key)) for of in (row, "OLD"))
    # Only where an update changes the key, its new one is noted, too.
    new = f" AND {key} <> {earlier}" if event == "update" and row == "NEW" else ""
    found = f"SELECT '{each.name}', {key} FROM kaiwa_move WHERE stage <> '{CANCELLED}'{new}"  # noqa: S608
    return f"INSERT INTO kaiwa_move_note (name, key) {found};"


def _triggers_gone(each: Moved) -> Iterator[str]:
    if db.engine.dialect.name == "sqlite":
        yield from (f'DROP TRIGGER IF EXISTS "kaiwa_move_{each.name}_{event}"' for event in EVENTS)
        return
    yield f'DROP TRIGGER IF EXISTS "kaiwa_move_{each.name}" ON "{each.name}"'
    yield f'DROP FUNCTION IF EXISTS "kaiwa_move_{each.name}"()'

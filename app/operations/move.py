"""Move the whole installation to another database while the service runs.

1. From the first moment on, triggers note which rows change (move_source.py).
2. Each table is copied by primary key, in batches, which are read again after they were written, and compared. A
   batch, its digest and its last key are one transaction of the new database: a move goes on where it was killed.
3. Rows that were noted are copied again, until few are left.
4. Writers are stopped. The last noted rows are copied, rows are counted on both sides, and the old database refuses
   writes for good. Only then the new tables get the place in which servers look for them.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import monotonic

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from app.extensions import db
from app.lib import logs
from app.operations import move_source, schema
from app.operations.move_rows import DIGESTS, FIRST_ROWS, Moved, MoveError, Row, digest, moved_tables, next_limit
from app.operations.move_source import ENDED, Source
from app.operations.move_target import READY, Progress, Target, lock_progress, progress, set_progress
from app.operations.move_to_postgresql import PostgresqlTarget
from app.operations.move_to_sqlite import SqliteTarget
from config import database_url

PROGRESS_S = 5.0
# Changed rows that are read at once.
AT_ONCE = 200
# With fewer noted changes, or after so many rounds, writers are stopped.
FEW, MOST_ROUNDS = 500, 20
Tell = Callable[[str], None]


@dataclass
class Done:
    """Rows and digest by table; the digests are of what the new database had when it was read after writing."""

    target: str
    tables: dict[str, tuple[int, str]]
    seconds: float = 0.0
    stopped_seconds: float = 0.0


def target_of(address: str) -> Target:
    """Raises MoveError if it is no address of a database."""
    try:
        url = make_url(database_url(address))
    except (ValueError, ArgumentError) as trouble:
        raise MoveError(f"This is no address of a database: {trouble}.") from trouble
    if url.get_backend_name() != "sqlite":
        return PostgresqlTarget(url)
    if not url.database or url.database.startswith((":memory:", "file:")):
        raise MoveError("Name a file: sqlite:////folder/kaiwa.sqlite3")
    return SqliteTarget(url.database)


def look(target: Target) -> dict[str, int]:
    """The rows of each table that would be moved; writes nothing. Raises MoveError."""
    with _explained():
        _admit(target)
        with Source().reading() as connection:
            return {each.name: each.count(connection) for each in moved_tables()}


def run(target: Target, tell: Tell) -> Done:
    """Move, or go on with a move; a move that is done has no tables left. Raises MoveError."""
    started = monotonic()
    with _explained():
        if is_done(target):
            target.publish()
            return Done(target.label, {})
        _admit(target)
        source = Source(_seldom(tell))
        target.prepare(source.begin(target.label).token)
        done = _moved(source, target, tell)
        target.publish()
    done.seconds = monotonic() - started
    return done


def is_done(target: Target) -> bool:
    known = move_source.state()
    return bool(known and known.stage == ENDED and known.target == target.label and target.is_public())


def _admit(target: Target) -> None:
    try:
        current = schema.state() == schema.State.OK
    finally:
        db.session.rollback()
    if not current:
        raise MoveError("The tables are not those of this version. Run: flask db upgrade")
    found, known = target.found(), move_source.state()
    if found and (known is None or known.token != found):
        raise MoveError(f"{target.label} belongs to another move. Delete it, and give an empty database.")
    if not found and known and known.stage == ENDED:
        raise MoveError(f"{known.target} has no tables. To go on with the old database: flask upkeep move-to --cancel")


def _moved(source: Source, target: Target, tell: Tell) -> Done:
    if target.stage() == READY:
        with target.engine.connect() as there:
            return _told(target, there)
    seldom = _seldom(tell)
    with source.reading() as here:
        for each in moved_tables():
            _copy(here, target, each, seldom)
    for statement in target.make_indexes():
        seldom(f"making indexes: {statement.split(' ON ')[0]}")
    _catch_up(source, target, seldom)
    tell("stopping writers")
    return _last_pass(source, target)


def _copy(here: Connection, target: Target, each: Moved, tell: Tell) -> None:
    """The first pass over a table, from the last key on."""
    total, limit = None, FIRST_ROWS
    while True:
        with target.engine.begin() as there:
            seen = progress(there, each.name)
            if seen.done:
                return
            lock_progress(there, each.name, seen)
            total = each.count(here) if total is None else total
            rows = each.rows_after(here, json.loads(seen.upto) if seen.upto else None, limit)
            if not rows:
                set_progress(there, each.name, seen._replace(upto=None, done=1))
                return
            added = _write(there, each, rows)
            upto = json.dumps(each.key_of(rows[-1]))
            count, sum_of = seen.rows + len(rows), (seen.digest + added) % DIGESTS
            set_progress(there, each.name, Progress(upto, 0, count, sum_of))
        limit = next_limit(rows, limit)
        tell(f"{each.name}: {count:,} of {max(total, count):,} rows")


def _write(there: Connection, each: Moved, rows: list[Row]) -> int:
    """Insert rows, and compare them with what the new database has then. Returns their digest."""
    each.insert(there, rows)
    stored = {each.key_of(row): row for row in each.rows_with(there, [each.key_of(row) for row in rows])}
    for row in rows:
        found = stored.get(each.key_of(row))
        if found != row:
            names = ", ".join(each.difference(row, found)) if found else "missing"
            raise MoveError(f"{each.named(each.key_of(row))} is not the same in the new database: {names}.")
    return digest(list(stored.values()))


def _catch_up(source: Source, target: Target, tell: Tell) -> None:
    for _round in range(MOST_ROUNDS):
        tell(f"copying changes: about {source.waiting():,}")
        source.collect()
        with source.reading() as here:
            count = _copy_due(here, target)
        if count is None:
            # Two rows may have swapped a unique value between two reads. Without writers that cannot be.
            return
        source.forget_due()
        if count < FEW:
            return


def _copy_due(here: Connection, target: Target) -> int | None:
    try:
        with target.engine.begin() as there:
            return _copy_changed(here, there)
    except IntegrityError:
        return None


def _copy_changed(here: Connection, there: Connection) -> int:
    """Copy the changed rows of all tables again; returns their number.

    First all are deleted: a unique value may have gone from one row to another.
    """
    count = 0
    for each in moved_tables():
        if not next(move_source.due(here, each.name, 1), None):
            continue
        now = lock_progress(there, each.name)
        rows, sum_of = now.rows, now.digest
        for keys in move_source.due(here, each.name, AT_ONCE):
            gone = each.rows_with(there, keys)
            each.delete(there, keys)
            rows, sum_of = rows - len(gone), sum_of - digest(gone)
            count += len(keys)
        for keys in move_source.due(here, each.name, AT_ONCE):
            if found := each.rows_with(here, keys):
                sum_of += _write(there, each, found)
                rows += len(found)
        set_progress(there, each.name, now._replace(rows=rows, digest=sum_of % DIGESTS))
    return count


def _last_pass(source: Source, target: Target) -> Done:
    with ExitStack() as stack:
        # Left in the reverse order: the old database is closed before the new one is complete.
        there = stack.enter_context(target.engine.begin())
        here = stack.enter_context(source.stopped())
        stopped = monotonic()
        move_source.collect(here)
        _copy_changed(here, there)
        _compare_counts(here, there)
        target.seal(there)
        done = _told(target, there)
    done.stopped_seconds = monotonic() - stopped
    return done


def _compare_counts(here: Connection, there: Connection) -> None:
    for each in moved_tables():
        known, old, new = progress(there, each.name).rows, each.count(here), each.count(there)
        if not known == old == new:
            raise MoveError(
                f"{each.name} has {old:,} rows in the old database and {new:,} in the new one, of which {known:,} were "
                "copied. Writers go on with the old one. End this move, and begin again with an empty database: "
                "flask upkeep move-to --cancel"
            )


def _told(target: Target, there: Connection) -> Done:
    found = {each.name: progress(there, each.name) for each in moved_tables()}
    return Done(target.label, {name: (each.rows, f"{each.digest:032x}") for name, each in found.items()})


def _seldom(tell: Tell) -> Tell:
    """Only every few seconds, so that a long move has a line now and then."""
    last = monotonic()

    def told(line: str) -> None:
        nonlocal last
        if monotonic() >= last + PROGRESS_S:
            last = monotonic()
            tell(line)

    return told


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as trouble:
        raise MoveError(f"A database does not answer as it should: {logs.message(trouble)}.") from trouble

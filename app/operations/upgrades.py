"""Run migrations under traffic: ordered table locks, limited waits, one upgrade at a time."""

import logging
import random
import re
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from alembic.runtime.migration import MigrationContext, RevisionStep
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError

from app.operations import move_place

log = logging.getLogger("alembic.upgrade")

# Any number that nothing else uses in this database.
ADVISORY_KEY = 0x6B616977
# Weak locks conflict with vacuum only.
WEAK_WAIT_MS = 10_000
# Below PostgreSQL's deadlock_timeout (1 s), so that the migration steps back and never a post. No request waits longer.
STRONG_WAIT_S = 0.5
# Posts and decisions write to this table first, so while it is locked they hold no other.
FIRST = "comment"
TIMEOUT_S = 300.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0

DEADLOCK, LOCK_TIMEOUT, BUSY = "40P01", "55P03", "database is locked"
VERSION_TABLE = """
CREATE TABLE IF NOT EXISTS alembic_version (
    version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)
"""


# Their migrations are gone.
BEFORE_0_1_0 = frozenset(f"{number:04}" for number in range(1, 31))


class TooOld(click.ClickException):
    """The database is from before 0.1.0; the message says how to move its sites."""

    def __init__(self) -> None:
        super().__init__(
            "This database was made by a version before 0.1.0, and cannot be upgraded in place. Nothing was changed. "
            "Export each site with the version that made it (flask export --site KEY), give this version an empty "
            "database, and import the files (flask import kaiwa FILE --site KEY): docs/upgrading.md."
        )


class UnfinishedMove(click.ClickException):
    """Tables that are made here would be in the way of those that are on the way."""

    def __init__(self) -> None:
        super().__init__(
            "A move to this database is not done. Go on with it from the old database: flask upkeep move-to URL "
            "(docs/deploying.md)."
        )


class Overtaken(Exception):
    """Another upgrade ran this step."""


class TablesLocked(Exception):
    """Other sessions held a table longer than TIMEOUT_S; the message names them."""


def run_with_retries(attempt: Callable[[], None], tell: Callable[[str], None] = log.warning) -> None:
    """Retry `attempt` until TIMEOUT_S while others are in its way."""
    until, pause = time.monotonic() + TIMEOUT_S, FIRST_PAUSE_S
    while True:
        try:
            return attempt()
        except Overtaken:
            log.info("another upgrade is running; continuing after it")
        except DBAPIError as trouble:
            if not is_about_locks(trouble) or time.monotonic() > until:
                raise
            tell("the database is locked; retrying")
        pause = _sleep(pause)


def ordered(
    steps: Callable[..., Iterable[Any]], order: Sequence[str], known: Collection[str] | None = None
) -> Callable[..., Iterable[Any]]:
    """Alembic's steps, each with the advisory lock and all table locks first. `order`: tables, parents first.

    With `known` revisions: no steps after a newer version has migrated, because machines of this one may restart.
    """

    def wrapped(heads: Any, migration: MigrationContext) -> Iterable[Any]:
        if known is not None and is_newer(heads, known):
            log.warning("a newer version has migrated this database; nothing to do")
            return
        for step in steps(heads, migration):
            if isinstance(step, RevisionStep) and migration.connection is not None:
                step.migration_fn = _with_locks(step, migration, migration.connection, order)
            yield step

    return wrapped


def prepare(connection: Connection) -> None:
    """Create Alembic's table, which two concurrent upgrades would both create. Raises TooOld, UnfinishedMove."""
    with connection.begin():
        if move_place.is_awaited(connection):
            raise UnfinishedMove
        if inspect(connection).has_table("alembic_version"):
            if BEFORE_0_1_0.intersection(connection.scalars(text("SELECT version_num FROM alembic_version"))):
                raise TooOld
        elif connection.dialect.name == "postgresql":
            _take_turn(connection)
            connection.execute(text(VERSION_TABLE))


def is_newer(found: Collection[str], known: Collection[str]) -> bool:
    """True if a newer version has migrated: none of the database's revisions is known."""
    return bool(found) and not set(found) & (set(known) | BEFORE_0_1_0)


def _with_locks(
    step: RevisionStep, migration: MigrationContext, connection: Connection, order: Sequence[str]
) -> Callable[..., Any]:
    act = step.migration_fn

    def migrate(**given: Any) -> Any:
        # SQLite's transaction holds its write lock already.
        if connection.dialect.name == "postgresql":
            _take_turn(connection)
        if set(migration.get_current_heads()) != set(step.from_revisions):
            raise Overtaken
        if connection.dialect.name == "postgresql":
            source = Path(str(step.revision.path)).read_text()
            _lock(connection, _named_in(source, connection, order), step.revision.revision)
        log.info("migration %s %s", step.revision.revision, "up" if step.is_upgrade else "down")
        return act(**given)

    return migrate


def _take_turn(connection: Connection) -> None:
    """One upgrade at a time until the end of the transaction; a pooler would lose a session lock."""
    # A role's limits for requests do not apply to migrations.
    for limit in ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout"):
        connection.execute(text(f"SET LOCAL {limit} = 0"))
    key = {"key": ADVISORY_KEY}
    if not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), key):
        log.info("another upgrade is running; waiting for its migration to end")
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), key)


def _named_in(source: str, connection: Connection, order: Sequence[str]) -> list[str]:
    """Tables that are named anywhere in the migration's file."""
    there = set(inspect(connection).get_table_names()) - {"alembic_version"}
    named = there & set(re.findall(r"\w+", source))
    place = {name: number for number, name in enumerate((FIRST, *order))} | {FIRST: -1}
    return sorted(named, key=lambda name: (place.get(name, len(place)), name))


def _lock(connection: Connection, tables: list[str], revision: str) -> None:
    """Take all locks of a migration before its first statement.

    Weak locks cancel autovacuum and are kept while strong ones are retried. A busy table comes first in the next
    attempt: sessions that hold it must find nothing else locked.
    """
    if not tables:
        return
    names = ", ".join(f'"{name}"' for name in tables)
    connection.execute(text(f"SET LOCAL lock_timeout = '{WEAK_WAIT_MS}ms'"))
    connection.execute(text(f"LOCK TABLE {names} IN SHARE UPDATE EXCLUSIVE MODE"))
    until, pause = time.monotonic() + TIMEOUT_S, FIRST_PAUSE_S
    while taken := _blocked_table(connection, tables):
        if time.monotonic() > until:
            raise TablesLocked(f"migration {revision} waits for {names}, held by {_holders(connection, tables)}")
        log.warning("migration %s waits for others to end: %s", revision, taken)
        tables = [taken, *(name for name in tables if name != taken)]
        pause = _sleep(pause)
    connection.execute(text(f"SET LOCAL lock_timeout = '{WEAK_WAIT_MS}ms'"))


def _blocked_table(connection: Connection, tables: list[str]) -> str:
    """Lock all tables in this order, or none, and return the first busy one."""
    until = time.monotonic() + STRONG_WAIT_S * random.uniform(0.2, 1)  # noqa: S311 (guards nothing)
    attempt, name = connection.begin_nested(), ""
    try:
        for name in tables:
            left_ms = max(1, int(1000 * (until - time.monotonic())))
            connection.execute(text(f"SET LOCAL lock_timeout = '{left_ms}ms'"))
            connection.execute(text(f'LOCK TABLE "{name}" IN ACCESS EXCLUSIVE MODE'))
    except OperationalError as trouble:
        attempt.rollback()
        if not is_about_locks(trouble):
            raise
        return name
    attempt.commit()
    return ""


def _holders(connection: Connection, tables: list[str]) -> str:
    found = connection.execute(
        text(
            "SELECT DISTINCT a.pid, a.application_name, a.state, a.xact_start FROM pg_locks l "
            "JOIN pg_stat_activity a USING (pid) "
            "WHERE l.granted AND l.relation::regclass::text = ANY(:tables) AND a.pid <> pg_backend_pid()"
        ),
        {"tables": tables},
    )
    return "; ".join(f"process {pid} ({name or state}) since {since}" for pid, name, state, since in found) or "others"


def is_about_locks(trouble: DBAPIError) -> bool:
    return getattr(trouble.orig, "sqlstate", None) in (DEADLOCK, LOCK_TIMEOUT) or BUSY in str(trouble.orig)


def _sleep(pause: float) -> float:
    """Sleep with jitter of a quarter; returns the next pause."""
    time.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 (spreads load, guards nothing)
    return min(pause * 2, LONGEST_PAUSE_S)

"""Compare the database schema with this version's."""

from collections.abc import Collection
from enum import StrEnum
from functools import lru_cache

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app

from app.extensions import db
from app.operations.upgrades import is_newer


class State(StrEnum):
    """`AHEAD`: a newer version has migrated. This one works on, because migrations only expand (docs/upgrading.md)."""

    OK = "ok"
    AHEAD = "ahead"
    BEHIND = "behind"


def state() -> State:
    """One indexed query."""
    found = set(MigrationContext.configure(db.session.connection()).get_current_heads())
    if is_expected(found):
        return State.OK
    return State.AHEAD if is_newer(found, _known(_folder())) else State.BEHIND


def is_expected(revisions: set[str]) -> bool:
    """True if these are this version's revisions."""
    return revisions == _expected(_folder())


def _folder() -> str:
    return str(current_app.extensions["migrate"].directory)


@lru_cache(maxsize=4)
def _expected(folder: str) -> frozenset[str]:
    return frozenset(ScriptDirectory(folder).get_heads())


@lru_cache(maxsize=4)
def _known(folder: str) -> Collection[str]:
    return frozenset(script.revision for script in ScriptDirectory(folder).walk_revisions())

"""Compare the database schema with this version's."""

from functools import lru_cache

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app

from app.extensions import db


def is_current() -> bool:
    """True if all migrations have run; one indexed query."""
    found = MigrationContext.configure(db.session.connection()).get_current_heads()
    return is_expected(set(found))


def is_expected(revisions: set[str]) -> bool:
    """True if these are this version's revisions."""
    return revisions == _expected(str(current_app.extensions["migrate"].directory))


@lru_cache(maxsize=4)
def _expected(folder: str) -> frozenset[str]:
    return frozenset(ScriptDirectory(folder).get_heads())

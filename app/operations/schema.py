"""Whether the database has the tables that this program expects."""

from functools import lru_cache

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app

from app.extensions import db


def is_current() -> bool:
    """Tell whether all migrations were made; one indexed query. Raises what the database raises."""
    found = MigrationContext.configure(db.session.connection()).get_current_heads()
    return is_wanted(set(found))


def is_wanted(revisions: set[str]) -> bool:
    """Whether a database at these revisions has the tables of this program."""
    return revisions == _wanted(str(current_app.extensions["migrate"].directory))


@lru_cache(maxsize=4)
def _wanted(folder: str) -> frozenset[str]:
    return frozenset(ScriptDirectory(folder).get_heads())

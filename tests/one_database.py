"""Which tests run on one of the two databases instead of both.

Queries are tested on both databases where they are defined. The own test of a page, an email, a command or a check runs
on one of them, chosen by its name, except where the database itself matters. `KAIWA_BOTH=1 make test` runs all on both.
"""

import os
from pathlib import Path
from zlib import crc32

import pytest

DATABASES = ("sqlite", "postgresql")
FOLDERS = {"abuse", "api", "cli", "notify", "screening", "web"}
# Input that one database takes and the other does not, races, locks, and who sees what.
ON_BOTH = {
    "test_odd_values", "test_outages", "test_twice", "test_reset", "test_setup", "test_erasing", "test_audit",
    "test_limits", "test_flood", "test_imports", "test_upkeep", "test_outbox",
}  # fmt: skip
# The same test for many routes or texts: each of these runs on one database.
BY_PARAMETER = {"test_injection", "test_tenancy", "test_rotation", "test_person", "test_reading"}
# With fewer tests than this, a single test was asked for by its id.
FEW = 10
HERE = Path(__file__).parent


def leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Remove the tests that run on the other database."""
    if os.environ.get("KAIWA_BOTH") or len(items) < FEW:
        return
    left_out = [item for item in items if _is_left_out(item)]
    config.hook.pytest_deselected(items=left_out)
    gone = set(left_out)
    items[:] = [item for item in items if item not in gone]


def _is_left_out(item: pytest.Item) -> bool:
    database = getattr(item, "callspec", None) and item.callspec.params.get("database_url")
    own = item.path.parent.name in FOLDERS or item.path.stem in BY_PARAMETER
    if item.path.parent.parent != HERE or not own or item.path.stem in ON_BOTH:
        return False
    if item.get_closest_marker("torture"):
        return False
    if database not in DATABASES or "database_url" not in item.fixturenames or len(_params_of(item)) < len(DATABASES):
        return False
    return database != DATABASES[crc32(_name_of(item, database).encode()) % len(DATABASES)]


def _name_of(item: pytest.Item, database: str) -> str:
    name = item.name.replace(database, "") if item.path.stem in BY_PARAMETER else item.originalname
    return f"{item.path.stem} {name}"


def _params_of(item: pytest.Item) -> tuple[str, ...]:
    """The databases on which this test could run."""
    marked = [mark.args[1] for mark in item.iter_markers("parametrize") if mark.args[0] == "database_url"]
    fixtures = item._fixtureinfo.name2fixturedefs.get("database_url", ())
    return tuple(marked[0] if marked else (fixtures[-1].params or () if fixtures else ()))

"""Fixtures of the page tests.

Queries are tested on both databases where they are defined. A page's own test runs on one of them, chosen by its name,
except where the database itself matters; `KAIWA_BOTH=1 make test` runs all on both.
"""

import os
from pathlib import Path
from zlib import crc32

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.models import Moderator
from tests.web.test_queue import at_the_desk

DATABASES = ("sqlite", "postgresql")
# Input that one database takes and the other does not, races, locks, and who sees what.
ON_BOTH = {
    "test_injection", "test_odd_values", "test_tenancy", "test_outages", "test_twice", "test_large_batch", "test_reset",
    "test_setup", "test_erasing", "test_audit",
}  # fmt: skip


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # A single test that was asked for by its id runs.
    if os.environ.get("KAIWA_BOTH") or len(items) < 10:
        return
    left_out = [item for item in items if _is_left_out(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def _is_left_out(item: pytest.Item) -> bool:
    database = getattr(item, "callspec", None) and item.callspec.params.get("database_url")
    if item.path.parent != Path(__file__).parent or item.path.stem in ON_BOTH or database not in DATABASES:
        return False
    if "database_url" not in item.fixturenames or len(_params_of(item)) < len(DATABASES):
        return False
    return database != DATABASES[crc32(f"{item.path.stem} {item.originalname}".encode()) % len(DATABASES)]


def _params_of(item: pytest.Item) -> tuple[str, ...]:
    """The databases on which this test could run."""
    marked = [mark.args[1] for mark in item.iter_markers("parametrize") if mark.args[0] == "database_url"]
    fixtures = item._fixtureinfo.name2fixturedefs.get("database_url", ())
    return tuple(marked[0] if marked else (fixtures[-1].params or () if fixtures else ()))


@pytest.fixture
def desk(app: Flask, alice: Moderator) -> FlaskClient:
    """A logged-in moderator."""
    return at_the_desk(app)

"""Limits that do not refill while a test runs."""

import pytest

from app.lib import clock
from app.models import rate_limit


@pytest.fixture(autouse=True)
def one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes so long that a limit would refill within a test."""
    began = clock.now()
    monkeypatch.setattr(rate_limit, "now", lambda: began)

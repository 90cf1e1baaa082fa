"""Fixtures of the abuse tests: limits do not refill while a test runs; challenges are cheap."""

import pytest

from app.abuse import proof_of_work
from app.lib import clock
from app.models import rate_limit


@pytest.fixture(autouse=True)
def one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes so long that a limit would refill within a test."""
    began = clock.now()
    monkeypatch.setattr(rate_limit, "now", lambda: began)


@pytest.fixture
def cheap_challenges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_of_work, "COST", 1)
    monkeypatch.setattr(proof_of_work, "COST_UNDER_PRESSURE", 2)

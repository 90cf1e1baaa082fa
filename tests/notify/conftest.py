"""Fixtures of the email tests."""

import pytest
from sqlalchemy.orm import Session

from app.models import Site
from tests.cast import a_site


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, hold_all=True, lang="en")

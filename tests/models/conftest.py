"""Fixtures of the record tests."""

import pytest
from sqlalchemy.orm import Session

from app.models import Thread
from tests.cast import PAGE, a_site


@pytest.fixture
def thread(db_session: Session) -> Thread:
    thread = Thread(site=a_site(db_session), key=PAGE, url=PAGE)
    db_session.add(thread)
    db_session.commit()
    return thread

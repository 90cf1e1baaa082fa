"""Fixtures of the moderation tests."""

import pytest
from sqlalchemy.orm import Session

from app.models import Comment
from tests.cast import a_site
from tests.comments.test_reading import a_thread, say


@pytest.fixture
def held(db_session: Session) -> Comment:
    comment = say(a_thread(a_site(db_session, hold_all=True)), "held")
    db_session.commit()
    return comment

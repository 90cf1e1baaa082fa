"""The paper that most of these tests are about, and who looks after it."""

import pytest
from sqlalchemy.orm import Session

from app.models import Moderator, Site
from tests.cast import a_moderator, a_site


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session)


@pytest.fixture
def alice(db_session: Session, paper: Site) -> Moderator:
    return a_moderator(db_session, paper)

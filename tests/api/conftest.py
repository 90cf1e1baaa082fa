"""A site with held comments, and programs with tokens."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.models import Role, Site
from tests.cast import Program, a_token


@pytest.fixture
def program(client: FlaskClient, db_session: Session, paper: Site) -> Program:
    """With all scopes."""
    return Program(client, a_token(db_session, paper))


@pytest.fixture
def helper(app: Flask, db_session: Session, paper: Site) -> Program:
    """With the role of a moderator."""
    return Program(app.test_client(), a_token(db_session, paper, Role.MODERATOR, name="Helper"))

"""Fixtures of the page tests."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.models import Moderator
from tests.web.test_queue import at_the_desk


@pytest.fixture
def desk(app: Flask, alice: Moderator) -> FlaskClient:
    """A logged-in moderator."""
    return at_the_desk(app)

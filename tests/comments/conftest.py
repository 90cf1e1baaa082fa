"""Fixtures of the comment tests."""

import pytest
from flask.testing import FlaskClient

from tests.cast import Reader


@pytest.fixture
def hanako(client: FlaskClient) -> Reader:
    return Reader(client)

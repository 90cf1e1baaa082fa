"""Requests that schemathesis makes from the description, valid and invalid: no 5xx, and answers as described."""

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy.orm import Session

from app.api import access
from app.models import Rate
from tests.cast import Reader, a_site, a_token

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
          response_schema_conformance]  # fmt: skip
# Requests to each operation: in the suite, and in `make torture` 100,000 in all.
FEW, MANY = 6, 2_000

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def walk(app: Flask, client: FlaskClient, db_session: Session, patch: pytest.MonkeyPatch, most: int) -> int:
    """Send `most` requests to each operation; returns the number of all."""
    site = a_site(db_session, hold_all=True)
    for number in range(3):
        assert Reader(client).post(f"words {number}").status_code == 202
    patch.setattr(access, "RATE", Rate(1_000_000, 1))
    headers, sent = {"Authorization": f"Bearer {a_token(db_session, site)}", "Accept-Encoding": "identity"}, 0
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    for found in schema.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        @settings(max_examples=most, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        def send(case: schemathesis.Case) -> None:
            nonlocal sent
            sent += 1
            case.call_and_validate(headers=headers, checks=CHECKS)

        send()
    return sent


def test_requests_from_the_description_are_answered_as_described(
    app: Flask, client: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert walk(app, client, db_session, monkeypatch, FEW) > 250


@pytest.mark.torture
def test_a_hundred_thousand_requests_are_answered_as_described(
    app: Flask, client: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert walk(app, client, db_session, monkeypatch, MANY) > 90_000

"""Browsers' reports about our Content-Security-Policy: logged without data, limited, and never an error."""

import json
import logging
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.cast import a_site

SECRET = "http://localhost/emails/confirm/secret-token?email=reader@canary.example"


@pytest.fixture(params=["sqlite"])
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def old(directive: Any = "script-src-elem", url: Any = "http://localhost/moderate/?lane=2") -> dict[str, Any]:
    return {"csp-report": {"document-uri": url, "effective-directive": directive, "blocked-uri": SECRET}}


def new(directive: Any = "img-src", url: Any = "http://localhost/login") -> dict[str, Any]:
    return {"type": "csp-violation", "body": {"documentURL": url, "effectiveDirective": directive, "sample": SECRET}}


def sends(client: FlaskClient, report: Any, caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    caplog.clear()
    text = report if isinstance(report, str) else json.dumps(report)
    with caplog.at_level(logging.WARNING):
        answer = client.post("/csp-reports", data=text, content_type="application/reports+json")
    assert answer.status_code == 204, answer.text
    return [(each.directive, each.page) for each in caplog.records if hasattr(each, "directive")]


def test_a_report_is_logged_by_directive_and_page(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    assert sends(client, old(), caplog) == [("script-src-elem", "queue.show")]
    assert sends(client, [new(), new(), new("font-src", SECRET)], caplog) == [
        ("img-src", "account.login"),
        ("font-src", ""),
    ]
    assert "canary" not in caplog.text and "secret" not in caplog.text


@pytest.mark.parametrize(
    "report",
    ["", "{", "[" * 16_000, "null", "7", '"text"', [1, None, []], {"csp-report": 3}, old(["script-src"]), old({}),
     new(7), old("<b>"), [new("made-up")] * 3],
)  # fmt: skip
def test_other_values_are_not_logged(client: FlaskClient, caplog: pytest.LogCaptureFixture, report: Any) -> None:
    assert sends(client, report, caplog) == []


@pytest.mark.parametrize("url", [7, None, "http://[", "x" * 9000, "http://localhost/%ff", "//", "/login/"])
def test_any_address_is_some_page_or_none(client: FlaskClient, caplog: pytest.LogCaptureFixture, url: Any) -> None:
    assert len(sends(client, old(url=url), caplog)) == 1


def test_reports_are_limited_in_size_and_number(app: Flask, client: FlaskClient) -> None:
    assert client.post("/csp-reports", data="x" * 16_385).status_code == 413
    answers = [client.post("/csp-reports", json=old()).status_code for _each in range(12)]
    assert answers == [204] * 10 + [429] * 2
    assert (
        app.test_client().post("/csp-reports", json=old(), environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code
        == 204
    )


def test_pages_of_the_desk_ask_for_reports_and_pages_of_readers_do_not(
    client: FlaskClient, db_session: Session
) -> None:
    a_site(db_session)
    headers = client.get("/login").headers
    assert headers["Reporting-Endpoints"] == 'csp="/csp-reports"'
    policy = headers["Content-Security-Policy"]
    assert "report-to csp" in policy and "report-uri /csp-reports" in policy
    assert "require-trusted-types-for 'script'; trusted-types kaiwa" in policy
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    public = client.get("/thread?site=paper&url=https://paper.example/a").headers
    assert "Reporting-Endpoints" not in public and "Cross-Origin-Resource-Policy" not in public

"""Junk requests are refused before any database work."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.extensions import db
from app.models import Comment
from tests.cast import ORIGIN, PAGE, Reader, a_site
from tests.statements import recorded

FORM = "application/x-www-form-urlencoded"
DOORS = ["/embed/comments", "/embed/preview", "/embed/own", "/embed/comments/1/edit", "/embed/comments/1/withdraw"]


@pytest.fixture
def asked(app: Flask) -> Iterator[list[str]]:
    """All statements sent to the database while a test runs."""
    with app.app_context():
        engine = db.engine
    with recorded(engine) as statements:
        yield statements


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": "x" * (256 * 1024 + 1), "content_type": FORM}, 413),
        ({"data": "a=1&" * 200, "content_type": FORM}, 413),
        ({"data": "{}", "content_type": "application/json"}, 415),
        ({"data": "site=paper", "content_type": "text/plain"}, 415),
        ({"data": "site=paper"}, 415),
        ({"data": "site=paper", "content_type": FORM, "headers": {"Origin": "null"}}, 403),
        ({"data": "site=paper", "content_type": FORM, "headers": {"Origin": "chrome-extension://abc"}}, 403),
        ({"data": "site=No such site!", "content_type": FORM}, 404),
        ({"data": "site=%00", "content_type": FORM}, 404),
        ({"data": "", "content_type": FORM}, 404),
    ],
    ids=lambda value: value if isinstance(value, int) else repr(value)[:40],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_junk_is_refused_before_the_database_is_asked(
    client: FlaskClient, asked: list[str], door: str, sent: dict[str, Any], status: int
) -> None:
    assert client.post(door, **sent).status_code == status
    assert asked == []


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": "x" * (256 * 1024 + 1), "content_type": "application/json"}, 413),
        ({"data": "site=paper", "content_type": FORM}, 415),
        ({"json": {"site": "paper"}, "headers": {"Origin": "null"}}, 403),
        ({"json": {"site": "\0"}}, 404),
        ({"data": b"[" * 100_000, "content_type": "application/json"}, 400),
        ({"data": b'{"a":' * 50_000, "content_type": "application/json"}, 400),
    ],
    ids=lambda value: value if isinstance(value, int) else repr(value)[:40],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_programs_are_refused_in_their_own_words(
    client: FlaskClient, asked: list[str], sent: dict[str, Any], status: int
) -> None:
    answer = client.post("/api/v1/comments", **sent)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert asked == []


def test_an_unknown_site_and_a_foreign_page_cost_a_few_questions(
    client: FlaskClient, db_session: Session, asked: list[str]
) -> None:
    a_site(db_session)
    asked.clear()
    assert Reader(client, site="\0").get_thread().status_code == 404, "PostgreSQL takes no such text"
    assert asked == []
    assert Reader(client, site="nosuch").post("x").status_code == 404
    assert 1 <= len(asked) <= 3 and all(each.startswith("SELECT") for each in asked), asked
    asked.clear()
    assert Reader(client).post("x", headers={"Origin": ORIGIN + ".evil.example"}).status_code == 403
    assert 1 <= len(asked) <= 3 and all(each.startswith("SELECT") for each in asked), asked
    assert db_session.query(Comment).count() == 0


@pytest.mark.parametrize(
    "origin",
    ["HTTPS://paper.example", f"{ORIGIN}/", f"{ORIGIN}:443", f"{ORIGIN}/story", "https://user@paper.example",
     f"{ORIGIN}?", f"{ORIGIN}#", f" {ORIGIN}", f"{ORIGIN} https://evil.example", f"{ORIGIN}, {ORIGIN}"],
)  # fmt: skip
def test_an_origin_is_taken_only_as_browsers_write_it(client: FlaskClient, db_session: Session, origin: str) -> None:
    a_site(db_session)
    headers = {"Origin": origin}
    assert Reader(client).post("x", headers=headers).status_code == 403
    answer = client.options("/embed/comments", headers=headers | {"Access-Control-Request-Method": "POST"})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert db_session.query(Comment).count() == 0


def test_forms_of_either_kind_are_taken(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    fields = {"site": "paper", "url": PAGE, "name": "Hanako", "email": "hanako@readers.example"}
    for number, kind in enumerate((FORM, "multipart/form-data")):
        answer = client.post("/embed/comments", data=fields | {"body": f"number {number}"}, content_type=kind)
        assert answer.status_code == 201

"""SQL, wildcards and odd bytes in any parameter are treated as data."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.models import Comment, Role, Site
from tests.cast import PAGE, Reader, a_moderator, a_site, a_token
from tests.web.test_queue import at_the_desk

TYPED = (
    "' OR '1'='1'; DROP TABLE comment; --",
    '" UNION SELECT email FROM moderator --',
    "%_' ESCAPE '\\ NEAR(a b) OR *",
    "\x00\x1b\u202e",
    "9" * 40,
    "9" * 19,
    "a" * 5_000,
)
# All query parameters of all pages; unknown names are ignored.
NAMES = (
    "site", "url", "thread", "title", "lang", "sort", "after", "before", "comment", "parent", "own", "status", "lane",
    "moderator", "reason", "by", "since", "until", "from", "to", "days", "q", "text", "author", "email", "article",
    "old", "next", "format", "kind", "account", "limit", "open", "people",
)  # fmt: skip
HERE = {"site": "paper", "url": PAGE}


def pages(app: Flask) -> Iterator[str]:
    for rule in app.url_map.iter_rules():
        if "GET" in rule.methods and not rule.rule.startswith("/static"):
            yield re.sub(r"<(?:(\w+):)?(\w+)>", lambda found: "1" if found[1] == "int" else "paper", rule.rule)


@pytest.fixture
def site(db_session: Session, client: FlaskClient) -> Site:
    site = a_site(db_session)
    a_moderator(db_session, site, "alice", Role.OWNER)
    assert Reader(client).post("a comment that is to be there afterwards").status_code == 201
    return site


@pytest.mark.parametrize("typed", TYPED, ids=lambda typed: ascii(typed[:20]))
def test_no_parameter_of_any_page_is_more_than_text(
    app: Flask, client: FlaskClient, db_session: Session, site: Site, typed: str
) -> None:
    alice, program = at_the_desk(app, "alice"), {"Authorization": f"Bearer {a_token(db_session, site)}"}
    walked = sorted(set(pages(app)))
    assert len(walked) > 20
    for path in walked:
        ours = path.startswith(("/moderate", "/sites", "/account"))
        given = dict.fromkeys(NAMES, typed) | ({} if ours else HERE)
        answer = (alice if ours else client).get(path, query_string=given, buffered=True)
        assert answer.status_code < 500, f"{path} answers {answer.status_code} to {typed[:40]!r}"
        if path.startswith("/api/"):
            given.pop("site")
            answer = client.get(path, query_string=given, headers=program, buffered=True)
            assert answer.status_code in (200, 404, 414, 422), f"{path} answers {answer.status_code} to {typed[:40]!r}"
    assert db_session.query(Comment).count() == 1


def test_a_number_that_no_column_takes_is_no_page(app: Flask, site: Site) -> None:
    alice = at_the_desk(app, "alice")
    numbered = [rule.rule for rule in app.url_map.iter_rules() if "<int:" in rule.rule and "GET" in rule.methods]
    assert numbered
    for rule in numbered:
        path = re.sub(r"<(?:(\w+):)?(\w+)>", lambda found: "9" * 40 if found[1] == "int" else "paper", rule)
        assert alice.get(path).status_code == 404


@pytest.mark.parametrize("typed", TYPED, ids=lambda typed: ascii(typed[:20]))
def test_no_field_of_the_form_is_more_than_text(
    client: FlaskClient, db_session: Session, site: Site, typed: str
) -> None:
    for field in ("site", "url", "thread", "title", "parent", "name", "email", "website", "body", "author"):
        answer = Reader(client).post(**{"body": f"another {field}"} | {field: typed})
        assert answer.status_code < 500, f"{field} answers {answer.status_code} to {typed[:40]!r}"
    assert db_session.query(Site).count() == 1

"""The JSON API uses the same form, screening and request keys as the comment form."""

import re
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.api.comments import NewComment
from app.api.contract import described
from app.api.declared import hints
from app.comments.orders import ORDERS
from app.forms import comment as limits
from app.forms.comment import CommentForm
from app.lib.language import languages
from app.models import Comment, Site
from tests.cast import ORIGIN, PAGE, a_site

WHO = {"site": "paper", "url": PAGE, "name": "Hanako", "email": "hanako@readers.example"}


def test_a_program_writes_and_reads(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    posted = client.post("/api/v1/comments", json=WHO | {"body": "from a **program**"})
    assert posted.status_code == 201 and posted.json["token"] and posted.json["author"]
    page = client.get("/api/v1/threads", query_string={"site": "paper", "url": PAGE}).json
    assert [shown["html"].strip() for shown in page["comments"]] == ["<p>from a <strong>program</strong></p>"]
    assert set(page["comments"][0]) == {
        "id", "parent", "depth", "name", "website", "html", "created_at", "edited_at", "url", "more", "helpful",
        "picked", "badge", "member_badge", "covered",
    }  # fmt: skip


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_reads_without_a_token_have_an_etag_and_a_thread_a_link(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session, page_size=10)
    for number in range(11):
        assert client.post("/api/v1/comments", json=WHO | {"body": f"number {number}"}).status_code == 201
    query = {"site": "paper", "url": f"{PAGE}?a=1&b=ä", "thread": "7"}
    for path in ("/threads", "/picks", "/comments/latest", "/openapi.json"):
        read = client.get(f"/api/v1{path}", query_string=query)
        etag = {"If-None-Match": read.headers["ETag"]}
        again = client.get(f"/api/v1{path}", query_string=query, headers=etag)
        assert (read.status_code, again.status_code, again.data) == (200, 304, b""), path
        if path != "/openapi.json":
            assert {"ETag", "Link"} <= set(read.headers["Access-Control-Expose-Headers"].split(", "))
    seen, query = [], {"site": "paper", "url": PAGE, "sort": "oldest"}
    page = client.get("/api/v1/threads", query_string=query)
    seen += [shown["id"] for shown in page.json["comments"]]
    (link,) = re.fullmatch(r'<http://localhost(/api/v1/threads\?[^<>]+)>; rel="next"', page.headers["Link"]).groups()
    rest = client.get(link)
    seen += [shown["id"] for shown in rest.json["comments"]]
    assert "Link" not in rest.headers and rest.json["next"] is None and len(set(seen)) == len(seen) == 11
    assert client.post("/api/v1/comments", json=WHO | {"body": "another"}).status_code == 201
    later = client.get("/api/v1/threads", query_string=query, headers={"If-None-Match": page.headers["ETag"]})
    assert later.status_code == 200


def test_the_limits_are_those_of_the_form(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    described = client.get("/api/v1/openapi.json").json["components"]["schemas"]["NewComment"]["properties"]
    assert described["name"]["maxLength"] == limits.NAME_LENGTH
    for wrong in ({"body": ""}, {"body": "x", "name": "あ" * 81}, {"body": "x", "email": "nobody"}):
        answer = client.post("/api/v1/comments", json=WHO | wrong)
        assert answer.status_code == 422 and answer.content_type == "application/problem+json"
        assert set(answer.json["errors"]) == {next(reversed(wrong))}


def test_nonsense_is_refused_and_nothing_is_stored(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    for given in (b"{", b"[]", b'{"body": {"deep": 1}}', b"null", b"1" * 10, b"[" * 100_000, b'{"body":' * 30_000):
        answer = client.post("/api/v1/comments", data=given, content_type="application/json")
        assert answer.status_code == 400
    assert client.post("/api/v1/comments", json=WHO | {"site": "nosuch", "body": "x"}).status_code == 404
    assert client.post("/api/v1/comments", data=WHO | {"body": "x"}).status_code == 415
    foreign = client.post("/api/v1/comments", json=WHO | {"body": "x"}, headers={"Origin": ORIGIN + ".evil.example"})
    assert foreign.status_code == 403 and foreign.json["code"] == "wrong_origin"
    assert db_session.query(Comment).count() == 0


def test_unknown_fields_are_ignored(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    answer = client.post("/api/v1/comments", json=WHO | {"body": "x", "status": "approved", "mine": {"deep": []}})
    assert answer.status_code == 201
    about_the_page = {"site", "url", "thread", "title", "published", "section", "lang", "author", "member"}
    assert set(hints(NewComment)) - set(CommentForm(Site())._fields) == about_the_page


def test_each_route_is_described(app: Flask) -> None:
    with app.test_request_context():
        paths = described()["paths"]
    routes = set()
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/"):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix("/api/v1"))
            routes |= {(path, each.lower()) for each in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    assert routes == {(path, method) for path, methods in paths.items() for method in methods}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_examples_and_defaults_are_values_that_the_description_allows(client: FlaskClient) -> None:
    told = client.get("/api/v1/openapi.json").json
    tried = 0

    def check(part: Any) -> None:
        nonlocal tried
        for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            check(inner)
        if isinstance(part, dict) and not isinstance(part.get("default", ""), dict):
            given = [part["default"]] if "default" in part else []
            for value in [*given, *(part["examples"] if isinstance(part.get("examples"), list) else ())]:
                whole = part | {"components": told["components"]}
                assert jsonschema_rs.Draft202012Validator(whole, validate_formats=True).is_valid(value), (part, value)
                tried += 1

    check(told)
    assert tried > 50


def test_orders_and_languages_are_those_of_the_code(app: Flask) -> None:
    with app.test_request_context():
        schemas = {each["name"]: each["schema"] for each in described()["paths"]["/threads"]["get"]["parameters"]}
    assert schemas["sort"]["enum"] == list(ORDERS) and set(schemas["lang"]["enum"]) == set(languages())


def test_the_same_request_again_stores_nothing(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    headers = {"Idempotency-Key": "one"}
    ids = {
        client.post("/api/v1/comments", json=WHO | {"body": "once"}, headers=headers).json["comment"]["id"]
        for _ in "ab"
    }
    assert len(ids) == 1 and db_session.query(Comment).count() == 1

"""Any JSON value in any API field gets a documented response, never a 500."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.api.body import DEEPEST, MOST_CONTAINERS
from app.api.comments import NewComment
from app.api.declared import hints
from app.models import Comment, Status
from tests.api.examples import declared, example_of
from tests.cast import PAGE, Program, Reader, a_site, a_token, the_comment

BASES: dict[str, dict[str, Any]] = {
    "api.comments.post": {"site": "paper", "url": PAGE, "name": "Hanako", "email": "h@readers.example", "body": "x"},
}
# A member is an object or null, and is accepted with a token only (test_members.py).
TAKEN = {"api.comments.post": tuple(name for name in hints(NewComment) if name != "member")}
# Values for the fields of the other operations, which one parser reads.
FEW = ("null", "1.5", "NaN", "true", "[]", "{}", "[null]", '[{"id": null}]', r'"\ud800"', r'"a\u0000b"',
       '""', "-1", "1" + "0" * 25, "9" * 4301, '"' + "あ" * 5000 + '"', '"open"', '"/story"')  # fmt: skip

PROBLEM = "application/problem+json"
HALVES = (r'"\ud800"', r'"\udfff"', r'"a\ud800b"', r'"\udc00\ud800"', r'"\ud83d!"', r'"http://a.example/\ud800"')
NO_TEXT = ("null", "1.5", "-0.0", "1e999", "NaN", "-Infinity", "[]", "{}", '["a"]', '{"a": 1}', "[[[]]]",
           '{"a": {"b": null}}')  # fmt: skip
TEXT = ("true", "0", "-1", "1" + "0" * 18, "9" * 4300, '""', '" "', r'"\u0000"', r'"a\u0000b"', r'"\u001b[31m"',
        r'"\ud83d\ude00"', r'"\ufeff"', r'"\uffff"', r'"\u202e"', '"%00"', '"' + "9" * 5000 + '"',
        '"' + "あ" * 5000 + '"', r'"\"}"', '"1.e.x"', '"drawn.999999999999999.x"', '"."')  # fmt: skip
NO_JSON = ("9" * 4301, "01", "'a'", "tru", r'"\ud8"', '"\x01"', '"', "[" * 50_000, '{"a":' * 50_000)


def written(base: dict[str, Any], field: str, value: str) -> bytes:
    """The JSON object with this value, as text: Python cannot serialise all of them."""
    fields = {name: json.dumps(each) for name, each in base.items()} | {field: value}
    return ("{" + ", ".join(f"{json.dumps(name)}: {each}" for name, each in fields.items()) + "}").encode()


def routes(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint in BASES:
            yield rule.endpoint, rule.rule


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_any_value_in_any_field_of_a_program_is_answered_by_the_contract(
    app: Flask, client: FlaskClient, db_session: Session
) -> None:
    site = a_site(db_session, hold_all=True)
    Reader(client).post("words")
    program = Program(client, a_token(db_session, site))
    contract, paths = client.get("/api/v1/openapi.json").json["paths"], {}
    for rule in app.url_map.iter_rules():
        paths[rule.endpoint] = rule.rule.removeprefix("/api/v1").replace("<int:id>", "{id}")
    tried = 0
    for each in declared():
        if each.operation.body is None or each.operation.scope is None:
            continue
        path, base = paths[each.endpoint], example_of(each.operation.body)
        told = contract[path]["post"]["responses"]
        for field, value in ((field, value) for field in list(base)[:12] for value in FEW):
            sent = written(base, field, value)
            answer = client.post(f"/api/v1{path.replace('{id}', '1')}", data=sent, content_type="application/json",
                                 headers=program.headers)  # fmt: skip
            assert str(answer.status_code) in told, (
                f"{path} {field}: {value[:40]} is answered with {answer.status_code}"
            )
            assert answer.content_type == ("application/json" if answer.status_code < 400 else PROBLEM)
            tried += 1
    assert tried > 500
    assert the_comment(db_session, "words").status in set(map(str, Status))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_any_value_in_any_field_is_answered_by_the_contract(
    app: Flask, client: FlaskClient, db_session: Session
) -> None:
    a_site(db_session)
    contract = client.get("/api/v1/openapi.json").json["paths"]
    for endpoint, path in routes(app):
        told = {int(status) for status in contract[path.removeprefix("/api/v1")]["post"]["responses"]}
        for field in (*TAKEN[endpoint], "unheard of"):
            known = field in TAKEN[endpoint]
            spoiled = NO_JSON if field == "body" else NO_JSON[:3]
            for values, status in ((HALVES, 400), (NO_TEXT, 400 if known else None), (TEXT, None), (spoiled, 400)):
                for value in values:
                    answer = client.post(
                        path, data=written(BASES[endpoint], field, value), content_type="application/json"
                    )
                    about = f"{field}: {value[:40]} is answered with {answer.status_code}"
                    assert answer.status_code in told and answer.status_code == (status or answer.status_code), about
                    if answer.status_code >= 400:
                        assert answer.content_type == "application/problem+json", about
                        assert answer.json["code"] and answer.json["title"], about
                    if values is HALVES:
                        assert answer.json["code"] == "bad_text", about


def test_half_a_character_is_refused_wherever_it_stands(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    base = BASES["api.comments.post"]
    inside = (r'{"deep": ["\ud800"]}', r'{"\udfff": 1}', r'[[[["a", "\ud800"]]]]')
    sent = [written(base, "more", value) for value in inside]
    # UTF-8 has no surrogates, but decoders that are lenient read them.
    sent.append(written(base, "name", '"?"').replace(b"?", b"\xed\xa0\x80"))
    for body in sent:
        answer = client.post("/api/v1/comments", data=body, content_type="application/json")
        assert (answer.status_code, answer.json["code"]) == (400, "bad_text")
    assert db_session.query(Comment).count() == 0


def test_of_a_name_that_comes_twice_the_last_value_counts(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    sent = written(BASES["api.comments.post"], "more", "1")[:-1] + b', "body": "the last"}'
    assert client.post("/api/v1/comments", data=sent, content_type="application/json").status_code == 201
    assert [comment.body for comment in db_session.query(Comment)] == ["the last"]


def test_too_deep_nesting_is_refused(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    for depth, status in ((DEEPEST - 1, 201), (DEEPEST, 400), (500, 400)):
        value = "[" * depth + "]" * depth
        sent = written(BASES["api.comments.post"] | {"body": str(depth)}, "more", value)
        assert client.post("/api/v1/comments", data=sent, content_type="application/json").status_code == status


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_json_in_another_encoding_than_utf_8_is_refused(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    # A byte of ∀ is that of a quotation mark, between two of which brackets were not counted.
    many = written(BASES["api.comments.post"] | {"a": "∀"}, "more", "[" + ",".join(["[]"] * 9_000) + "]").decode()
    few = written(BASES["api.comments.post"], "more", "1").decode()
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32-le"):
        for text in (many, few):
            sent = text.encode(encoding)
            answer = client.post("/api/v1/comments", data=sent, content_type="application/json; charset=utf-16")
            assert (answer.status_code, answer.json["code"]) == (400, "bad_json"), encoding
    marked = client.post("/api/v1/comments", data=few.encode("utf-8-sig"), content_type="application/json")
    assert marked.status_code == 201, "a byte order mark is ignored (RFC 8259, 8.1)"


def test_so_many_lists_and_objects_are_refused_and_brackets_in_a_text_are_not(
    client: FlaskClient, db_session: Session
) -> None:
    a_site(db_session)
    base, most = BASES["api.comments.post"], MOST_CONTAINERS - 1  # without the list around them
    for value, status in (
        ("[" + ",".join(["[]"] * (most - 1)) + "]", 201),
        ("[" + ",".join(["{}"] * most) + "]", 400),
        ("[" + ",".join(["[[[]]]"] * 10_000) + "]", 400),
        (json.dumps('[{\\"' * 5_000), 201),
        ('"' + "[" * 5_000 + "\\", 400),
    ):
        sent = written(base | {"body": f"{status} {value[:9]}"}, "more", value)
        assert client.post("/api/v1/comments", data=sent, content_type="application/json").status_code == status

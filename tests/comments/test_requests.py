"""Idempotency keys: one comment for each key, and the response to a retry."""

import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.models import Comment, Site
from tests.cast import ORIGIN, PAGE, Reader, a_site

KEY = {"Idempotency-Key": "0d5b8a1c-6f0e-4c0b-9a55-4c9d0f7b1a11"}
OTHER_CONTENT = {
    "body": "other words", "name": "Taro", "email": "taro@readers.example", "website": "https://taro.example",
    "url": f"{ORIGIN}/other", "thread": "own-id", "notify": "y",
}  # fmt: skip


pytestmark = pytest.mark.usefixtures("paper")


def post_json(client: FlaskClient, key: str = KEY["Idempotency-Key"], **more: Any) -> Any:
    given = {"site": "paper", "url": PAGE, "name": "Hanako", "email": "hanako@readers.example", "body": "once"} | more
    return client.post("/api/v1/comments", json=given, headers={"Idempotency-Key": key})


@pytest.mark.parametrize("field", OTHER_CONTENT)
def test_the_same_key_with_other_content_is_refused(hanako: Reader, db_session: Session, field: str) -> None:
    assert hanako.post("once", headers=KEY).status_code == 201
    given = {"body": "once"} | {field: OTHER_CONTENT[field]}
    again = hanako.post(headers=KEY, **given)
    assert again.status_code == 422 and "Kaiwa-Token" not in again.headers and "Kaiwa-Author" not in again.headers
    assert 'role="alert"' in again.text and "以前に別の内容で" in again.text
    assert given["body"] in again.text, "the input is still in the form"
    assert db_session.query(Comment).count() == 1


def test_the_same_key_with_another_parent_is_refused(hanako: Reader, db_session: Session) -> None:
    root = re.search(r"comment-(\d+)", hanako.post("root").text)[1]
    assert hanako.post("once", headers=KEY).status_code == 201
    assert hanako.post("once", headers=KEY, parent=root).status_code == 422
    assert db_session.query(Comment).count() == 2


def test_tokens_go_only_to_the_person_who_sent_it(hanako: Reader, app: Flask, db_session: Session) -> None:
    hanako.post("once", headers=KEY)
    retry = replace(hanako, author="").post("once", headers=KEY)
    assert retry.status_code == 201 and retry.headers["Kaiwa-Token"]
    known = replace(hanako, peer="198.51.100.9").post("once", headers=KEY)
    assert known.headers["Kaiwa-Author"], "the author's token shows the same person on another network"
    stranger = Reader(app.test_client(), peer="203.0.113.9")
    guess = stranger.post("once", headers=KEY)
    assert guess.status_code == 201 and not stranger.token and not stranger.author
    taro = Reader(app.test_client(), name="Taro", email="taro@readers.example")
    taro.post("of Taro")
    as_taro = replace(hanako, author=taro.author, peer="203.0.113.9").post("once", headers=KEY)
    assert "Kaiwa-Token" not in as_taro.headers
    assert db_session.query(Comment).count() == 2


def test_without_a_script_no_cookie_goes_to_a_stranger(hanako: Reader, app: Flask) -> None:
    hanako.post("once", headers=KEY)
    stranger = Reader(app.test_client(), peer="203.0.113.9")
    answer = stranger.post("once", headers=KEY | {"Sec-Fetch-Mode": "navigate"})
    assert answer.status_code == 303 and "Set-Cookie" not in answer.headers


def test_a_stranger_is_not_shown_what_waits(hanako: Reader, app: Flask, db_session: Session) -> None:
    a_site(db_session, "held", hold_all=True)
    mine = replace(hanako, site="held")
    mine.post("waits *here*", headers=KEY)
    guess = Reader(app.test_client(), site="held", peer="203.0.113.9").post("waits *here*", headers=KEY)
    assert guess.status_code == 202 and "<article" not in guess.text


def test_programs_get_a_problem(client: FlaskClient, hanako: Reader) -> None:
    assert post_json(client).json["token"]
    again = post_json(client)
    assert again.status_code == 201 and again.json["token"]
    other = post_json(client, body="other words")
    assert other.status_code == 422 and other.json["code"] == "key_reused"
    assert other.content_type == "application/problem+json" and "token" not in other.json


def test_a_guessed_key_shows_no_pending_text_to_a_program(
    hanako: Reader, client: FlaskClient, db_session: Session
) -> None:
    """The author has edited the comment since, and the edit is held."""
    db_session.query(Site).one().hold_all = True
    db_session.commit()
    first = post_json(client)
    id, token = first.json["comment"]["id"], first.json["token"]
    fields = {"site": "paper", "url": PAGE, "token": token, "body": "a private *thought*"}
    assert client.post(f"/embed/comments/{id}/edit", data=fields).status_code == 200
    given = {"site": "paper", "url": PAGE, "name": "Hanako", "email": "hanako@readers.example", "body": "once"}
    guess = client.post("/api/v1/comments", json=given, headers=KEY, environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert guess.status_code == 202 and "thought" not in guess.text and "token" not in guess.json
    assert guess.json["comment"]["html"] is None


def test_the_same_key_on_two_sites_is_two_requests(hanako: Reader, db_session: Session) -> None:
    a_site(db_session, "other")
    assert hanako.post("once", headers=KEY).status_code == 201
    assert replace(hanako, site="other", author="").post("other words", headers=KEY).status_code == 201


@pytest.mark.parametrize("key", ["k" * 201, "clé", "tab\tinside"])
def test_a_key_that_cannot_be_told_apart_is_refused(hanako: Reader, db_session: Session, key: str) -> None:
    """Two keys of a client may share their first 200 characters."""
    page, program = hanako.post("typed", headers={"Idempotency-Key": key}), post_json(hanako.client, key)
    assert page.status_code == 400 and "typed" in page.text
    assert program.status_code == 400 and program.json["code"] == "bad_request_key"
    assert db_session.query(Comment).count() == 0


def test_a_retry_is_answered_after_the_page_has_moved(hanako: Reader, app: Flask, db_session: Session) -> None:
    hanako.post("once", headers=KEY)
    Reader(hanako.client, url=f"{ORIGIN}/new").post("there already")
    words = ["thread", "merge", "/story", "/new", "--site", "paper"]
    assert app.test_cli_runner().invoke(args=words).exit_code == 0
    again = hanako.post("once", headers=KEY)
    assert again.status_code == 201 and again.headers["Kaiwa-Token"]
    assert db_session.query(Comment).count() == 2

"""The privacy page: administrators export or erase a reader's data, on their own site only."""

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.comments import person_export
from app.extensions import db
from app.models import Author, Comment, Moderator, Role, Site, Status
from tests.cast import Reader, a_moderator, a_site, move, the_comment
from tests.web.test_queue import ENGLISH, at_the_desk, hidden

PATH, EMAIL = "/sites/paper/people", "hanako@readers.example"


@pytest.fixture
def paper(app: Flask, db_session: Session) -> Site:
    site = a_site(db_session)
    Reader(app.test_client()).post("one")
    Reader(app.test_client(), email=EMAIL.upper()).post("two")
    Reader(app.test_client(), "Bob", "bob@readers.example").post("mine")
    move(db_session, the_comment(db_session, "two"), Status.SPAM)
    return site


@pytest.fixture
def desk(app: Flask, db_session: Session, paper: Site) -> FlaskClient:
    a_moderator(db_session, paper, "alice", Role.ADMIN)
    return at_the_desk(app)


def send(desk: FlaskClient, path: str, **fields: str) -> TestResponse:
    """Press a button of a page in English."""
    token = hidden(desk.get("/moderate/"), "csrf_token")
    return desk.post(path, data=fields | {"csrf_token": token}, headers=ENGLISH, buffered=True)


def test_an_administrator_finds_and_gives_out(desk: FlaskClient) -> None:
    page = send(desk, PATH, email=f" {EMAIL} ")
    assert page.status_code == 200
    assert "Hanako" in page.text and "Approved <b>1</b>" in page.text and "Spam <b>1</b>" in page.text
    assert "Bob" not in page.text
    answer = send(desk, f"{PATH}/export", email=EMAIL)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Cache-Control"] == "no-store"
    assert [comment["text"] for comment in json.loads(answer.text)["comments"]] == ["one", "two"]


def test_an_export_is_sent_while_it_is_read_and_holds_no_lock(
    app: Flask, desk: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, read = person_export._exported, list[int]()

    def watched(comments: list[Comment]) -> list[dict[str, Any]]:
        read.append(len(comments))
        with db.engine.connect().execution_options(reads_only=False) as other:
            other.execute(update(Site).values(name=f"Renamed {len(read)}"))
            other.commit()
        return real(comments)

    whole = json.loads(send(desk, f"{PATH}/export", email=EMAIL).text)
    monkeypatch.setattr(person_export, "BATCH", 1)
    monkeypatch.setattr(person_export, "_exported", watched)
    db_session.rollback()
    answer = send(desk, f"{PATH}/export", email=EMAIL)
    assert "Content-Length" not in answer.headers and read == [1, 1]
    assert json.loads(answer.text) == whole
    assert set(whole) == {"email", "authors", "rules", "is_moderator", "comments", "subscriptions", "notices"}


def test_unknown_and_invalid_addresses_get_a_helpful_error(desk: FlaskClient) -> None:
    assert "No comments with this address" in send(desk, PATH, email="x@y.example").text
    for nonsense in ("", "hanako", "a b@c", "x" * 300 + "@y.example"):
        answer = send(desk, PATH, email=nonsense)
        assert answer.status_code == 422 and 'aria-invalid="true"' in answer.text
    assert send(desk, f"{PATH}/export", email="nonsense").status_code == 400


@pytest.mark.parametrize("text", ["keep", "remove"])
def test_an_administrator_erases_a_reader(desk: FlaskClient, paper: Site, db_session: Session, text: str) -> None:
    unsure = send(desk, f"{PATH}/erase", email=EMAIL, text=text)
    assert unsure.status_code == 422 and "cannot be restored" in unsure.text
    assert the_comment(db_session, "one").name == "Hanako", "not yet"
    done = send(desk, f"{PATH}/erase", email=EMAIL, text=text, sure="y")
    assert (done.status_code, done.headers["Location"]) == (303, PATH)
    assert "Erased the author of 2 comments" in desk.get(PATH, headers=ENGLISH).text
    db_session.expire_all()
    assert [author.name for author in db_session.query(Author).order_by(Author.id)] == ["", "", "Bob"]
    assert {comment.body for comment in db_session.query(Comment)} == (
        {"one", "two", "mine"} if text == "keep" else {"", "mine"}
    )
    db_session.rollback()
    assert "No comments with this address" in send(desk, PATH, email=EMAIL).text


def test_moderators_may_not_and_strangers_find_no_page(app: Flask, db_session: Session, paper: Site) -> None:
    a_moderator(db_session, paper, "carol", Role.MODERATOR)
    stranger: Moderator = a_moderator(db_session, a_site(db_session, "other"), "mallory", Role.OWNER)
    assert stranger.memberships
    for name, status in (("carol", 403), ("mallory", 404)):
        desk = at_the_desk(app, name)
        assert desk.get(PATH).status_code == status
        for path in (PATH, f"{PATH}/export", f"{PATH}/erase"):
            answer = send(desk, path, email=EMAIL, text="keep", sure="y")
            assert answer.status_code == status and "Hanako" not in answer.text
    assert app.test_client().get(PATH).headers["Location"].startswith("/login"), "outsiders log in first"
    assert the_comment(db_session, "one").name == "Hanako"


def test_comments_on_other_sites_are_not_erased(desk: FlaskClient, app: Flask, db_session: Session) -> None:
    a_site(db_session, "other")
    Reader(app.test_client(), site="other").post("elsewhere")
    send(desk, f"{PATH}/erase", email=EMAIL, text="remove", sure="y")
    assert the_comment(db_session, "elsewhere").author.email == EMAIL

"""An author finds a comment again by its link: status, edit, delete, and the decision with its reason."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.comments import person, person_erasure
from app.desk import review_time
from app.lib.clock import now
from app.models import Comment, Decision, Moderator, Reason, Site, Status
from app.moderation.decide import decide
from tests.cast import Reader, a_site, the_comment
from tests.web.test_queue import ENGLISH

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
WAITING = "Your comment is waiting for review."


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return settings | {"UNDO_WINDOW": "0"}


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, hold_all=True, lang="en")


@pytest.fixture
def hanako(app: Flask, alice: Moderator) -> Reader:
    return Reader(app.test_client())


@pytest.fixture
def visitor(app: Flask) -> FlaskClient:
    """Another device."""
    return app.test_client()


def link_in(answer: TestResponse) -> str:
    (found,) = re.findall(r'href="http://localhost(/comment/[^"]+)"', answer.text)
    return found


def decides(db_session: Session, status: Status, by: Moderator, reason: str = "") -> None:
    comment = the_comment(db_session, "First!")
    decide(comment, status, seen=comment.version, by=by, reason=reason)
    db_session.commit()


@ONE_DATABASE
def test_the_confirmation_says_once_that_it_waits_and_has_the_link(hanako: Reader, visitor: FlaskClient) -> None:
    answer = hanako.post("First!", lang="en")
    assert answer.text.count("once a moderator has approved it") == 1
    assert "without it, you can’t find or edit your comment" in answer.text
    page = visitor.get(link_in(answer), headers=ENGLISH)
    assert WAITING in page.text and "First!" in page.text and "usually" not in page.text
    assert page.headers["Cache-Control"] == "no-store" and page.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in page.headers and 'content="noindex"' in page.text
    assert "hanako@" not in page.text
    remembered = hanako.post("Second!", lang="en", remember="y")
    assert "This browser remembers your comment." in remembered.text


@ONE_DATABASE
def test_a_reader_without_a_script_gets_the_link_too(hanako: Reader) -> None:
    headers = {"Sec-Fetch-Mode": "navigate", "Origin": "http://localhost"}
    answer = hanako.post("First!", lang="en", headers=headers)
    assert answer.status_code == 303
    page = hanako.client.get(answer.location.removeprefix("http://localhost"), headers=headers)
    assert link_in(page) and page.text.count("once a moderator has approved it") == 1


def test_it_is_edited_and_deleted_from_another_device(
    hanako: Reader, visitor: FlaskClient, db_session: Session
) -> None:
    path = link_in(hanako.post("First!", lang="en"))
    assert visitor.post(f"{path}/edit", data={"body": " "}, headers=ENGLISH).status_code == 422
    assert visitor.post(f"{path}/edit", data={"body": "Second thoughts"}).status_code == 303
    assert the_comment(db_session, "Second thoughts").status == Status.PENDING
    assert "Second thoughts" in visitor.get(path).text
    assert visitor.post(f"{path}/withdraw").status_code == 303
    assert the_comment(db_session, "Second thoughts").status == Status.DELETED
    gone = visitor.get(path, headers=ENGLISH)
    assert "This comment has been deleted." in gone.text and "Second thoughts" not in gone.text


@ONE_DATABASE
def test_after_the_edit_window_it_can_only_be_read(hanako: Reader, visitor: FlaskClient, db_session: Session) -> None:
    path = link_in(hanako.post("First!", lang="en"))
    comment = the_comment(db_session, "First!")
    comment.created_at -= timedelta(hours=1)
    db_session.commit()
    assert "/edit" not in visitor.get(path).text
    late = visitor.post(f"{path}/edit", data={"body": "Too late"}, headers=ENGLISH)
    assert late.status_code == 403 and "can no longer be edited" in late.text
    assert visitor.post(f"{path}/withdraw").status_code == 403
    assert the_comment(db_session, "First!").status == Status.PENDING


@ONE_DATABASE
def test_later_it_tells_the_decision_and_its_reason(
    hanako: Reader, visitor: FlaskClient, alice: Moderator, db_session: Session
) -> None:
    path = link_in(hanako.post("First!", lang="en"))
    decides(db_session, Status.REJECTED, alice, Reason.ATTACK)
    told = visitor.get(path, headers=ENGLISH)
    assert "wasn’t published" in told.text and "personal attack" in told.text and "Alice" not in told.text
    appeal = re.findall(r'href="http://localhost(/appeal/[^"]+)"', told.text)[0]
    assert visitor.get(appeal).status_code == 200
    db_session.rollback()
    decides(db_session, Status.APPROVED, alice)
    assert "Your comment is live." in visitor.get(path, headers=ENGLISH).text


@ONE_DATABASE
def test_a_decision_that_can_be_undone_and_spam_look_like_waiting(
    app: Flask, hanako: Reader, visitor: FlaskClient, alice: Moderator, db_session: Session
) -> None:
    path = link_in(hanako.post("First!", lang="en"))
    app.config["UNDO_WINDOW"] = 60
    decides(db_session, Status.REJECTED, alice)
    assert WAITING in visitor.get(path, headers=ENGLISH).text
    db_session.rollback()
    decides(db_session, Status.SPAM, alice)
    app.config["UNDO_WINDOW"] = 0
    assert WAITING in visitor.get(path, headers=ENGLISH).text


@ONE_DATABASE
def test_a_changed_link_and_that_of_an_erased_author_open_nothing(
    hanako: Reader, visitor: FlaskClient, db_session: Session
) -> None:
    answer = hanako.post("First!", lang="en")
    path = link_in(answer)
    for at in range(len("/comment/"), len(path) - 1, 7):
        other = "A" if path[at] != "A" else "B"
        assert visitor.post(f"{path[:at]}{other}{path[at + 1 :]}/withdraw").status_code == 410
    assert visitor.get(f"/comment/{answer.headers['Kaiwa-Token']}").status_code == 410
    db_session.rollback()
    for _step in person_erasure.erase(person.find(hanako.email), person_erasure.Receipt(), remove_text=False):
        db_session.commit()
    db_session.rollback()
    assert visitor.get(path).status_code == 410


def test_the_usual_time_is_the_median_of_recent_reviews(
    app: Flask, hanako: Reader, alice: Moderator, db_session: Session
) -> None:
    for number in range(review_time.FEWEST):
        assert "usually" not in hanako.post(f"number {number}", lang="en").text
        comment = the_comment(db_session, f"number {number}")
        comment.created_at = now() - timedelta(hours=1 + number)
        decide(comment, Status.APPROVED, seen=comment.version, by=alice)
        db_session.commit()
    app.extensions["review times"].clear()
    assert "Reviews usually take about 3 hours." in hanako.post("And now", lang="en").text
    assert "ふだん 3 時間ほど" in hanako.post("日本語", lang="ja").text
    db_session.query(Decision).update({"made_at": now() - timedelta(days=15)})
    db_session.commit()
    assert "about 3 hours" in hanako.post("Cached", lang="en").text
    app.extensions["review times"].clear()
    assert "usually" not in hanako.post("Nothing recent", lang="en").text
    assert db_session.query(Comment).count() == review_time.FEWEST + 4

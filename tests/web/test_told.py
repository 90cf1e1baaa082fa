"""Whatever way something is decided: the answer says what was done, and what was not."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.mail.links import link_for
from app.models import Comment, Moderator, Site, Status
from app.moderation import batch
from tests.cast import move
from tests.web.test_desk import said, sends
from tests.web.test_queue import ENGLISH, _readable, alice, at_the_desk, paper, status_of

__all__ = ["_readable", "alice", "paper"]

MANY_IDS = [f"{100_000_000 + 7_919_003 * at}.1" for at in range(batch.MOST)]


@pytest.fixture
def comments(app: Flask, alice: Moderator, db_session: Session) -> list[Comment]:
    return said(app, db_session, "one", "two")


def shown_after(desk: FlaskClient, answer: TestResponse) -> str:
    assert answer.status_code == 303
    assert all(len(cookie) < 4000 for cookie in answer.headers.getlist("Set-Cookie")), "no browser keeps more"
    return " ".join(desk.get("/moderate/", headers=ENGLISH).text.split())


@pytest.mark.parametrize("why", ["gone", "changed", "emptied", "many gone"])
def test_a_batch_of_which_nothing_is_done_says_so(
    app: Flask, comments: list[Comment], db_session: Session, why: str
) -> None:
    step = -1 if why == "changed" else 0
    seen = [f"{comment.id}.{comment.version + step}" for comment in comments]
    for comment in comments:
        if why == "emptied":
            comment.empty()
        elif why == "gone":
            move(db_session, comment, Status.DELETED)
    db_session.commit()
    desk, given = at_the_desk(app), MANY_IDS if why == "many gone" else seen
    page = shown_after(desk, sends(desk, "/moderate/decisions", status="approved", comment=given))
    words = "they had changed" if why == "changed" else "they are not there any more"
    assert "Nothing was changed." in page and f"{len(given)} left out: {words}" in page
    fetched = sends(desk, "/moderate/decisions", fetch=True, status="approved", comment=given)
    assert fetched.status_code == 200 and "Nothing was changed." in fetched.text


def test_a_batch_of_which_a_part_is_done_says_both(app: Flask, comments: list[Comment], db_session: Session) -> None:
    one, two = comments
    seen = [f"{one.id}.{one.version}", f"{two.id}.{two.version - 1}", "99999.1"]
    db_session.commit()
    desk = at_the_desk(app)
    page = shown_after(desk, sends(desk, "/moderate/decisions", status="spam", comment=seen))
    assert "1 left out: it had changed meanwhile" in page and "1 left out: it is not there any more" in page
    assert "Nothing was changed." not in page


@pytest.mark.parametrize("fetch", [False, True])
def test_an_undo_of_nothing_says_so(app: Flask, alice: Moderator, paper: Site, fetch: bool) -> None:
    desk = at_the_desk(app)
    answer = sends(desk, "/moderate/decisions/undo", fetch=fetch, decision=["99999"])
    page = answer.text if fetch else shown_after(desk, answer)
    assert "Nothing was undone" in page and "Undone." not in page


def test_a_link_from_an_email_says_that_a_colleague_was_faster(
    app: Flask, comments: list[Comment], alice: Moderator, db_session: Session
) -> None:
    path = link_for(comments[0], Status.APPROVED, alice).removeprefix("http://localhost")
    move(db_session, comments[0], Status.SPAM, by=alice)
    answer = sends(at_the_desk(app), path)
    assert answer.status_code == 409 and "Nothing was changed." in answer.text and "Alice" in answer.text
    assert status_of(db_session, comments[0]) == Status.SPAM

"""The response to every kind of decision names the changed and the skipped comments."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.desk import batch
from app.models import Comment, Decision, Moderator, Site, Status
from app.notify.decision_links import link_for
from tests.cast import move
from tests.web.test_desk import said, sends
from tests.web.test_queue import ENGLISH, at_the_desk, let_go, paper, status_of

__all__ = ["paper"]

MANY_IDS = [f"{100_000_000 + 7_919_003 * at}.1" for at in range(batch.MOST)]


@pytest.fixture
def comments(app: Flask, alice: Moderator, db_session: Session) -> list[Comment]:
    return said(app, db_session, "one", "two")


def shown_after(desk: FlaskClient, answer: TestResponse) -> str:
    assert answer.status_code == 303
    assert all(len(cookie) < 4000 for cookie in answer.headers.getlist("Set-Cookie")), "no browser keeps more"
    return " ".join(desk.get("/moderate/", headers=ENGLISH).text.split())


@pytest.mark.parametrize("why", ["gone", "changed", "emptied", "many gone"])
def test_a_batch_without_effect_is_reported(app: Flask, comments: list[Comment], db_session: Session, why: str) -> None:
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
    words = "already changed" if why == "changed" else "no longer exist"
    assert "Nothing changed." in page and f"{len(given)} skipped: {words}" in page
    fetched = sends(desk, "/moderate/decisions", fetch=True, status="approved", comment=given)
    assert fetched.status_code == 200 and "Nothing changed." in fetched.text


def test_a_partly_applied_batch_reports_both_parts(app: Flask, comments: list[Comment], db_session: Session) -> None:
    one, two = comments
    seen = [f"{one.id}.{one.version}", f"{two.id}.{two.version - 1}", "99999.1"]
    db_session.commit()
    desk = at_the_desk(app)
    page = shown_after(desk, sends(desk, "/moderate/decisions", status="spam", comment=seen))
    assert "1 skipped: already changed" in page and "1 skipped: no longer exists" in page
    assert "Nothing changed." not in page


@pytest.mark.parametrize("fetch", [False, True])
def test_an_undo_of_nothing_says_so(app: Flask, alice: Moderator, paper: Site, fetch: bool) -> None:
    desk = at_the_desk(app)
    answer = sends(desk, "/moderate/decisions/undo", fetch=fetch, decision=["99999"])
    page = answer.text if fetch else shown_after(desk, answer)
    assert "Nothing to undo" in page and "Undone." not in page


def test_a_link_from_an_email_reports_an_earlier_decision(
    app: Flask, comments: list[Comment], alice: Moderator, db_session: Session
) -> None:
    path = link_for(comments[0], Status.APPROVED, alice).removeprefix("http://localhost")
    move(db_session, comments[0], Status.SPAM, by=alice)
    answer = sends(at_the_desk(app), path)
    assert answer.status_code == 409 and "Nothing changed." in answer.text and "Alice" in answer.text
    assert status_of(db_session, comments[0]) == Status.SPAM


@pytest.fixture
def reported(app: Flask, comments: list[Comment], alice: Moderator, db_session: Session) -> Comment:
    """A comment that two readers have reported."""
    one = comments[0]
    move(db_session, one, Status.APPROVED, by=alice)
    for address in ("203.0.1.1", "198.51.1.1"):
        sent = app.test_client().post(
            f"/embed/report/{one.id}", data={"reason": "attack"}, environ_base={"REMOTE_ADDR": address}
        )
        assert sent.status_code == 200
    db_session.refresh(one)
    db_session.commit()
    return one


def told_by(desk: FlaskClient, answer: TestResponse, fetch: bool) -> str:
    if not fetch:
        return shown_after(desk, answer)
    assert answer.status_code == 200
    return " ".join(answer.text.split())


@pytest.mark.parametrize("fetch", [False, True])
@pytest.mark.parametrize("many", [False, True])
def test_a_decision_says_how_many_reports_it_answers_and_its_undo_that_they_are_open_again(
    app: Flask, reported: Comment, comments: list[Comment], db_session: Session, fetch: bool, many: bool
) -> None:
    desk, seen = at_the_desk(app), f"{reported.id}.{reported.version}"
    other = f"{comments[1].id}.{comments[1].version}"
    if many:
        answer = sends(desk, "/moderate/decisions", fetch=fetch, status="rejected", comment=[seen, other])
    else:
        path = f"/moderate/comments/{reported.id}/decisions"
        answer = sends(desk, path, fetch=fetch, status="rejected", seen=reported.version)
    assert "2 reports answered" in told_by(desk, answer, fetch)
    made = list(db_session.scalars(select(Decision.id).where(Decision.to_status == Status.REJECTED)))
    db_session.commit()
    if many:
        answer = sends(desk, "/moderate/decisions/undo", fetch=fetch, decision=[str(id) for id in made])
    else:
        answer = sends(desk, f"/moderate/decisions/{made[0]}/undo", fetch=fetch)
    said_then = told_by(desk, answer, fetch)
    assert "2 reports reopened." in said_then
    assert ("2 decisions undone." in said_then) == many


def test_a_decision_that_answers_no_report_says_nothing_of_reports(app: Flask, comments: list[Comment]) -> None:
    desk, path = at_the_desk(app), f"/moderate/comments/{comments[0].id}/decisions"
    seen = comments[0].version
    let_go(comments[0])
    assert "answered" not in told_by(desk, sends(desk, path, fetch=True, status="spam", seen=seen), True)


def test_a_decision_by_a_link_from_an_email_says_how_many_reports_it_answers(
    app: Flask, reported: Comment, alice: Moderator, db_session: Session
) -> None:
    path = link_for(reported, Status.REJECTED, alice).removeprefix("http://localhost")
    db_session.commit()
    desk = at_the_desk(app)
    assert sends(desk, path).status_code == 303
    assert "2 reports answered" in desk.get(path, headers=ENGLISH).text


def test_a_block_says_how_many_reports_it_answers(
    app: Flask, reported: Comment, alice: Moderator, db_session: Session
) -> None:
    move(db_session, reported, Status.PENDING)
    fields = {"what": f"author {reported.author_id}", "days": "7", "clear": "1"}
    path = f"/moderate/comments/{reported.id}/block"
    db_session.commit()
    answer = sends(at_the_desk(app), path, fetch=True, **fields)
    assert "2 reports answered." in answer.text


@pytest.mark.parametrize("fetch", [False, True])
@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", "Undone. <bdi>&lt;b&gt;Eve</bdi>’s comment went from Spam back to Pending."),
        ("ja", "元に戻しました。<bdi>&lt;b&gt;Eve</bdi>さんのコメントを「スパム」から「承認待ち」に戻しました。"),
    ],
)
def test_a_single_undo_names_the_comment_and_what_it_did(
    app: Flask, alice: Moderator, db_session: Session, fetch: bool, lang: str, words: str
) -> None:
    (one,) = said(app, db_session, "one", name="<b>Eve")
    alice.lang = lang
    db_session.commit()
    move(db_session, one, Status.SPAM, by=alice)
    made = db_session.scalar(select(Decision.id).order_by(Decision.id.desc()).limit(1))
    db_session.commit()
    desk = at_the_desk(app)
    assert words in told_by(desk, sends(desk, f"/moderate/decisions/{made}/undo", fetch=fetch), fetch)


def test_a_long_name_does_not_fill_the_cookie(app: Flask, alice: Moderator, db_session: Session) -> None:
    (one,) = said(app, db_session, "one", name="𠮷野" * 25)
    path, seen = f"/moderate/comments/{one.id}/decisions", one.version
    db_session.commit()
    desk = at_the_desk(app)
    assert "𠮷野" in shown_after(desk, sends(desk, path, status="spam", seen=seen))

"""An article holds everything for a while if most of it is rejected or much reported, with one email."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.abuse import address
from app.lib.clock import now
from app.models import Comment, Decision, Delivery, Moderator, Reason, Report, Site, State, Status, Thread, ThreadChange
from app.moderation.decide import decide, undo
from app.moderation.reports import report
from app.notify import outbox
from tests.cast import ORIGIN, Reader, a_moderator, a_site, the_comment
from tests.services import MailServer
from tests.web.test_queue import ENGLISH, at_the_desk

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en", brake_decisions=4, brake_percent=60, brake_reports=3, brake_minutes=30)


@pytest.fixture
def hanako(client: FlaskClient, alice: Moderator) -> Reader:
    return Reader(client)


@pytest.fixture
def later(db_session: Session) -> Callable[..., None]:
    """Let time pass, `later(minutes=31)`, by moving all timestamps back."""

    def pass_by(**time: float) -> None:
        ago = timedelta(**time)
        columns = (Decision.made_at, Report.made_at, Thread.held_until, ThreadChange.made_at, ThreadChange.until)
        for column in columns:
            for id, at in db_session.query(column.class_.id, column).all():
                if at:
                    db_session.execute(update(column.class_).where(column.class_.id == id).values({column: at - ago}))
        db_session.commit()

    return pass_by


def judge(hanako: Reader, db_session: Session, by: Moderator, *statuses: Status, url: str = "") -> list[Decision]:
    made = []
    for status in statuses:
        body = f"comment {db_session.query(Comment).count()}"
        db_session.commit()
        assert hanako.post(body, **({"url": url} if url else {})).status_code in (201, 202)
        comment = the_comment(db_session, body)
        made.append(decide(comment, status, seen=comment.version, by=by))
        db_session.commit()
    return made


def state(db_session: Session) -> State:
    db_session.expire_all()
    found = db_session.query(Thread).first()
    assert found
    now_in = found.state_now
    db_session.commit()
    return now_in


GOOD, BAD, SPAM = Status.APPROVED, Status.REJECTED, Status.SPAM


def test_an_article_whose_comments_are_mostly_rejected_is_held_with_one_email_and_ends(
    app: Flask, hanako: Reader, db_session: Session, alice: Moderator, paper: Site, smtp: MailServer,
    later: Callable[..., None],
) -> None:  # fmt: skip
    a_moderator(db_session, a_site(db_session, "other"), "bob")
    judge(hanako, db_session, alice, GOOD, BAD, GOOD, SPAM)
    assert state(db_session) == State.OPEN, "half is not more than 60 %"
    judge(hanako, db_session, alice, BAD)
    assert state(db_session) == State.HELD
    assert hanako.post("waits").status_code == 202
    assert the_comment(db_session, "waits").reasons[-1] == {"check": "article", "verdict": "hold"}
    desk = at_the_desk(app)
    queue, log = desk.get("/moderate/", headers=ENGLISH).text, desk.get("/moderate/log/articles", headers=ENGLISH).text
    assert "All new comments on this article are held for a while." in queue
    assert "Many of its comments were rejected" in log and "Held until:" in log and "Kaiwa" in log
    judge(hanako, db_session, alice, BAD, BAD)
    while outbox.run_once():
        pass
    (mail,) = [each for each in smtp.emails if "held" in each.subject]
    assert mail.to == ["alice@moderators.example"] and "/sites/paper/threads/" in mail.text
    later(minutes=31)
    assert state(db_session) == State.OPEN and hanako.post("free again").status_code == 201
    judge(hanako, db_session, alice, BAD)
    assert state(db_session) == State.OPEN, "decisions before its end do not count again"
    judge(hanako, db_session, alice, BAD, SPAM, BAD)
    assert state(db_session) == State.HELD
    assert [each.reason for each in db_session.query(ThreadChange)] == ["rejections", "rejections"]


@ONE_DATABASE
def test_neither_undone_decisions_nor_those_of_checks_or_other_articles_count(
    hanako: Reader, db_session: Session, alice: Moderator
) -> None:
    for decision in judge(hanako, db_session, alice, BAD, BAD, BAD):
        undo(decision, by=alice)
    db_session.commit()
    judge(hanako, db_session, alice, BAD)
    judge(hanako, db_session, alice, BAD, BAD, BAD, url=f"{ORIGIN}/other")
    for number in range(4):
        hanako.post(f"trapped {number}", subject="filled in by a bot")
    assert [each.state for each in db_session.query(Thread)] == ["open", "open"]


def test_many_reports_within_minutes_hold_an_article(
    app: Flask, hanako: Reader, db_session: Session, paper: Site, later: Callable[..., None]
) -> None:
    for number in range(3):
        hanako.post(f"comment {number}")
    networks = ["198.51.100.1", "198.51.100.2", "203.0.113.1", "192.0.2.1"]

    def reported(body: str, network: str) -> None:
        site = db_session.get_one(Site, paper.id)
        report(the_comment(db_session, body), reader=address.reporter(site, network), reason=Reason.HATE)
        db_session.commit()

    reported("comment 0", networks[0]), reported("comment 1", networks[1])
    later(minutes=11)
    reported("comment 1", networks[2])
    # One reader with two addresses of a network is one; an old report does not count.
    reported("comment 2", networks[2])
    assert state(db_session) == State.OPEN
    reported("comment 2", networks[0]), reported("comment 2", networks[3])
    assert state(db_session) == State.HELD
    assert db_session.query(Delivery).filter_by(kind="brake").count() == 1


@ONE_DATABASE
def test_a_brake_ends_by_hand_and_touches_no_state_that_was_set(
    app: Flask, hanako: Reader, db_session: Session, alice: Moderator
) -> None:
    judge(hanako, db_session, alice, BAD, BAD, BAD, BAD)
    thread = db_session.query(Thread).one()
    assert thread.held_until and thread.held_until <= now() + timedelta(minutes=30)
    db_session.commit()
    run = app.test_cli_runner().invoke(args=["thread", "open", "/story", "--site", "paper"])
    assert run.exit_code == 0 and state(db_session) == State.OPEN
    app.test_cli_runner().invoke(args=["thread", "hold", "/story", "--site", "paper"])
    judge(hanako, db_session, alice, BAD, BAD, BAD, BAD)
    assert db_session.query(Thread).one().held_until is None

"""Readers report public comments, once each, without an account; enough reports bring a comment to the desk."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.lib.clock import now
from app.models import Actor, Comment, Decision, Moderator, Report, Site, Status
from app.moderation import reports
from app.moderation.decide import decide, undo
from tests.cast import ORIGIN, Reader, a_site, move, the_comment
from tests.web.test_queue import at_the_desk, hidden


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, reports_needed=2, reports_to_hide=3)


@pytest.fixture
def comment(app: Flask, db_session: Session, paper: Site) -> Comment:
    assert Reader(app.test_client()).post("You are a liar").status_code == 201
    return the_comment(db_session, "You are a liar")


@pytest.fixture
def flag(app: Flask, comment: Comment) -> Callable[..., TestResponse]:
    """`flag("203.0.1.1", reason="hate")`: a reader at this address reports the comment."""

    def send(address: str, reason: str = "attack", **more: str) -> TestResponse:
        browser = app.test_client()
        at = {"REMOTE_ADDR": address}
        fields = {"reason": reason} | more
        return browser.post(f"/embed/report/{comment.id}", data=fields, environ_base=at)

    return send


def newest(db_session: Session, comment: Comment) -> Decision:
    db_session.expire_all()
    found = Decision.newest_of(comment)
    assert found
    db_session.commit()
    return found


def open_reports(db_session: Session, comment: Comment) -> dict[str, int]:
    db_session.expire_all()
    found = Report.open_of([comment.id])[comment.id]
    db_session.commit()
    return found


def test_enough_readers_bring_a_comment_to_the_desk_and_more_of_them_hide_it(
    flag: Callable[..., TestResponse], comment: Comment, db_session: Session
) -> None:
    assert flag("203.0.1.1").status_code == 200
    assert newest(db_session, comment).reason == ""
    flag("203.0.2.1")
    told = newest(db_session, comment)
    assert (told.actor, told.reason, told.to_status) == (Actor.SYSTEM, "reports", Status.APPROVED)
    assert comment.lane == 1
    flag("203.0.3.1", "hate")
    hidden_by = newest(db_session, comment)
    assert (hidden_by.actor, hidden_by.to_status, comment.lane) == (Actor.SYSTEM, Status.PENDING, 1)
    assert open_reports(db_session, comment) == {"attack": 2, "hate": 1}


def test_one_reader_counts_once_and_is_answered_alike(
    flag: Callable[..., TestResponse], comment: Comment, db_session: Session
) -> None:
    answers = [flag("203.0.1.1", reason) for reason in ("attack", "spam", "hate")]
    answers += [flag(f"2001:db8:1:1::{at}") for at in range(1, 3)]
    assert len({answer.text for answer in answers}) == 1
    assert open_reports(db_session, comment) == {"attack": 2}
    assert comment.status == Status.APPROVED


def test_a_look_answers_them_and_the_same_reports_do_not_come_back_until_the_text_changes(
    flag: Callable[..., TestResponse], comment: Comment, alice: Moderator, db_session: Session
) -> None:
    flag("203.0.1.1")
    flag("203.0.2.1")
    db_session.refresh(comment)
    move(db_session, comment, Status.APPROVED, by=alice)
    assert open_reports(db_session, comment) == {}
    flag("203.0.3.1")
    flag("203.0.4.1")
    assert open_reports(db_session, comment) == {}
    flag("203.0.5.1", "hate")
    flag("203.0.1.1", "illegal")
    assert open_reports(db_session, comment) == {}, "whatever the reason"
    comment.edited_at = newest(db_session, comment).made_at.replace(year=2999)
    db_session.commit()
    flag("203.0.6.1")
    flag("203.0.1.1")
    assert open_reports(db_session, comment) == {"attack": 2}


def test_an_approval_after_a_rejection_is_a_look_too(
    flag: Callable[..., TestResponse], comment: Comment, alice: Moderator, db_session: Session
) -> None:
    """The rejection has answered the reports; the author appealed, and the moderator published the text again."""
    for at in range(1, 4):
        flag(f"203.0.{at}.1")
    for status in (Status.REJECTED, Status.PENDING, Status.APPROVED):
        db_session.refresh(comment)
        move(db_session, comment, status, by=alice)
    for at in range(4, 8):
        flag(f"203.0.{at}.1", "hate")
    assert open_reports(db_session, comment) == {}
    assert newest(db_session, comment).to_status == Status.APPROVED
    undo(newest(db_session, comment), by=alice)
    db_session.refresh(comment)
    decide(comment, Status.APPROVED, seen=comment.version, actor=Actor.SCREENING)
    db_session.commit()
    flag("203.0.9.1", "hate")
    assert open_reports(db_session, comment) == {"hate": 5}, "a look that was taken back is none"


def test_an_edited_text_that_a_moderator_approved_is_immune_too(
    flag: Callable[..., TestResponse], comment: Comment, alice: Moderator, db_session: Session
) -> None:
    flag("203.0.1.1")
    comment.edited_at = now()
    db_session.commit()
    db_session.refresh(comment)
    move(db_session, comment, Status.APPROVED, by=alice)
    flag("203.0.1.1", "hate")
    flag("203.0.2.1", "hate")
    assert open_reports(db_session, comment) == {}


@pytest.mark.parametrize(
    ("addresses", "hides"),
    [
        ([f"203.0.113.{at}" for at in range(1, 9)], False),
        ([f"2001:db8:1:{at:x}00::1" for at in range(1, 9)], False),
        ([f"::ffff:203.0.113.{at}" for at in range(1, 9)], False),
        (["203.0.1.1", "203.0.2.1", "2001:db8:1::1"], True),
        ([f"2001:db8:{at}::1" for at in range(1, 4)], True),
    ],
    ids=["one /24", "one /48", "one /24 in IPv6", "three networks", "three /48"],
)
def test_networks_count_as_they_do_for_posts(
    flag: Callable[..., TestResponse], comment: Comment, db_session: Session, addresses: list[str], hides: bool
) -> None:
    assert {flag(address).status_code for address in addresses} == {200}
    db_session.refresh(comment)
    assert (comment.status == Status.PENDING) is hides and bool(comment.lane) is hides


def test_taking_back_what_a_moderator_decided_opens_them_again(
    flag: Callable[..., TestResponse], comment: Comment, alice: Moderator, db_session: Session
) -> None:
    flag("203.0.1.1")
    flag("203.0.2.1")
    db_session.refresh(comment)
    rejected = decide(comment, Status.REJECTED, seen=comment.version, by=alice)
    db_session.commit()
    assert open_reports(db_session, comment) == {}
    undo(rejected, by=alice)
    db_session.commit()
    assert open_reports(db_session, comment) == {"attack": 2}


def test_comments_hidden_by_reports_are_restored_from_the_log(
    app: Flask, flag: Callable[..., TestResponse], comment: Comment, alice: Moderator, db_session: Session
) -> None:
    for at in range(1, 4):
        flag(f"203.0.{at}.1")
    assert newest(db_session, comment).to_status == Status.PENDING
    desk = at_the_desk(app)
    form = BeautifulSoup(desk.get("/moderate/log").text, "html.parser").select_one("ol form")
    answer = desk.post(form["action"], data={each["name"]: each["value"] for each in form.select("input")})
    assert answer.status_code == 303
    assert newest(db_session, comment).to_status == Status.APPROVED
    assert open_reports(db_session, comment) == {}


def test_only_what_everybody_sees_can_be_reported(
    app: Flask, flag: Callable[..., TestResponse], comment: Comment, db_session: Session
) -> None:
    path = f"/embed/report/{comment.id}"
    assert app.test_client().get(path).status_code == 200
    move(db_session, comment, Status.PENDING)
    assert app.test_client().get(path).status_code == 404
    assert flag("203.0.1.1").status_code == 404
    assert app.test_client().get("/embed/report/999999").status_code == 404
    assert db_session.query(Report).count() == 0


def test_a_report_needs_a_reason_and_keeps_the_input(
    flag: Callable[..., TestResponse], comment: Comment, db_session: Session
) -> None:
    for reason in ("", "duplicate", "nonsense"):
        answer = flag("203.0.1.1", reason, note="He means <my> brother")
        assert answer.status_code == 422
        assert "He means &lt;my&gt; brother" in answer.text
    assert flag("203.0.1.1", note="x" * 501).status_code == 422
    assert open_reports(db_session, comment) == {}


def test_mass_reporting_gets_429(
    flag: Callable[..., TestResponse], comment: Comment, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "PER_READER", 1)
    assert flag("203.0.1.1").status_code == 200
    answer = flag("203.0.1.1", "spam", note="and again")
    assert (answer.status_code, "and again" in answer.text) == (429, True)
    assert flag("203.0.2.1").status_code == 200


def test_programs_and_foreign_pages_report_nothing(
    app: Flask, flag: Callable[..., TestResponse], comment: Comment, db_session: Session
) -> None:
    assert flag("203.0.1.1", subject="buy").status_code == 200
    path, fields = f"/embed/report/{comment.id}", {"reason": "spam"}
    assert app.test_client().post(path, data=fields, headers={"Origin": "https://evil.example"}).status_code == 403
    assert open_reports(db_session, comment) == {}
    assert app.test_client().post(path, data=fields, headers={"Origin": ORIGIN}).status_code == 200
    assert open_reports(db_session, comment) == {"spam": 1}


def test_nothing_of_the_reader_is_kept(flag: Callable[..., TestResponse], db_session: Session) -> None:
    flag("203.0.77.1", note="I am Hanako Yamada")
    rows = str(db_session.execute(text("SELECT * FROM report")).all())
    assert "attack" in rows
    assert "203.0" not in rows and "Hanako" not in rows


def test_without_a_script_it_is_a_page(app: Flask, comment: Comment) -> None:
    browser, page = app.test_client(), {"Sec-Fetch-Mode": "navigate", "Accept-Language": "en"}
    link = BeautifulSoup(Reader(browser).get_thread(lang="en").text, "html.parser").select_one("a.report")
    path = link["href"].removeprefix("http://localhost")
    asked = browser.get(path, headers=page)
    assert "You are a liar" in asked.text and hidden(asked, "lang") == "en"
    assert ORIGIN in asked.headers["Content-Security-Policy"]
    answer = browser.post(path, data={"reason": "attack"}, headers=page)
    assert answer.status_code == 200 and "Our moderators will take a look" in answer.text


def test_two_readers_at_the_same_moment_are_both_counted(
    app: Flask, comment: Comment, flag: Callable[..., TestResponse], db_session: Session
) -> None:
    with ThreadPoolExecutor(8) as readers:
        answers = list(readers.map(lambda at: flag(f"198.51.{at}.1"), range(8)))
    assert {answer.status_code for answer in answers} <= {200, 404}
    told = newest(db_session, comment)
    assert (told.to_status, sum(open_reports(db_session, comment).values())) == (Status.PENDING, 3)

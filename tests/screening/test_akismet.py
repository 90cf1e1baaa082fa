"""Akismet is called in the background: a comment waits for its verdict, and no failure loses a comment."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.lib import clock, http_client
from app.models import Comment, Decision, Delivery, Moderator, Site, Status
from app.models.site import ANSWERS_NOTED
from app.moderation.akismet_worker import CARRIERS
from app.moderation.decide import undo
from app.notify import outbox
from tests.akismet_server import GOOD_KEY, SPAMMER, Akismet
from tests.cast import PAGE, Reader, a_site, move, the_comment


@pytest.fixture
def akismet(akismet: Akismet, app: Flask) -> Akismet:
    app.config["AKISMET_URL"] = akismet.url
    return akismet


@pytest.fixture
def paper(db_session: Session, akismet: Akismet) -> Site:
    return a_site(db_session, akismet_key=GOOD_KEY)


@pytest.fixture
def hanako(client: FlaskClient, paper: Site) -> Reader:
    return Reader(client, peer="192.0.2.77")


@pytest.fixture
def works(db_session: Session) -> Callable[..., None]:
    """Run the worker's due deliveries after some time."""

    def work(**later: float) -> None:
        for delivery in db_session.query(Delivery).filter(Delivery.done_at.is_(None)):
            delivery.due_at -= timedelta(**later)
        db_session.commit()
        db_session.expire_all()
        while outbox.run_once(CARRIERS):
            pass
        db_session.expire_all()
        db_session.commit()

    return work


def state_of(comment: Comment) -> str:
    return next(reason["state"] for reason in comment.reasons if reason["check"] == "akismet")


def test_a_comment_waits_for_the_answer_and_is_published_when_all_else_passes(
    hanako: Reader, akismet: Akismet, works: Callable[..., None], db_session: Session
) -> None:
    assert hanako.post("Hello there").status_code == 202
    assert akismet.asked == [], "the request does not wait for Akismet"
    waiting = the_comment(db_session, "Hello there")
    assert (waiting.status, state_of(waiting)) == (Status.PENDING, "asked")
    works()
    published = the_comment(db_session, "Hello there")
    assert (published.status, state_of(published)) == (Status.APPROVED, "ham")
    assert "Hello there" in hanako.get_thread().text


def test_akismet_spam_is_spam_without_a_message(
    client: FlaskClient, paper: Site, akismet: Akismet, works: Callable[..., None], db_session: Session
) -> None:
    spammer = Reader(client, SPAMMER, "s@spam.example")
    assert spammer.post("Buy").status_code == 202
    akismet.will(body="true", headers={"X-akismet-pro-tip": "discard", "X-akismet-guid": "abc"})
    works()
    comment = the_comment(db_session, "Buy")
    assert (comment.status, state_of(comment), comment.reasons[-1]["guid"]) == (Status.SPAM, "discard", "abc")


def test_akismet_gets_the_required_fields_and_the_address_is_deleted_in_time(
    hanako: Reader, akismet: Akismet, works: Callable[..., None], db_session: Session
) -> None:
    hanako.post("質問です", headers={"User-Agent": "Browser/1", "Referer": PAGE}, website="https://hanako.example")
    works()
    (asked,) = akismet.of("comment-check")
    expected = {
        "api_key": GOOD_KEY, "blog": "https://paper.example/", "user_ip": "192.0.2.77", "user_agent": "Browser/1",
        "referrer": PAGE, "permalink": PAGE, "comment_type": "comment", "comment_author": "Hanako",
        "comment_author_email": "hanako@readers.example", "comment_author_url": "https://hanako.example",
        "comment_content": "質問です", "blog_lang": "ja", "blog_charset": "UTF-8",
    }  # fmt: skip
    assert {name: asked[name] for name in expected} == expected
    assert asked["comment_date_gmt"].startswith(f"{clock.now():%Y-%m-%dT}")
    kept = db_session.query(Delivery).filter_by(kind="akismet").one().payload
    assert "192.0.2.0" in kept and "192.0.2.77" not in kept


def test_what_else_holds_a_comment_goes_on_holding_it(
    hanako: Reader, paper: Site, works: Callable[..., None], db_session: Session
) -> None:
    paper.hold_all = True
    db_session.commit()
    hanako.post("Hello there")
    works()
    comment = the_comment(db_session, "Hello there")
    assert (comment.status, state_of(comment)) == (Status.PENDING, "ham")


TROUBLE: list[dict[str, Any]] = [
    {"status": 500}, {"status": 302, "headers": {"Location": "http://127.0.0.1/"}}, {"body": "invalid"}, {"body": ""},
    {"body": "Missing required field: user_ip."}, {"body": "true" * 40_000}, {"drop": "before"}, {"drop": "within"},
    {"body": "TRUE!"}, {"seconds": 1.5}, {"drip": 0.7},
    {"body": "", "status": 429, "headers": {"X-akismet-error": "123", "X-akismet-debug-help": "slow down"}},
]  # fmt: skip


@pytest.mark.parametrize("plan", TROUBLE, ids=repr)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_failure_holds_the_comment_and_is_tried_again(
    plan: dict[str, Any], hanako: Reader, akismet: Akismet, works: Callable[..., None], db_session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(http_client, "SECONDS", 1)
    hanako.post("Hello there")
    akismet.will(**plan)
    works()
    waiting = the_comment(db_session, "Hello there")
    assert (waiting.status, state_of(waiting)) == (Status.PENDING, "trouble")
    works()
    assert len(akismet.asked) == 1, "not before its pause is over"
    monkeypatch.setattr(http_client, "SECONDS", 60)
    works(minutes=1)
    assert the_comment(db_session, "Hello there").status == Status.APPROVED


def test_a_server_that_is_away_for_ever_leaves_the_comment_to_moderators(
    app: Flask, hanako: Reader, works: Callable[..., None], db_session: Session
) -> None:
    app.config["AKISMET_URL"] = "http://127.0.0.1:1/1.1"
    hanako.post("Hello there")
    for _ in range(outbox.TRIES + 2):
        works(hours=8)
    (delivery,) = db_session.query(Delivery).filter_by(kind="akismet")
    assert delivery.outcome == "gave up"
    comment = the_comment(db_session, "Hello there")
    assert (comment.status, state_of(comment)) == (Status.PENDING, "trouble")


def test_it_may_want_to_be_asked_again_later(
    hanako: Reader, akismet: Akismet, works: Callable[..., None], db_session: Session
) -> None:
    hanako.post("Hello there")
    akismet.will(body="false", headers={"X-akismet-recheck-after": "600"})
    works()
    assert the_comment(db_session, "Hello there").status == Status.PENDING
    works(minutes=5)
    assert len(akismet.asked) == 1
    works(minutes=6)
    assert (len(akismet.asked), the_comment(db_session, "Hello there").status) == (2, Status.APPROVED)


def test_a_moderator_who_was_faster_stands(
    hanako: Reader, alice: Moderator, akismet: Akismet, works: Callable[..., None], db_session: Session
) -> None:
    hanako.post("Hello there")
    move(db_session, the_comment(db_session, "Hello there"), Status.REJECTED, by=alice)
    works()
    comment = the_comment(db_session, "Hello there")
    assert (comment.status, state_of(comment)) == (Status.REJECTED, "ham")


def test_an_answer_about_words_that_are_gone_publishes_nothing(
    hanako: Reader, akismet: Akismet, works: Callable[..., None], db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanako.post("Hello there")
    id, token = the_comment(db_session, "Hello there").id, hanako.token
    real = http_client.post_form

    def edit_during_the_call(*asked: Any) -> Any:
        monkeypatch.undo()
        assert hanako.client.post(
            f"/embed/comments/{id}/edit", data=hanako.fields(token=token, body="Other words")
        ).status_code == 200  # fmt: skip
        return real(*asked)

    monkeypatch.setattr("app.spam.akismet.post_form", edit_during_the_call)
    works()
    assert the_comment(db_session, "Other words").status == Status.PENDING
    works(seconds=6)
    assert [fields["comment_content"] for fields in akismet.of("comment-check")] == ["Hello there", "Other words"]
    assert the_comment(db_session, "Other words").status == Status.APPROVED


@pytest.mark.parametrize("gone", ["key", "comment"])
def test_a_question_with_nothing_left_to_ask_is_finished(
    hanako: Reader, akismet: Akismet, works: Callable[..., None], db_session: Session, paper: Site, gone: str
) -> None:
    hanako.post("Hello there")
    if gone == "key":
        paper.akismet_key = ""
    else:
        move(db_session, the_comment(db_session, "Hello there"), Status.DELETED)
    db_session.commit()
    works()
    asked = db_session.query(Delivery).filter_by(kind="akismet").one()
    assert (asked.outcome, asked.attempts, akismet.asked) == ("nothing to say", 1, [])
    assert asked.done_at is not None


def test_an_edit_is_asked_about_again(
    hanako: Reader, akismet: Akismet, works: Callable[..., None], db_session: Session
) -> None:
    hanako.post("Hello there")
    works()
    id = the_comment(db_session, "Hello there").id
    hanako.client.post(f"/embed/comments/{id}/edit", data=hanako.fields(token=hanako.token, body="Hello again"))
    assert the_comment(db_session, "Hello again").status == Status.PENDING
    works()
    last = akismet.of("comment-check")[-1]
    assert (last["recheck_reason"], last["comment_content"], last["user_ip"]) == ("edit", "Hello again", "192.0.2.0")
    assert the_comment(db_session, "Hello again").status == Status.APPROVED


@pytest.mark.parametrize(
    ("author", "status", "method"),
    [
        ("Hanako", Status.SPAM, "submit-spam"),
        (SPAMMER, Status.APPROVED, "submit-ham"),
        (SPAMMER, Status.SPAM, ""),
        ("Hanako", Status.APPROVED, ""),
        ("Hanako", Status.REJECTED, ""),
    ],
)
def test_a_correction_is_sent_after_the_undo_window_only(
    author: str, status: Status, method: str, hanako: Reader, alice: Moderator, paper: Site, akismet: Akismet,
    works: Callable[..., None], db_session: Session,
) -> None:  # fmt: skip
    paper.hold_all = True
    db_session.commit()
    hanako.post("Hello there", name=author, headers={"User-Agent": "Browser/1"})
    works()
    move(db_session, the_comment(db_session, "Hello there"), status, by=alice)
    works()
    assert [name for name, _ in akismet.asked] == ["comment-check"]
    works(seconds=16)
    reports = akismet.asked[1:]
    assert [name for name, _ in reports] == [method] * bool(method)
    for _, fields in reports:
        assert (fields["comment_content"], fields["user_agent"]) == ("Hello there", "Browser/1")
        assert fields["user_ip"] == "192.0.2.0"


def test_undo_recalls_a_pending_correction(
    hanako: Reader, alice: Moderator, akismet: Akismet, works: Callable[..., None], db_session: Session
) -> None:
    hanako.post("Hello there")
    works()
    comment = the_comment(db_session, "Hello there")
    move(db_session, comment, Status.SPAM, by=alice)
    newest = Decision.newest_of(comment)
    assert newest
    undo(newest, by=alice)
    db_session.commit()
    works(minutes=5)
    assert [name for name, _ in akismet.asked] == ["comment-check"]


def test_a_key_that_calls_everything_spam_is_ignored_and_reported(
    app: Flask, client: FlaskClient, paper: Site, akismet: Akismet, works: Callable[..., None], db_session: Session,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    akismet.always = "true"
    paper.akismet_answers = "s" * (ANSWERS_NOTED - 2)
    db_session.commit()
    for number in range(3):
        Reader(client, f"Reader {number}", f"{number}@readers.example").post(f"number {number}")
    works()
    statuses = [the_comment(db_session, f"number {number}").status for number in range(3)]
    assert statuses == [Status.SPAM, Status.PENDING, Status.PENDING]
    assert "is ignored" in capsys.readouterr().err
    assert "akismet-doubted" in checked(app, db_session)
    akismet.always = ""
    Reader(client, "Later", "later@readers.example").post("at last")
    works()
    assert the_comment(db_session, "at last").status == Status.APPROVED
    assert "akismet-doubted" not in checked(app, db_session)


def checked(app: Flask, db_session: Session) -> str:
    told = app.test_cli_runner().invoke(args=["check", "--json"]).output
    db_session.rollback()
    return told


def test_alerts_and_invalid_keys_are_reported_to_the_operator(
    app: Flask, hanako: Reader, paper: Site, akismet: Akismet, works: Callable[..., None], db_session: Session
) -> None:
    assert "akismet" not in checked(app, db_session)
    hanako.post("Hello there")
    akismet.will(body="false", headers={"X-akismet-alert-code": "10010", "X-akismet-alert-msg": "Over the limit"})
    works()
    assert "akismet-alert" in checked(app, db_session)
    paper.akismet_key = "nosuchkey"
    db_session.commit()
    told = checked(app, db_session)
    assert "akismet-key" in told and "akismet-alert" not in told, "the alert was about the other key"
    app.config["AKISMET_URL"] = "http://127.0.0.1:1/1.1"
    assert '"akismet"' in checked(app, db_session)


def test_the_key_is_kept_encrypted_and_shown_by_its_end(app: Flask, paper: Site, db_session: Session) -> None:
    stored = db_session.connection().exec_driver_sql("SELECT akismet_key FROM site").scalar()
    db_session.commit()
    assert GOOD_KEY not in str(stored)
    shown = app.test_cli_runner().invoke(args=["site", "show", "paper", "--json"]).output
    db_session.rollback()
    assert GOOD_KEY not in shown and GOOD_KEY[-4:] in shown

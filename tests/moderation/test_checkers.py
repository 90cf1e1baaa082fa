"""Checkers can hold a comment and never publish one; no failure of theirs loses or publishes anything."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import String, insert, select, type_coerce
from sqlalchemy.orm import Session

from app.cli.receivers import to_checkers
from app.cli.tasks import Task
from app.comments import retention
from app.desk import checkers
from app.desk.cards import card_of
from app.errors import Refused
from app.extensions import db
from app.lib import metrics
from app.lib.clock import now
from app.models import (
    AuditEvent,
    Checker,
    CheckerAnswer,
    Comment,
    Decision,
    Delivery,
    Mode,
    Moderator,
    Role,
    Site,
    Status,
    unsent,
)
from app.models.audit import Who
from app.moderation import checker_worker
from app.moderation.checker_figures import figures_of
from app.notify import checker_email, outbox
from app.screening.checkers import CHECK, without_quotes
from tests.cast import Reader, a_moderator, a_site, move, the_comment
from tests.checker_server import CheckerProgram, running_checker


@pytest.fixture(scope="module")
def _program() -> Iterator[CheckerProgram]:
    with running_checker() as program:
        yield program


@pytest.fixture
def program(_program: CheckerProgram) -> CheckerProgram:
    _program.asked.clear()
    _program.says, _program.status = {"verdict": "fine", "confidence": 0.9, "reasons": []}, 200
    return _program


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en")


@pytest.fixture
def alice(db_session: Session, paper: Site) -> Moderator:
    return a_moderator(db_session, paper, role=Role.ADMIN)


@pytest.fixture
def hanako(client: FlaskClient, paper: Site) -> Reader:
    return Reader(client, peer="192.0.2.77")


@pytest.fixture
def add(db_session: Session, paper: Site, program: CheckerProgram) -> Callable[..., Checker]:
    def added(mode: Mode = Mode.HOLD, name: str = "Model", **settings: Any) -> Checker:
        made, _secret = checkers.add(paper, by=Who.OPERATOR, name=name, **{"url": program.url} | settings)
        made.set_mode(mode)
        db_session.commit()
        return made

    return added


@pytest.fixture
def works(db_session: Session) -> Callable[..., None]:
    """Run the worker's due questions after some time."""

    def work(**later: float) -> None:
        for delivery in db_session.query(Delivery).filter(Delivery.done_at.is_(None)):
            delivery.due_at -= timedelta(**later)
        if later:
            db_session.query(Checker).update({"paused_until": None})
        db_session.commit()
        db_session.expire_all()
        while (carriers := checker_worker.carriers()) and outbox.run_once(carriers):
            pass
        db_session.expire_all()
        db_session.commit()

    return work


def state_of(comment: Comment) -> list[str]:
    return [each["state"] for reason in comment.reasons if reason["check"] == CHECK for each in reason["each"]]


def on_card(comment: Comment, moderator: Moderator) -> list[str]:
    found = card_of(comment, moderator).reasons
    db.session.rollback()
    return found


def test_in_hold_mode_a_comment_waits_and_is_published_when_nothing_else_holds_it(
    hanako: Reader, add: Callable[..., Checker], program: CheckerProgram, works: Callable[..., None],
    db_session: Session,
) -> None:  # fmt: skip
    add()
    assert hanako.post("Hello there").status_code == 202
    assert program.asked == [], "the request does not wait for the checker"
    assert (waiting := the_comment(db_session, "Hello there")).status == Status.PENDING
    assert state_of(waiting) == ["asked"]
    works()
    published = the_comment(db_session, "Hello there")
    assert (published.status, state_of(published)) == (Status.APPROVED, ["fine"])
    assert "Hello there" in hanako.get_thread().text


def test_what_it_is_against_stays_held_with_its_reasons(
    hanako: Reader, add: Callable[..., Checker], program: CheckerProgram, works: Callable[..., None],
    db_session: Session, alice: Moderator,
) -> None:  # fmt: skip
    add(threshold=80)
    program.against("spam", 0.8, "sells <b>watches</b>")
    hanako.post("Buy watches")
    works()
    comment = the_comment(db_session, "Buy watches")
    assert (comment.status, state_of(comment)) == (Status.PENDING, ["flagged"])
    (said,) = on_card(comment, alice)
    assert "Model" in said and "80%" in said and "sells <b>watches</b>" in said
    program.against("spam", 0.79)
    hanako.post("Buy books")
    works()
    assert the_comment(db_session, "Buy books").status == Status.APPROVED, "not confident enough"


TROUBLE: list[tuple[dict[str, Any], str]] = [
    ({"status": 500}, "status"), ({"status": 204}, "status"), ({"status": 302}, "status"),
    ({"says": b"true"}, "nonsense"), ({"says": b'{"verdict": "approved"}'}, "nonsense"),
    ({"says": b"x" * 70_000}, "unreachable"),
]  # fmt: skip


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("plan", "trouble"), TROUBLE, ids=repr)
def test_a_failure_holds_and_is_asked_again(
    plan: dict[str, Any], trouble: str, hanako: Reader, add: Callable[..., Checker], program: CheckerProgram,
    works: Callable[..., None], db_session: Session,
) -> None:  # fmt: skip
    add()
    vars(program).update(plan)
    hanako.post("Hello there")
    works()
    comment = the_comment(db_session, "Hello there")
    assert (comment.status, state_of(comment)) == (Status.PENDING, ["trouble"])
    assert db_session.query(CheckerAnswer).one().trouble == trouble
    works()
    assert len(program.asked) == 1, "not before its pause is over"
    program.says, program.status = {"verdict": "fine", "confidence": 1}, 200
    works(minutes=5)
    assert the_comment(db_session, "Hello there").status == Status.APPROVED


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_checker_that_is_away_for_ever_leaves_the_comment_to_moderators(
    hanako: Reader, add: Callable[..., Checker], works: Callable[..., None], db_session: Session
) -> None:
    add(url="http://127.0.0.1:1/")
    hanako.post("Hello there")
    for _ in range(checker_worker.MOST_TRIES + 2):
        works(hours=8)
    assert db_session.query(Delivery).filter(Delivery.kind.startswith("checker ")).one().outcome == "failed"
    comment = the_comment(db_session, "Hello there")
    assert (comment.status, state_of(comment)) == (Status.PENDING, ["trouble"])
    assert Delivery.overdue_since(bulk="") is None, "the installation is not late"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_metrics_count_the_questions_to_all_checkers_together(
    hanako: Reader, add: Callable[..., Checker], works: Callable[..., None]
) -> None:
    add(), add(Mode.SHADOW, "Other")
    hanako.post("Hello there")
    assert [(each.kind, each.waiting) for each in unsent.by_kind(bulk="")] == [("checkers", 2)]
    assert Delivery.overdue_since(bulk="") is None
    works()
    counted = {sample.labels["kind"] for family in metrics.DELIVERIES.collect() for sample in family.samples}
    assert "checkers" in counted and not [each for each in counted if each.startswith("checker ")]


def test_in_shadow_mode_nothing_depends_on_the_answer(
    hanako: Reader, add: Callable[..., Checker], program: CheckerProgram, works: Callable[..., None],
    db_session: Session, alice: Moderator,
) -> None:  # fmt: skip
    add(Mode.SHADOW)
    program.against("spam", 1.0)
    assert hanako.post("Hello there").status_code == 201
    works()
    program.status = 500
    hanako.post("Good day")
    works()
    for text in ("Hello there", "Good day"):
        comment = the_comment(db_session, text)
        assert (comment.status, comment.reasons) == (Status.APPROVED, [])
        assert on_card(comment, alice) == []
    assert [(each.verdict, each.trouble) for each in db_session.query(CheckerAnswer).order_by("id")] == [
        ("spam", ""), ("", "status"),
    ]  # fmt: skip
    assert not db_session.query(Delivery).filter(Delivery.done_at.is_(None)).count(), "it is not asked again"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_checker_can_never_publish(
    hanako: Reader, add: Callable[..., Checker], program: CheckerProgram, works: Callable[..., None],
    db_session: Session, paper: Site, alice: Moderator,
) -> None:  # fmt: skip
    add(), add(Mode.SHADOW, "Shadow")
    program.says = {"verdict": "fine", "confidence": 1, "status": "approved", "publish": True, "reasons": []}
    paper.hold_all = True
    db_session.commit()
    for text, status in (("One", None), ("Two", Status.REJECTED), ("Three", Status.SPAM), ("Four", Status.PENDING)):
        hanako.post(text)
        if status == Status.PENDING:
            move(db_session, the_comment(db_session, text), Status.APPROVED, by=alice)
        if status:
            move(db_session, the_comment(db_session, text), status, by=alice)
        works()
        found = the_comment(db_session, text)
        assert found.status == (status or Status.PENDING), text
    assert "One" not in hanako.get_thread().text
    # Its own hold is all that it can lift: with another program that has not answered, the comment waits.
    paper.hold_all = False
    add(Mode.HOLD, "Away", url="http://127.0.0.1:1/")
    hanako.post("Five")
    works()
    assert sorted(state_of(the_comment(db_session, "Five"))) == ["fine", "trouble"]
    assert the_comment(db_session, "Five").status == Status.PENDING


def test_the_question_is_signed_and_says_nothing_about_its_author(
    hanako: Reader, add: Callable[..., Checker], program: CheckerProgram, works: Callable[..., None],
    db_session: Session,
) -> None:  # fmt: skip
    secret = add().secret
    hanako.post("A question", website="https://hanako.example", headers={"User-Agent": "Browser/1"})
    works()
    parent = the_comment(db_session, "A question").id
    Reader(hanako.client, "Taro", "taro@readers.example", peer="198.51.100.7").post("An answer", parent=parent)
    works()
    assert program.questions[1] == {
        "site": "paper", "text": "An answer", "language": "en",
        "thread": {"url": "https://paper.example/story", "title": "https://paper.example/story"},
        "parent": {"text": "A question"},
    }  # fmt: skip
    for headers, body in program.asked:
        told = json.dumps(headers) + body.decode()
        for canary in ("hanako", "Hanako", "Taro", "taro@", "192.0.2", "198.51.100", "Browser/1"):
            assert canary not in told
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        assert headers["webhook-signature"] == f"v1,{digest}"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_answer_about_an_earlier_text_is_asked_again(
    hanako: Reader, add: Callable[..., Checker], program: CheckerProgram, works: Callable[..., None],
    db_session: Session, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    add()
    hanako.post("Hello there")
    ask = checker_worker.ask

    def edited_in_between(*args: Any) -> Any:
        db_session.query(Comment).update({"body": "Another text"})
        db_session.commit()
        monkeypatch.setattr(checker_worker, "ask", ask)
        return ask(*args)

    monkeypatch.setattr(checker_worker, "ask", edited_in_between)
    works()
    assert the_comment(db_session, "Another text").status == Status.PENDING
    assert not db_session.query(CheckerAnswer).count()
    works(seconds=10)
    assert the_comment(db_session, "Another text").status == Status.APPROVED
    assert [each["text"] for each in program.questions] == ["Hello there", "Another text"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_after_hold_mode_waiting_comments_stay_with_moderators(
    hanako: Reader, add: Callable[..., Checker], works: Callable[..., None], db_session: Session
) -> None:
    one, gone = add(), add(Mode.HOLD, "Gone")
    gone_kind = gone.kind
    hanako.post("Hello there")
    one.set_mode(Mode.OFF)
    checkers.remove(gone, by=Who.OPERATOR)
    db_session.commit()
    works()
    comment = the_comment(db_session, "Hello there")
    assert (comment.status, state_of(comment)) == (Status.PENDING, ["withdrawn", "removed"])
    assert db_session.query(Delivery).filter(Delivery.kind == gone_kind, Delivery.done_at.is_(None)).count() == 0
    db_session.commit()
    assert hanako.post("Good day").status_code == 201, "no checker is left"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_chosen_languages_and_no_certain_spam(
    hanako: Reader, add: Callable[..., Checker], program: CheckerProgram, works: Callable[..., None]
) -> None:
    add(langs=["ja"])
    hanako.post("Hello there")
    add(Mode.HOLD, "All", langs=[])
    hanako.post("Trapped", subject="x")
    works()
    assert program.asked == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_stalled_checker_delays_neither_others_nor_email(
    app: Flask, hanako: Reader, add: Callable[..., Checker], program: CheckerProgram, db_session: Session
) -> None:
    add(Mode.HOLD, "Stalls", url=program.url.replace("/check", "/stalls"), timeout_s=30)
    add(Mode.SHADOW, "Answers")
    hanako.post("Hello there")
    program.go_on.clear()
    asking = to_checkers(app, threading.Event())
    task = Task("checkers", asking.turn)
    task.try_now()
    stalled, other = asking.busy.values()
    other.join(20)
    assert stalled.is_alive() and not other.is_alive()
    task.try_now()
    assert [*asking.busy.values()] == [stalled], "it is asked by one thread at a time"
    program.go_on.set()
    asking.finish(20)
    db_session.expire_all()
    assert [each.verdict for each in db_session.query(CheckerAnswer)] == ["fine", "fine"]
    assert the_comment(db_session, "Hello there").status == Status.APPROVED


@pytest.fixture
def decides(db_session: Session, hanako: Reader, alice: Moderator, program: CheckerProgram) -> Callable[..., None]:
    """Store comments with these verdicts of a checker, decided by a moderator: copies of one row, which is fast."""
    numbers = count(1)

    def decide_all(checker: Checker, many: int, verdict: str, status: Status, **answer: Any) -> None:
        db_session.commit()
        text = f"Template {next(numbers)}"
        hanako.post(text)
        comment = the_comment(db_session, text)
        move(db_session, comment, status, by=alice)
        decision = Decision.newest_of(comment)
        keys = dict.fromkeys(("request_key", "request_digest", "fingerprint", "typed_by", "text_key"))
        rows = [_row(comment) | keys | {"id": comment.id + 1_000_000 + next(numbers)} for _ in range(many)]
        db_session.execute(insert(Comment), rows)
        made = [_row(decision) | {"id": row["id"], "comment_id": row["id"]} for row in rows]
        db_session.execute(insert(Decision), made)
        same = {"site_id": checker.site_id, "checker_id": checker.id, "verdict": verdict, "confidence": 0.9}
        db_session.execute(insert(CheckerAnswer), [same | answer | {"comment_id": row["id"]} for row in rows])
        db_session.commit()

    return decide_all


def _row(record: Any) -> dict[str, Any]:
    return {column.key: getattr(record, column.key) for column in record.__table__.columns}


def test_figures_compare_with_decisions_made_without_seeing_the_answer(
    add: Callable[..., Checker], decides: Callable[..., None], db_session: Session
) -> None:
    checker = add(Mode.SHADOW)
    decides(checker, 8, "reject", Status.REJECTED)
    decides(checker, 2, "spam", Status.REJECTED)
    decides(checker, 2, "reject", Status.APPROVED)
    decides(checker, 5, "reject", Status.REJECTED, confidence=0.5)
    decides(checker, 20, "fine", Status.APPROVED)
    decides(checker, 3, "fine", Status.SPAM)
    decides(checker, 9, "fine", Status.SPAM, shown=True)
    decides(checker, 4, "", Status.SPAM, trouble="timeout")
    found = figures_of(checker)
    assert (found.decided, found.flagged) == (40, 12)
    held, fine = found.held, found.verdicts["fine"]
    assert (held.precision.hits, held.precision.of, held.recall.hits, held.recall.of) == (10, 12, 10, 18)
    assert (fine.precision.hits, fine.precision.of, fine.recall.hits, fine.recall.of) == (20, 23, 20, 22)
    assert held.precision.low == pytest.approx(0.552, abs=0.001), "Wilson's interval for 10 of 12"
    assert held.precision.high == pytest.approx(0.953, abs=0.001)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_may_hold_only_after_enough_decisions(
    add: Callable[..., Checker], decides: Callable[..., None], db_session: Session
) -> None:
    checker = add(Mode.SHADOW)

    def refused() -> str:
        with pytest.raises(Refused) as no:
            checkers.set_mode(checker, Mode.HOLD, by=Who.OPERATOR)
        return no.value.code

    assert refused() == "too_few_decisions"
    decides(checker, 99, "fine", Status.APPROVED)
    decides(checker, 9, "reject", Status.REJECTED)
    assert refused() == "too_few_decisions", "nine that it would have held"
    decides(checker, 5, "reject", Status.REJECTED, shown=True)
    assert refused() == "too_few_decisions", "those that moderators saw do not count"
    decides(checker, 20, "reject", Status.APPROVED)
    assert refused() == "too_imprecise"
    decides(checker, 40, "reject", Status.REJECTED)
    checkers.set_mode(checker, Mode.HOLD, by=Who.OPERATOR)
    assert checker.holds
    with pytest.raises(Refused):
        checkers.change(checker, by=Who.OPERATOR, least_precision=90)
    db_session.rollback()
    checkers.change(checker, by=Who.OPERATOR, url="https://other.example/")
    assert checker.mode == Mode.SHADOW and refused() == "too_few_decisions", "another program has to show it again"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("cause", ["precision", "errors"])
def test_one_that_drifts_goes_back_to_shadow_mode_and_this_is_told(
    cause: str, add: Callable[..., Checker], decides: Callable[..., None], hanako: Reader, program: CheckerProgram,
    works: Callable[..., None], db_session: Session,
) -> None:  # fmt: skip
    checker = add()
    if cause == "precision":
        decides(checker, 6, "reject", Status.REJECTED, shown=True)
        decides(checker, 30, "reject", Status.APPROVED, shown=True)
    else:
        decides(checker, 4, "", Status.APPROVED, trouble="timeout")
        decides(checker, 15, "fine", Status.APPROVED)
        program.status = 500
    assert checker.holds
    db_session.commit()
    hanako.post("Hello there")
    works()
    checker = db_session.get_one(Checker, checker.id)
    assert (checker.mode, checker.returned) == (Mode.SHADOW, cause)
    event = db_session.query(AuditEvent).order_by(AuditEvent.id.desc()).first()
    assert event and (event.event, event.actor, event.said["because"]) == ("checker_returned", "system", cause)
    email = checker_email.compose(db_session.query(Delivery).filter_by(kind="checker").one())
    assert email and "Model" in email["Subject"] and f"/sites/paper/checkers/{checker.id}" in str(email)
    assert figures_of(checker).flagged == 0, "it has to show again how good it is"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_words_of_a_checker_go_with_the_text(
    hanako: Reader, add: Callable[..., Checker], program: CheckerProgram, works: Callable[..., None],
    db_session: Session, paper: Site, alice: Moderator,
) -> None:  # fmt: skip
    add()
    program.against("spam", 1, "It says: Buy watches")
    hanako.post("Buy watches")
    works()
    comment = the_comment(db_session, "Buy watches")
    move(db_session, comment, Status.SPAM, by=alice)
    db_session.query(Comment).update({"created_at": now() - timedelta(days=99)})
    db_session.query(Decision).update({"made_at": now() - timedelta(days=99)})
    db_session.commit()
    for _counts in retention.forget_all():
        db_session.commit()
    db_session.expire_all()
    assert db_session.query(CheckerAnswer).one().reasons == []
    flagged = {"check": CHECK, "verdict": "hold", "each": [{"id": 1, "state": "flagged", "why": ["It says: Buy"]}]}
    other = {"check": "links", "verdict": "hold", "count": 2}
    (kept, same) = without_quotes([flagged, other])
    assert kept["each"] == [{"id": 1, "state": "flagged", "why": []}] and same == other, "an erasure keeps the text"
    assert CheckerAnswer.forget_before(now() + timedelta(days=1)) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_comment_does_not_wait_for_a_checker_that_was_removed(
    app: Flask, hanako: Reader, add: Callable[..., Checker], alice: Moderator, db_session: Session
) -> None:
    kept, gone = add(Mode.HOLD, "Kept"), add(Mode.HOLD, "Gone", url="https://model.example/check?key=canary")
    hanako.post("Hello there")
    stored = db_session.scalars(select(type_coerce(Checker.url, String))).all()
    assert "canary" not in str(stored) and gone.shown_url == "https://model.example/check?…"
    checkers.remove(db_session.get_one(Checker, gone.id), by=Who.OPERATOR)
    db_session.commit()
    comment = the_comment(db_session, "Hello there")
    assert (comment.status, state_of(comment)) == (Status.PENDING, ["asked", "removed"])
    with app.test_request_context():
        (said,) = card_of(comment, alice).reasons
    assert said.startswith("Kept：") and said.endswith("Gone：応答前に削除されました")
    assert db_session.query(Delivery).filter_by(kind=kept.kind, done_at=None).count() == 1
    db_session.rollback()

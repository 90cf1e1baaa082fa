"""A score with which the last decisions disagree is only shown again, and tells so."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.desk import score_guard
from app.extensions import db
from app.lib.clock import now
from app.models import AuditEvent, Comment, Delivery, Moderator, Site, Status
from app.models.audit import Event
from app.spam import settling
from app.web import audit_words
from tests.cast import a_site
from tests.desk.test_queue import thread_of, written

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def acting(db_session: Session, paper: Site, alice: Moderator) -> Site:
    paper.score_acts = True
    paper.score_acts_since = now() - timedelta(days=60)
    db_session.commit()
    return paper


def decided(db_session: Session, site: Site, count: int, verdict: str, label: str, **columns: Any) -> None:
    known = db_session.query(Comment).first()
    thread = known.thread if known else thread_of(db_session, site)
    reason = {"check": "score", "verdict": verdict, "score": 0.5, "band": "fine", "signals": []}
    for number in range(count):
        comment = written(db_session, thread, f"{verdict} {label} {number}")
        comment.score, comment.trained_as, comment.reasons, comment.status = 0.5, label, [reason], Status.APPROVED
        comment.created_at = now() - timedelta(days=20) + timedelta(seconds=comment.id)
        for name, value in columns.items():
            setattr(comment, name, value)
    db_session.commit()


def look(db_session: Session) -> None:
    for _site in score_guard.check_all():
        db_session.commit()


@pytest.mark.parametrize("work", [score_guard.check_all, settling.settle_all])
def test_a_site_that_another_process_removes_does_not_end_the_work(
    db_session: Session, acting: Site, work: Any
) -> None:
    a_site(db_session, "zebra", origins=["https://zebra.example"], score_acts=True)
    written(db_session, thread_of(db_session, acting), "old").created_at = now() - timedelta(days=9)
    db_session.commit()
    steps = work()
    next(steps)
    db_session.commit()
    # As a commit of the worker does.
    db_session.expire_all()
    with db.engine.begin() as other:
        other.execute(delete(Site.__table__).where(Site.__table__.c.key == "zebra"))
    list(steps)
    assert Site.with_key("paper")


def test_it_steps_back_tells_so_and_can_be_turned_on_again(app: Flask, db_session: Session, acting: Site) -> None:
    decided(db_session, acting, 100, "pass", "fine")
    decided(db_session, acting, 2, "hold", "fine")
    look(db_session)
    assert acting.score_acts, "two of a hundred are no proof"
    decided(db_session, acting, 8, "hold", "fine")
    look(db_session)
    assert (acting.score_acts, acting.score_stepped_back_at is not None) == (False, True)
    event = AuditEvent.newest(Event.SETTINGS_CHANGED)
    assert event and event.said["changes"] == {"score_acts": [True, False]}
    with app.test_request_context(headers={"Accept-Language": "en"}):
        assert ("Reason", "The last decisions disagreed with the score") in list(audit_words.details(event))
    assert db_session.query(Delivery).filter_by(kind="score").count() == 1
    look(db_session)
    assert db_session.query(AuditEvent).filter_by(event=Event.SETTINGS_CHANGED).count() == 1
    acting.change({"score_acts": True})
    db_session.commit()
    assert acting.score_stepped_back_at is None and acting.score_acts_since is not None
    look(db_session)
    assert acting.score_acts, "what was before does not count again"


@pytest.mark.parametrize(
    ("verdict", "label", "columns", "acts"),
    [
        ("hold", "spam", {}, True),
        ("pass", "fine", {}, True),
        ("pass", "spam", {}, True),
        ("hold", "fine", {"score": None}, True),
        ("hold", "fine", {"created_at": now() - timedelta(days=90)}, True),
        ("hold", "fine", {}, False),
        ("spam", "fine", {}, False),
    ],
)
def test_only_false_alarms_since_it_was_turned_on_count(
    db_session: Session, acting: Site, verdict: str, label: str, columns: dict[str, Any], acts: bool
) -> None:
    decided(db_session, acting, 6, verdict, label, **columns)
    look(db_session)
    assert acting.score_acts is acts


def test_public_comments_without_a_decision_count_as_honest(db_session: Session, acting: Site) -> None:
    """A site that publishes at once decides about held comments only."""
    decided(db_session, acting, 1, "hold", "fine")
    decided(db_session, acting, 600, "pass", "")
    decided(db_session, acting, 5, "hold", "fine")
    assert score_guard.disagreement(acting) is None
    db_session.query(Comment).filter_by(trained_as="").delete()
    assert score_guard.disagreement(acting) == (6, 6)
    # The number of ways to choose so many is too large for a float.
    assert score_guard._chance(170, 5_000, 0.01) < 1e-9
    assert round(score_guard._chance(2, 10, 0.5), 4) == 0.9893

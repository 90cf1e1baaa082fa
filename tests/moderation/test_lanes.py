"""A pending comment is in the lane of its risk; other comments are in no lane."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.models import Comment, Delivery, Moderator, Report, Status
from app.moderation.decide import decide, undo
from app.moderation.lanes import Lane, lane_of
from app.notify import outbox
from tests.cast import a_moderator
from tests.comments.test_reading import say


@pytest.fixture
def alice(db_session: Session, held: Comment) -> Moderator:
    return a_moderator(db_session, held.site)


def reason(check: str, verdict: str = "hold") -> dict[str, Any]:
    return {"check": check, "verdict": verdict}


def copies(count: int, *, spam: int = 0, linked: bool = False) -> dict[str, Any]:
    return reason("copies", "pass") | {"count": count, "spam": spam, "linked": linked}


def scored(*, examples: int = 200, band: str = "fine") -> dict[str, Any]:
    return reason("score", "pass") | {"examples": examples, "band": band}


@pytest.mark.parametrize(
    ("reasons", "score", "lane"),
    [
        ([reason("hold_all")], None, Lane.FINE),
        ([reason("hold_all")], 0.1, Lane.FINE),
        ([reason("first_comment")], 0.1, Lane.FINE),
        ([reason("first_comment")], 0.5, Lane.REVIEW),
        ([reason("links")], 0.1, Lane.REVIEW),
        ([reason("links"), scored(band="spam")], 0.95, Lane.SPAM),
        ([reason("word", "spam")], None, Lane.SPAM),
        ([reason("appeal"), reason("word", "spam"), scored(band="spam")], 0.99, Lane.URGENT),
        ([reason("shorteners"), copies(1)], None, Lane.SPAM),
        ([reason("shorteners"), reason("script", "pass")], None, Lane.SPAM),
        ([reason("throwaway", "pass"), reason("look_alikes")], None, Lane.SPAM),
        ([reason("throwaway", "pass"), copies(1)], None, Lane.SPAM),
        ([copies(3, linked=True)], None, Lane.SPAM),
        ([copies(1, spam=1, linked=True)], None, Lane.SPAM),
        ([copies(3), reason("script", "pass")], None, Lane.SPAM),
        ([reason("threat"), reason("shorteners"), copies(9)], None, Lane.URGENT),
        ([reason("shorteners")], None, Lane.REVIEW),
        ([reason("throwaway", "pass")], None, Lane.REVIEW),
        ([copies(9)], None, Lane.REVIEW),
        ([copies(2, linked=True), reason("script", "pass")], None, Lane.REVIEW),
        ([reason("script", "pass")], None, Lane.REVIEW),
        ([scored(examples=2)], 0.5, Lane.FINE),
        ([scored(examples=200)], 0.5, Lane.REVIEW),
        ([scored(examples=2), reason("shorteners"), copies(2)], 0.1, Lane.SPAM),
        ([scored(examples=200), reason("shorteners"), copies(2)], 0.5, Lane.SPAM),
        ([scored(examples=200), reason("shorteners"), copies(2)], 0.1, Lane.REVIEW),
    ],
)
def test_the_reasons_and_the_score_choose_the_lane(
    held: Comment, reasons: list[dict[str, Any]], score: float | None, lane: Lane
) -> None:
    held.reasons, held.score = reasons, score
    assert lane_of(held) == lane


def test_published_authors_are_probably_fine(db_session: Session, held: Comment, alice: Moderator) -> None:
    held.reasons = [reason("hold_all")]
    earlier = say(held.thread, "earlier")
    earlier.author = held.author
    decide(earlier, Status.APPROVED, seen=earlier.version, by=alice)
    assert lane_of(held) == Lane.FINE


def test_the_band_of_the_score_chooses_the_lane(db_session: Session, held: Comment, alice: Moderator) -> None:
    held.reasons = [reason("hold_all")]
    earlier = say(held.thread, "earlier")
    earlier.author = held.author
    decide(earlier, Status.APPROVED, seen=earlier.version, by=alice)
    held.score = 0.7
    for band, lane in (("hold", Lane.REVIEW), ("spam", Lane.SPAM), ("fine", Lane.FINE)):
        held.reasons = [reason("hold_all"), scored(band=band)]
        assert lane_of(held) == lane


def test_a_decision_takes_it_out_of_its_lane_and_undo_brings_it_back(
    db_session: Session, held: Comment, alice: Moderator
) -> None:
    for status in (Status.APPROVED, Status.REJECTED, Status.SPAM):
        decision = decide(held, status, seen=held.version, by=alice)
        assert held.lane == Lane.NONE
        undo(decision, by=alice)
        assert held.lane == Lane.FINE


def test_a_reported_comment_is_urgent_until_a_moderator_has_looked(
    db_session: Session, held: Comment, alice: Moderator
) -> None:
    decide(held, Status.APPROVED, seen=held.version)
    report = Report(site_id=held.site_id, comment=held, reporter_index="r", reason="hate", comment_version=held.version)
    held.lane = lane_of(held, reported=True)
    db_session.add(report)
    db_session.commit()
    assert held.lane == Lane.URGENT
    looked = decide(held, Status.APPROVED, seen=held.version, by=alice)
    db_session.refresh(report)
    assert (held.lane, report.decision_id) == (Lane.NONE, looked.id)
    undo(looked, by=alice)
    db_session.refresh(report)
    assert (held.lane, report.decision_id) == (Lane.URGENT, None)


@pytest.mark.parametrize("sent", [False, True])
def test_undo_recalls_unsent_emails(db_session: Session, held: Comment, alice: Moderator, sent: bool) -> None:
    rejected = decide(held, Status.REJECTED, seen=held.version, by=alice)
    outbox.add("letter", decision=rejected)
    outbox.add("digest", once="of others")
    delivery = db_session.query(Delivery).filter_by(kind="letter").one()
    assert (delivery.due_at - delivery.created_at).total_seconds() == pytest.approx(15, abs=2)
    if sent:
        delivery.finish("sent")
    db_session.commit()
    undo(rejected, by=alice)
    db_session.commit()
    db_session.refresh(delivery)
    assert delivery.outcome == ("sent" if sent else "recalled")
    assert db_session.query(Delivery).filter_by(kind="digest").one().done_at is None


def test_an_email_being_sent_is_not_recalled(db_session: Session, held: Comment, alice: Moderator) -> None:
    rejected = decide(held, Status.REJECTED, seen=held.version, by=alice)
    outbox.add("letter", decision=rejected)
    delivery = db_session.query(Delivery).one()
    assert Delivery.claim(delivery.id)
    undo(rejected, by=alice)
    db_session.refresh(delivery)
    assert delivery.done_at is None

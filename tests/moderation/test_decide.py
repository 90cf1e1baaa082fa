"""Every status change has a decision, a reason and an undo; a decision on a stale version is refused."""

import pytest
from sqlalchemy.orm import Session

from app.models import Actor, Comment, Decision, Status
from app.moderation.decide import AlreadyDecided, decide, undo
from tests.cast import a_moderator
from tests.comments.test_reading import say


def test_a_decision_is_remembered_and_can_be_undone(db_session: Session, held: Comment) -> None:
    alice = a_moderator(db_session, held.site)
    approved = decide(held, Status.APPROVED, seen=held.version, by=alice)
    db_session.commit()
    assert (approved.from_status, approved.to_status, approved.actor) == ("pending", "approved", Actor.MODERATOR)
    assert (held.approved_descendants, held.thread.approved_count) == (1, 1)
    undone = undo(approved, by=alice)
    db_session.commit()
    db_session.refresh(held.thread)
    assert held.status == Status.PENDING and undone.undoes_id == approved.id
    assert (held.approved_descendants, held.thread.approved_count) == (0, 0)
    assert db_session.query(Decision).count() == 3


def test_a_stale_page_decides_nothing_and_names_the_earlier_moderator(db_session: Session, held: Comment) -> None:
    alice, bob = a_moderator(db_session, held.site, "alice"), a_moderator(db_session, held.site, "bob")
    seen = held.version
    decide(held, Status.APPROVED, seen=seen, by=alice)
    db_session.commit()
    with pytest.raises(AlreadyDecided) as told:
        decide(held, Status.SPAM, seen=seen, by=bob)
    assert told.value.decision.moderator is alice and told.value.status == 409
    db_session.rollback()
    assert held.status == Status.APPROVED


def test_an_old_decision_cannot_be_undone_over_a_newer_one(db_session: Session, held: Comment) -> None:
    alice = a_moderator(db_session, held.site)
    first = decide(held, Status.APPROVED, seen=held.version, by=alice)
    decide(held, Status.SPAM, seen=held.version, by=alice)
    with pytest.raises(AlreadyDecided):
        undo(first, by=alice)


def test_a_branch_is_shown_while_a_comment_in_it_is_public(db_session: Session, held: Comment) -> None:
    decide(held, Status.APPROVED, seen=held.version)
    reply = say(held.thread, "reply", held)
    decide(reply, Status.APPROVED, seen=reply.version)
    db_session.commit()
    db_session.refresh(held)
    decide(held, Status.REJECTED, seen=held.version)
    db_session.commit()
    db_session.refresh(held)
    assert held.approved_descendants == 1
    decide(reply, Status.REJECTED, seen=reply.version)
    db_session.commit()
    db_session.refresh(held)
    db_session.refresh(held.thread)
    assert (held.approved_descendants, reply.approved_descendants, held.thread.approved_count) == (0, 0, 0)

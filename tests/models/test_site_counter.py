"""Counters: exact at once, folded by the worker, verified by `flask check`, recomputed by a command."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.lib.clock import now
from app.models import Actor, Comment, CounterMark, Decision, SiteCounter, Status, site_counter
from app.models.site_counter import ACTOR, STATUS
from app.moderation.decide import decide, undo
from tests.cast import Reader, a_moderator, a_site, move, the_comment


def a_busy_desk(app: Flask, db_session: Session) -> int:
    site = a_site(db_session, hold_all=True)
    alice = a_moderator(db_session, site)
    for number in range(4):
        assert Reader(app.test_client(), name=f"Reader {number}").post(f"comment {number}").status_code == 202
    first, second, third = (the_comment(db_session, f"comment {number}") for number in range(3))
    move(db_session, first, Status.APPROVED, by=alice)
    move(db_session, second, Status.SPAM, by=alice)
    undo(decide(third, Status.REJECTED, seen=third.version, by=alice), by=alice)
    db_session.commit()
    return site.id


def later(db_session: Session) -> None:
    db_session.execute(update(CounterMark).values(seen_at=now() - 2 * site_counter.SETTLED))
    db_session.commit()


def settle(db_session: Session) -> None:
    for _ in range(3):
        later(db_session)
        while SiteCounter.add_up():
            db_session.commit()
        db_session.commit()


def test_counts_are_right_before_and_after_they_are_added_up(app: Flask, db_session: Session) -> None:
    site = a_busy_desk(app, db_session)
    expected = {(site, "approved"): 1, (site, "spam"): 1, (site, "pending"): 2}
    actors = {(site, Actor.SCREENING): 4, (site, Actor.MODERATOR): 4}
    for _ in range(2):
        assert {key: number for key, number in SiteCounter.counts(STATUS).items() if number} == expected
        assert SiteCounter.counts(ACTOR) == actors
        assert site_counter.drifted() == []
        db_session.commit()
        settle(db_session)
    assert db_session.get_one(CounterMark, 1).upto == max(db_session.scalars(select(Decision.id)))


def test_a_decision_is_added_up_once_it_has_settled(app: Flask, db_session: Session) -> None:
    a_busy_desk(app, db_session)
    later(db_session)
    assert not SiteCounter.add_up()
    db_session.commit()
    assert db_session.get_one(CounterMark, 1).upto == 0
    # Another recent transaction may have a lower id that is not committed yet.
    assert not SiteCounter.add_up()
    db_session.commit()
    assert db_session.get_one(CounterMark, 1, populate_existing=True).upto == 0
    later(db_session)
    SiteCounter.add_up()
    db_session.commit()
    assert db_session.get_one(CounterMark, 1, populate_existing=True).upto == max(
        db_session.scalars(select(Decision.id))
    )


def test_a_clock_that_was_ahead_does_not_stop_the_counting(app: Flask, db_session: Session) -> None:
    a_busy_desk(app, db_session)
    db_session.execute(update(CounterMark).values(seen_at=now() + timedelta(days=1)))
    db_session.commit()
    assert SiteCounter.is_due()
    settle(db_session)
    assert db_session.get_one(CounterMark, 1).upto > 0


def test_many_decisions_are_added_up_in_steps(app: Flask, db_session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_counter, "MOST", 3)
    a_busy_desk(app, db_session)
    settle(db_session)
    assert site_counter.drifted() == []


def test_drifted_counters_are_found_and_recomputed(app: Flask, db_session: Session) -> None:
    site = a_busy_desk(app, db_session)
    comment = the_comment(db_session, "comment 3")
    db_session.execute(delete(Decision).where(Decision.comment_id == comment.id))
    db_session.execute(delete(Comment).where(Comment.id == comment.id))
    db_session.commit()
    settle(db_session)
    db_session.execute(
        update(SiteCounter).where(SiteCounter.kind == STATUS, SiteCounter.name == "spam").values(number=7)
    )
    db_session.commit()
    assert site_counter.drifted() == [(site, STATUS, "spam")]
    db_session.rollback()
    runner = app.test_cli_runner()
    assert "counts" in runner.invoke(args=["check", "--json"]).output
    assert '"corrected": 1' in runner.invoke(args=["upkeep", "recount", "--json"]).output
    assert site_counter.drifted() == []

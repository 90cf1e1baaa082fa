"""A clock that was a day ahead and is corrected: timestamps from the future do not block until tomorrow."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.comments import amend
from app.desk import queue
from app.lib import clock
from app.models import (
    Delivery,
    Heartbeat,
    Invitation,
    Lease,
    Login,
    Report,
    Snooze,
    waiting,
)
from app.notify import outbox
from app.screening.flood import start_holding
from app.web.access import session_lasts
from tests.cast import Reader, a_moderator, a_site, the_comment

AHEAD = timedelta(days=1)


class Wrong(datetime):
    """The system clock, a day ahead until it is corrected."""

    ahead = AHEAD

    @classmethod
    def now(cls, tz: object = None) -> datetime:
        return datetime.now(UTC) + cls.ahead


@pytest.fixture(autouse=True)
def wrong_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Wrong]]:
    monkeypatch.setattr(Wrong, "ahead", AHEAD)
    monkeypatch.setattr(clock, "datetime", Wrong)
    yield Wrong


def corrected(db_session: Session) -> None:
    Wrong.ahead = timedelta()
    db_session.commit()
    db_session.expire_all()


def test_a_burst_dated_tomorrow_is_ignored_and_a_new_one_is_reported(app: Flask, db_session: Session) -> None:
    site = a_site(db_session)
    a_moderator(db_session, site)
    start_holding(site)
    db_session.commit()
    assert site.is_pressed
    corrected(db_session)
    assert not site.is_pressed
    assert site.press(clock.now() + timedelta(seconds=600), renewed_before=clock.now() + timedelta(seconds=300))
    assert site.is_pressed and not site.press(
        clock.now() + timedelta(seconds=600), renewed_before=clock.now() + timedelta(seconds=300)
    )
    db_session.rollback()


def test_limits_of_tomorrow_let_readers_write_today(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session, flood_per_author=2, flood_per_address=2, flood_per_site=50)
    statuses = [Reader(client).post(f"tomorrow {number}").status_code for number in range(3)]
    assert statuses[:2] == [201, 201] and statuses[2] != 201
    corrected(db_session)
    assert Reader(client).post("today").status_code == 201


def test_leases_and_snoozes_of_tomorrow_hide_no_card_today(client: FlaskClient, db_session: Session) -> None:
    site = a_site(db_session, hold_all=True)
    alice, bob = a_moderator(db_session, site), a_moderator(db_session, site, "bob")
    Reader(client).post("It waits")
    comment = the_comment(db_session, "It waits")
    assert Lease.take([comment.id], alice) == {comment.id}
    Snooze.begin(comment, bob)
    db_session.commit()
    assert Lease.of_others(bob, [comment.id]) and Snooze.count(bob) == 1
    assert not Lease.take([comment.id], bob)
    db_session.commit()
    corrected(db_session)
    assert not Lease.of_others(bob, [comment.id]) and not Lease.counts_of_others(bob)
    assert Snooze.count(bob) == 0
    assert Lease.take([comment.id], bob) == {comment.id}
    db_session.commit()
    assert queue.ids_in(bob, comment.lane) == [comment.id] and not queue.ids_in(bob, comment.lane, snoozed=True)
    db_session.commit()


def test_log_ins_of_tomorrow_end_with_the_correction(app: Flask, db_session: Session) -> None:
    alice = a_moderator(db_session, a_site(db_session))
    token = Login.start(alice, session_lasts())
    db_session.commit()
    assert Login.with_token(token, session_lasts())
    corrected(db_session)
    assert Login.with_token(token, session_lasts()) is None
    again = Login.start(alice, session_lasts())
    db_session.commit()
    assert Login.with_token(again, session_lasts())
    db_session.commit()


def test_outgoing_rows_of_tomorrow_go_out_today(app: Flask, db_session: Session) -> None:
    def row(**values: object) -> Delivery:
        kept = Delivery(kind="digest", message_id="m", **values)
        db_session.add(kept)
        db_session.flush()
        return kept

    new = row(due_at=clock.now() + timedelta(seconds=15))
    claimed = row(claimed_at=clock.now())
    tried = row(created_at=clock.now() - AHEAD)
    tried.retry(outbox.pause_after(1), "451 later")
    put_off = row(created_at=clock.now() - AHEAD)
    put_off.put_off(clock.now() + timedelta(days=400))
    db_session.commit()
    assert Delivery.due(["digest"]) == []
    corrected(db_session)
    assert set(Delivery.due(["digest"])) == {new.id, claimed.id, tried.id, put_off.id}
    assert Delivery.claim(claimed.id, claimed.claimed_at) and not Delivery.claim(claimed.id)
    tried.retry(timedelta(hours=6), "451 later")
    fresh = row(due_at=clock.now() + timedelta(seconds=15))
    db_session.commit()
    assert not {tried.id, fresh.id, claimed.id} & set(Delivery.due(["digest"])), (
        "deliveries that are not due wait as before"
    )
    db_session.commit()


def test_the_turn_of_tomorrow_keeps_no_email_back(app: Flask, db_session: Session) -> None:
    alice = a_moderator(db_session, a_site(db_session))
    assert waiting.take_turn(alice, timedelta(minutes=15))
    assert not waiting.take_turn(alice, timedelta(minutes=15))
    db_session.commit()
    corrected(db_session)
    assert waiting.take_turn(alice, timedelta(minutes=15))
    assert not waiting.take_turn(alice, timedelta(minutes=15))
    db_session.rollback()


def test_a_worker_seen_tomorrow_is_late_today(app: Flask, db_session: Session) -> None:
    Heartbeat.beat("worker")
    db_session.commit()
    assert not Heartbeat.is_late()
    corrected(db_session)
    assert Heartbeat.is_late()
    assert Heartbeat.forget_before(clock.now() - AHEAD) == 1
    db_session.rollback()


def test_invitations_edits_and_reports_of_tomorrow_last_no_longer(client: FlaskClient, db_session: Session) -> None:
    site = a_site(db_session, edit_minutes=15)
    alice = a_moderator(db_session, site)
    Reader(client).post("Said tomorrow")
    comment = the_comment(db_session, "Said tomorrow")
    made = Invitation(site=site, email="bob@moderators.example", role="moderator", made_by=alice)
    db_session.add(made)
    db_session.add(
        Report(site_id=site.id, comment=comment, reporter_index="x", reason="spam", comment_version=comment.version)
    )
    db_session.commit()
    since = clock.now() - timedelta(hours=1)
    assert amend.editable_until(comment) and made.is_open and Report.count_by("x", since) == 1
    corrected(db_session)
    assert not made.is_open and not Invitation.open_of(site)
    assert Report.count_by("x", clock.now() - timedelta(hours=1)) == 0
    assert amend.editable_until(comment) is None
    db_session.commit()

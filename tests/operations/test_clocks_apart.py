"""Machines whose clocks are an hour apart, and machines that stop in the middle, do shared work once."""

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app import connections
from app.cli import shared_work
from app.extensions import db
from app.lib import clock, deadline
from app.lib.watch import Watch
from app.models import Delivery, Job, JobKind, JobState, Turn, Webhook
from app.models.job import CLAIM_LEASE
from app.operations import turns
from app.screening import list_publishing
from tests.cast import a_site
from tests.operations.test_turns import OTHERS, together

HOUR = timedelta(hours=1)
MODULES = ("app.lib.clock", "app.models.delivery", "app.models.job", "app.models.turn", "app.models.webhook")
SILENT_S = CLAIM_LEASE.total_seconds()


class Clock:
    """Of the machine that acts now."""

    def __init__(self) -> None:
        self.ahead, self.real = timedelta(), clock.now

    def now(self) -> object:
        return self.real() + self.ahead


@pytest.fixture(params=[HOUR, -HOUR], ids=["ahead", "behind"])
def other(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[timedelta]:
    """How far the clock of the other machine is ahead."""
    machine = Clock()
    for module in MODULES:
        monkeypatch.setattr(f"{module}.now", machine.now)
    monkeypatch.setattr(Clock, "current", machine, raising=False)
    yield request.param


def on_the_other_machine(ahead: timedelta) -> None:
    Clock.current.ahead = ahead  # type: ignore[attr-defined]


def looking() -> Watch:
    """Its three looks: at once, just before the end of the patience, and after it."""
    seconds = iter((0.0, SILENT_S - 1, SILENT_S + 1))
    return Watch(SILENT_S, clock=lambda: next(seconds))


def test_a_transfer_stays_with_its_worker_until_that_is_silent(
    app: Flask, db_session: Session, other: timedelta
) -> None:
    job = Job(site=a_site(db_session), kind=JobKind.EXPORT, state=JobState.RUNNING, format="csv", name="paper.csv")
    db_session.add(job)
    db_session.commit()
    assert Job.claim_next("first", looking()) == job.id
    db_session.commit()
    on_the_other_machine(other)
    watch = looking()
    assert [Job.claim_next("second", watch) for _look in range(3)] == [None, None, job.id]


def test_a_webhook_stays_with_its_worker_until_that_is_silent(
    app: Flask, db_session: Session, other: timedelta
) -> None:
    webhook = Webhook(site=a_site(db_session), name="Chat", address="https://chat.example/", secret="secret")
    db_session.add(webhook)
    db_session.commit()
    assert Webhook.claim(webhook.id, looking())
    db_session.commit()
    on_the_other_machine(other)
    watch = looking()
    assert [bool(Webhook.claim(webhook.id, watch)) for _look in range(3)] == [False, False, True]


def test_two_workers_that_see_the_same_due_email_do_not_both_claim_it(
    app: Flask, db_session: Session, other: timedelta
) -> None:
    db_session.add(Delivery(kind="digest", message_id="m"))
    db_session.commit()
    ((id, seen),) = Delivery.due_with_claims(["digest"])
    assert Delivery.claim(id, seen)
    db_session.commit()
    on_the_other_machine(other)
    assert not Delivery.claim(id, seen)
    ((id, seen),) = Delivery.due_with_claims(["digest"])
    assert Delivery.claim(id, seen), "of a dead worker, after it was watched"


def test_work_that_another_machine_has_done_counts(app: Flask, db_session: Session, other: timedelta) -> None:
    on_the_other_machine(other)
    with turns.turn("backup"):
        pass
    on_the_other_machine(timedelta())
    assert Turn.was_done("backup", timedelta(hours=20))
    on_the_other_machine(-30 * HOUR)
    assert not Turn.was_done("backup", timedelta(hours=20)), "a clock that was days ahead stops no backup"


def test_a_worker_that_runs_once_takes_the_turns_of_a_killed_one(
    app: Flask, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "SILENT_S", 0.05)
    monkeypatch.setattr(turns, "LOOK_S", 0.02)
    for name in ("notices", "days", "lists"):
        Turn.take(name, "of a killed process")
    db_session.commit()
    assert app.test_cli_runner().invoke(args=["worker", "--once"]).exit_code == 0
    assert all(Turn.was_done(name, HOUR) for name in ("notices", "days", "lists"))


def test_a_step_of_a_worker_that_stood_still_is_taken_back(
    app: Flask, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after SIGSTOP, or the suspension of a virtual machine: another worker has done the step since."""
    monkeypatch.setattr(turns, "SILENT_S", 0.0)

    def take_over() -> None:
        Turn.take_over("notices", "another", Turn.now("notices"))
        db.session.commit()

    def work() -> Iterator[None]:
        for name in ("before", "meanwhile"):
            if name == "meanwhile":
                together(app, take_over, 1)
            db.session.add(Delivery(kind="digest", message_id=name))
            yield
        raise AssertionError("it goes on")

    shared_work._in_steps("notices", turns.watch_turns(), work)
    assert [each.message_id for each in db_session.query(Delivery)] == ["before"]
    assert Turn.now("notices").holder == "another"


def test_lists_are_published_and_fetched_by_one_worker(
    app: Flask, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = []

    def reissue() -> Iterator[None]:
        published.append(threading.current_thread())
        db.session.rollback()
        if len(published) == 1:
            together(app, shared_work.list_sharer(), OTHERS)
        yield

    monkeypatch.setattr(list_publishing, "reissue_due", reissue)
    shared_work.list_sharer()()
    assert published == [threading.current_thread()]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_renewal_does_not_wait_forever_for_a_server_that_hangs(
    app: Flask, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "RENEW_S", 0.01)
    allowed, renewed = [], threading.Event()

    def noted(_name: str, _holder: str) -> bool:
        allowed.append(deadline.left())
        renewed.set()
        return True

    monkeypatch.setattr(Turn, "renew", noted)
    with turns.turn("prune"):
        assert renewed.wait(60)
    assert set(allowed) == {app.config["WORKER_TIMEOUT"]}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_work_that_fails_gives_up_sqlites_lock_before_it_waits_for_the_renewal(
    app: Flask, db_session: Session, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(turns, "RENEW_S", 0.01)
    monkeypatch.setattr(connections, "SQLITE_BUSY_MS", 2_000)
    renewing, renew = threading.Event(), turns.HeldTurn.renew

    def noted(mine: turns.HeldTurn) -> None:
        renewing.set()
        renew(mine)

    monkeypatch.setattr(turns.HeldTurn, "renew", noted)
    with pytest.raises(ValueError, match="fails"), turns.turn("prune"):
        Turn.take("search", "in the same transaction")
        renewing.clear()
        assert renewing.wait(60)
        raise ValueError("fails")
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]
    assert Turn.now("prune").holder == ""

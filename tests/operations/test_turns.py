"""Work that all machines share is done once, also while the clock of one of five workers jumps."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.cli import shared_work, upkeep
from app.comments import retention
from app.extensions import db
from app.lib import clock
from app.lib.watch import Watch
from app.models import Comment, Delivery, Rate, RateLimit, Site, SpamModel, Turn
from app.notify import outbox
from app.operations import backup, turns
from app.screening import flood
from app.spam import rejections, retraining
from tests.cast import Reader, a_moderator, a_site
from tests.services import MailServer, Postgres

OTHERS = 4
JUMP = timedelta(hours=3)
READERS_OF_THE_CLOCK = (
    "app.lib.clock", "app.models.delivery", "app.models.turn", "app.models.site", "app.models.waiting",
    "app.models.rate_limit", "app.notify.outbox", "app.notify.digest", "app.comments.retention", "app.spam.rejections",
    "app.screening.flood", "app.cli.upkeep", "app.operations.backup_folder",
)  # fmt: skip


class Jumping:
    """The machine's clock: `jump()` moves it for all that follows."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self.real = clock.now

    def now(self) -> Any:
        return self.real() + self.ahead

    def jump(self) -> None:
        self.ahead += JUMP


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> Jumping:
    clock_ = Jumping()
    for module in READERS_OF_THE_CLOCK:
        monkeypatch.setattr(f"{module}.now", clock_.now)
    monkeypatch.setattr(turns, "RENEW_S", 0.05)
    monkeypatch.setattr(turns, "LOOK_S", 0.02)
    return clock_


def together(app: Flask, act: Callable[[], Any], count: int = OTHERS) -> list[Any]:
    """The results of workers that begin at the same moment, each with its own session."""
    start, found = threading.Barrier(count), []

    def run() -> None:
        with app.app_context():
            start.wait(60)
            try:
                found.append(act())
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert len(found) == count, "a worker failed"
    return found


def interrupted(app: Flask, jumping: Jumping, others: Callable[[], Any], told: list[Any]) -> Callable[[], None]:
    """The first call: the clock jumps, and the four others look for work."""

    def act() -> None:
        if not told:
            told.append(None)
            # A step may have begun a transaction, which would hold SQLite's lock.
            db.session.rollback()
            jumping.jump()
            told.extend(together(app, others))

    return act


def test_each_digest_is_sent_once(
    app: Flask, db_session: Session, jumping: Jumping, smtp: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one worker sends, the clock jumps over the lease of its claim."""
    site = a_site(db_session, hold_all=True)
    for name in ("alice", "bob", "charlie"):
        a_moderator(db_session, site, name)
    Reader(app.test_client()).post("Waits")
    watches = {}

    def all_due() -> int:
        watch = watches.setdefault(threading.get_ident(), Watch(outbox.DEAD_S))
        return sum(1 for _ in iter(lambda: outbox.run_once(watch=watch), False))

    send, told = outbox.smtp.send, []
    others = interrupted(app, jumping, all_due, told)

    def slowly(message: Any) -> None:
        others()
        send(message)

    monkeypatch.setattr(outbox.smtp, "send", slowly)
    all_due()
    assert len(told) == 1 + OTHERS
    assert sorted(each.to[0] for each in smtp.emails) == [f"{name}@moderators.example" for name in
                                                           ("alice", "bob", "charlie")]  # fmt: skip
    assert {each.attempts for each in db_session.query(Delivery)} == {1}


def test_a_claim_of_a_dead_worker_is_taken_over_after_it_was_watched(
    app: Flask, db_session: Session, jumping: Jumping, smtp: MailServer
) -> None:
    a_moderator(db_session, a_site(db_session, hold_all=True))
    Reader(app.test_client()).post("Waits")
    (id,) = Delivery.due(["digest"])
    assert Delivery.claim(id)
    db_session.commit()
    seconds = iter((0.0, outbox.DEAD_S - 1, outbox.DEAD_S + 1))
    watch = Watch(outbox.DEAD_S, clock=lambda: next(seconds))
    assert not outbox.run_once(watch=watch), "its lease runs"
    jumping.jump()
    assert not outbox.run_once(watch=watch) and not outbox.run_once(watch=watch)
    assert outbox.run_once(watch=watch) and len(smtp.emails) == 1


def test_pruning_is_done_once(
    app: Flask, db_session: Session, jumping: Jumping, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = a_site(db_session, keep_address_days=1)
    for number in range(5):
        Reader(app.test_client(), f"R {number}", f"r{number}@readers.example").post(f"Comment {number}")
    db_session.execute(update(Comment).values(created_at=clock.now() - timedelta(days=2), address="203.0.113.0/24"))
    db_session.commit()
    assert site.id
    forget, told = retention.forget_all, []
    others = interrupted(app, jumping, upkeep._pruned, told)

    def slowly() -> Iterator[Any]:
        others()
        yield from forget()

    monkeypatch.setattr(retention, "forget_all", slowly)
    mine = upkeep._pruned()
    assert mine["networks"] == 5 and told[1:] == [dict.fromkeys(mine, 0)] * OTHERS
    assert upkeep._pruned()["networks"] == 0, "the turn was given back"


def test_filters_are_trained_once(
    app: Flask, db_session: Session, jumping: Jumping, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = a_site(db_session)
    SpamModel.replace(site.id, b"of another version", seen=0)
    db_session.commit()
    retrain, train, trained, told = retraining.retrain, rejections.train_outdated, [], []
    others = interrupted(app, jumping, lambda: shared_work.trainer()(), told)

    def slowly(site_id: int) -> Any:
        others()
        trained.append(site_id)
        return retrain(site_id)

    def noted() -> Iterator[None]:
        trained.append("rejections")
        yield from train()

    monkeypatch.setattr(retraining, "retrain", slowly)
    monkeypatch.setattr(rejections, "train_outdated", noted)
    shared_work.trainer()()
    assert trained == [site.id, "rejections"] and told[1:] == [False] * OTHERS
    shared_work.trainer()()
    assert trained[2:] == ["rejections"], "another worker has its turn afterwards"


def test_a_backup_is_made_once_in_a_night(
    app: Flask, db_session: Session, jumping: Jumping, postgres: Postgres, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    app.config["PG_BIN"] = str(postgres.binaries)
    a_site(db_session)
    create, told = backup.create, []

    def take() -> str:
        command = ["upkeep", "backup", str(tmp_path), "--at-most-every", "20", "--json"]
        done = app.test_cli_runner().invoke(args=command)
        assert done.exit_code == 0, done.output
        return str(done.output)

    def slowly(*given: Any, **named: Any) -> Any:
        jumping.jump()
        told.extend(take() for _ in range(OTHERS))
        return create(*given, **named)

    monkeypatch.setattr(backup, "create", slowly)
    made = json.loads(take().splitlines()[-1])
    assert told == ["Another machine has made the backup.\n"] * OTHERS
    assert [str(file) for file in tmp_path.glob("kaiwa-*")] == [made["file"]]
    monkeypatch.setattr(backup, "create", create)
    assert "Another machine" in take()
    jumping.ahead += timedelta(hours=21)
    assert json.loads(take().splitlines()[-1])["file"] != made["file"]


def test_a_backup_that_fails_leaves_its_turn_to_the_next_machine(
    app: Flask, db_session: Session, postgres: Postgres, tmp_path: Path
) -> None:
    app.config["PG_BIN"] = str(postgres.binaries)
    a_site(db_session)

    def take(target: Path) -> int:
        return app.test_cli_runner().invoke(args=["upkeep", "backup", str(target), "--at-most-every", "20"]).exit_code

    assert take(tmp_path / "missing" / "file") == 1
    assert take(tmp_path) == 0 and len([*tmp_path.glob("kaiwa-*")]) == 1


def test_a_flood_is_told_once_and_limits_are_shared(app: Flask, db_session: Session) -> None:
    site = a_site(db_session, flood_per_site=4)
    a_moderator(db_session, site)

    def starts() -> None:
        flood.start_holding(db.session.get_one(Site, site.id))
        db.session.commit()

    def takes() -> bool:
        taken = RateLimit.take("network", Rate(3, 60)) == 0
        db.session.commit()
        return taken

    together(app, starts, 5)
    assert db_session.query(Delivery).filter_by(kind="flood").count() == 1
    db_session.commit()
    assert sum(together(app, takes, 5)) == 3


def test_a_silent_holder_loses_its_turn_and_notices(app: Flask, db_session: Session) -> None:
    seconds = iter((0.0, turns.SILENT_S - 1, turns.SILENT_S + 1))
    watch = Watch(turns.SILENT_S, clock=lambda: next(seconds))
    Turn.take("prune", "of a killed process")
    db_session.commit()
    for _ in range(2):
        with pytest.raises(turns.Held), turns.turn("prune", watch):
            raise AssertionError
    with turns.turn("prune", watch) as mine:
        late = turns.HeldTurn(app, "prune", "of a killed process")
        late.renew()
        mine.renew()
        assert late.is_lost and not mine.is_lost
    assert Turn.now("prune").holder == "" and Turn.was_done("prune", timedelta(minutes=1))


def test_a_command_waits_until_it_knows_that_the_holder_lives(
    app: Flask, db_session: Session, jumping: Jumping
) -> None:
    with turns.turn("prune"), app.app_context(), pytest.raises(turns.Held), turns.turn("prune"):
        raise AssertionError
    Turn.take("prune", "fails")
    db_session.commit()
    failing = threading.Timer(0.1, _gives_up, (app,))
    failing.start()
    with turns.turn("prune"):
        failing.join()


def _gives_up(app: Flask) -> None:
    with app.app_context():
        Turn.give_back("prune", "fails", done=False)
        db.session.commit()
        db.session.remove()

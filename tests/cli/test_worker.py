"""The worker: deliveries to one receiver do not delay others, a stalled receiver is skipped, a stop is prompt."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.cli import shared_work, worker
from app.cli.tasks import Line, Task
from app.cli.worker import SERVICES, _delivery_to
from app.errors import NotSent
from app.lib.clock import now
from app.models import Delivery, Heartbeat, Moderator
from app.notify import breaker as breakers
from app.notify import outbox, smtp
from app.notify.breaker import Breaker
from app.screening import akismet as questions
from tests.akismet_server import GOOD_KEY, Akismet
from tests.cast import Reader, a_moderator, a_site
from tests.services import ROOT, MailServer, _clean_environment

COMMENTS = 4
PATIENCE = 15  # seconds, where a mail server that stalls would take 20


class Stalled:
    """Accepts connections and never responds."""

    def __init__(self) -> None:
        self.connections: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            try:
                self.connections.append(self.listener.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        with suppress(OSError):  # a test has closed it
            self.listener.shutdown(socket.SHUT_RDWR)
        for each in [self.listener, *self.connections]:
            each.close()


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def stalled() -> Iterator[Stalled]:
    server = Stalled()
    yield server
    server.close()


@pytest.fixture
def alice(app: Flask, db_session: Session) -> Moderator:
    """A moderator of a site with pending comments, a digest and Akismet requests in the outbox."""
    paper = a_site(db_session, akismet_key=GOOD_KEY)
    alice = a_moderator(db_session, paper)
    for number in range(COMMENTS):
        assert Reader(app.test_client()).post(f"Number {number}").status_code == 202
    db_session.expire_all()
    db_session.commit()
    return alice


@pytest.fixture
def lines(app: Flask) -> Iterator[Callable[[], list[Line]]]:
    stop, begun = threading.Event(), []

    def start() -> list[Line]:
        begun.extend(Line(app, Task(name, _delivery_to(name)), stop) for name in SERVICES)
        for line in begun:
            line.start()
        return begun

    yield start
    stop.set()
    for line in begun:
        line.finish(PATIENCE)


def comes(what: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE
    while not what() and time.monotonic() < end:
        time.sleep(0.05)
    return what()


def test_a_mail_server_that_stalls_does_not_hold_up_akismet(
    app: Flask, alice: Moderator, stalled: Stalled, akismet: Akismet, lines: Callable[[], list[Line]]
) -> None:
    app.config.update(MAIL_URL=f"smtp://127.0.0.1:{stalled.port}", AKISMET_URL=akismet.url)
    begun = lines()
    assert comes(lambda: len(akismet.of("comment-check")) == COMMENTS)
    assert comes(lambda: len(stalled.connections) == 1) and all(line.thread.is_alive() for line in begun)
    stalled.close()


def test_an_akismet_that_stalls_does_not_hold_up_mail(
    app: Flask, alice: Moderator, stalled: Stalled, smtp: MailServer, lines: Callable[[], list[Line]]
) -> None:
    app.config.update(AKISMET_URL=f"http://127.0.0.1:{stalled.port}/1.1")
    lines()
    assert comes(lambda: len(smtp.emails) == 1)
    assert comes(lambda: len(stalled.connections) == 1)
    stalled.close()


def test_a_receiver_that_is_away_is_not_asked_for_each_delivery(
    app: Flask, alice: Moderator, stalled: Stalled, db_session: Session
) -> None:
    stalled.close()
    app.config["AKISMET_URL"] = f"http://127.0.0.1:{stalled.port}/1.1"
    task = Task("akismet", _delivery_to("akismet"))
    for _ in range(COMMENTS + 2):
        task.try_now()
    db_session.expire_all()
    attempts = [each.attempts for each in db_session.query(Delivery).filter_by(kind=questions.CHECK)]
    assert sorted(attempts) == [0] * (COMMENTS - 1) + [1], "the others keep their tries"


def test_pauses_grow_to_a_minute_and_end_with_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 1000.0
    monkeypatch.setattr(breakers.time, "monotonic", lambda: clock)
    breaker = Breaker()
    assert not breaker.is_open
    pauses = [breaker.note_stall() for _ in range(8)]
    assert all(
        0.75 * whole <= pause <= whole for pause, whole in zip(pauses, (5, 10, 20, 40, 60, 60, 60, 60), strict=True)
    )
    assert breaker.is_open
    clock += 60
    assert not breaker.is_open
    breaker.note_stall()
    breaker.note_answer()
    assert not breaker.is_open and breaker.note_stall() <= 5


@pytest.mark.parametrize("said", [NotSent("550 no such user", for_good=True), NotSent("451 later")])
def test_a_receiver_that_says_no_is_there(said: NotSent) -> None:
    breaker = Breaker()
    outbox._note(breaker, said)
    assert not breaker.is_open


def test_a_server_that_sends_a_byte_now_and_then_is_hung_up_on(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "LONGEST", 0.3)
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        line, _address = listener.accept()
        with line, suppress(OSError):
            line.sendall(b"220 hello\r\n")
            line.recv(1000)
            line.sendall(b"250 hello\r\n")
            while True:
                line.sendall(b"2")
                time.sleep(0.05)

    threading.Thread(target=drip, daemon=True).start()
    app.config["MAIL_URL"] = f"smtp://127.0.0.1:{listener.getsockname()[1]}"
    with app.app_context(), pytest.raises(NotSent) as found:
        smtp.send(
            smtp.build_message(
                to="a@b.example", name="", subject="x", text="x", html="x", message_id="<a@b>", date=now()
            )
        )
    assert found.value.stalled
    listener.close()


def test_it_stops_during_a_delivery_and_leaves_its_claim(
    app: Flask, alice: Moderator, stalled: Stalled, akismet: Akismet, smtp: MailServer, db_session: Session
) -> None:
    names = ("DATABASE_URL", "SECRET_KEY", "PUBLIC_URL")
    environment = _clean_environment() | {name: app.config[name] for name in names}
    environment |= {"MAIL_URL": f"smtp://127.0.0.1:{stalled.port}", "AKISMET_URL": akismet.url}
    worker = subprocess.Popen(
        [sys.executable, "-m", "flask", "worker"], cwd=ROOT, env=environment, stderr=subprocess.PIPE
    )
    try:
        end = time.monotonic() + 60
        while not stalled.connections and time.monotonic() < end:
            time.sleep(0.05)
        worker.send_signal(signal.SIGTERM)
        _out, said = worker.communicate(timeout=PATIENCE)
    finally:
        worker.kill()
    assert worker.returncode == 0 and b"stopped during a delivery" in said and b"worker stopped" in said
    db_session.expire_all()
    digest = db_session.query(Delivery).filter_by(kind="digest").one()
    assert digest.claimed_at and not digest.done_at
    digest.claimed_at -= timedelta(minutes=6)
    db_session.commit()
    while outbox.run_once():
        pass
    assert [received.to for received in smtp.emails] == [["alice@moderators.example"]], "once"


def test_a_filter_that_cannot_be_learnt_again_is_reported_like_other_tasks(
    app: Flask, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    db_session.rollback()
    stop, tries = threading.Event(), []

    def fails() -> None:
        tries.append(1)
        # Not a database error, so the thread does not handle it.
        raise RuntimeError("damaged")

    monkeypatch.setattr(shared_work.retraining, "retrain_outdated", fails)
    monkeypatch.setattr(worker, "EVERY", timedelta(0))
    monkeypatch.setattr("app.cli.tasks.FIRST_PAUSE_S", 0.0)

    def run() -> None:
        with app.app_context():
            worker._run(stop)

    running = threading.Thread(target=run)
    running.start()
    try:
        assert comes(lambda: app.test_client().get("/readyz").json["worker"] == "failing")
        assert Heartbeat.failing_tasks() == ["filters"] and comes(lambda: len(tries) > 1)
    finally:
        db_session.rollback()
        stop.set()
        running.join(PATIENCE)

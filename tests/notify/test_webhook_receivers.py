"""A receiver that stalls or is away delays neither emails nor other receivers, and loses nothing."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.cli.receivers import FAILING_THREADS, THREADS, to_webhooks
from app.desk import webhooks
from app.extensions import db
from app.lib.clock import now
from app.models import Moderator, Site, Webhook, WebhookDelivery
from app.models.audit import Who
from app.models.webhook import Wanted
from app.notify import outbox, webhook_sender
from tests.cast import Reader, a_site
from tests.notify.receiver import running_receiver
from tests.notify.test_webhooks import SQLITE, a_webhook, deliveries, later, send_all
from tests.services import ROOT, MailServer, free_port

__all__ = ["later"]
PATIENCE = 60  # seconds that a thread may take on a busy machine


@contextmanager
def a_program(port: int, seconds: float = 0) -> Iterator[subprocess.Popen[str]]:
    """A receiver in another process, which answers after so many seconds."""
    words = [sys.executable, "-m", "tests.notify.receiver", str(port), str(seconds)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout and process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def taken(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """All requests until the process is stopped."""
    process.kill()
    assert process.stdout
    return [json.loads(line) for line in process.stdout]


@pytest.fixture
def stalled_port() -> int:
    return free_port()


@SQLITE
def test_a_hundred_stalled_receivers_of_two_sites_delay_no_third_one(
    app: Flask, paper: Site, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MOST", 50)
    others = [a_site(db_session, key) for key in ("other", "third")]
    server = socket.create_server(("127.0.0.1", 0), backlog=100)  # it takes connections, and answers nothing
    place = server.getsockname()
    stalled = [a_webhook(site, f"http://127.0.0.1:{place[1]}/") for site in (paper, others[0]) for _ in range(50)]
    workers, turns = to_webhooks(app, threading.Event()), 0
    with running_receiver() as receiver:
        one = a_webhook(others[1], receiver.url).id
        for each in stalled:
            webhooks.ping(each)
        for _first_failure_and_later in range(2):
            webhooks.ping(db_session.get_one(Webhook, one))
            db_session.commit()
            turns += 1
            workers.turn()
            workers.busy[one].join(PATIENCE)
            assert len(receiver.taken) == turns, "it got a thread at once, and its delivery"
            stuck = [each for id, each in workers.busy.items() if id != one]
            assert len(stuck) >= FAILING_THREADS / 2 and all(each.is_alive() for each in stuck)
            if turns == 1:
                server.close()
                workers.finish(PATIENCE)
                db_session.query(Webhook).filter(Webhook.id != one).update({"failures": 1, "rests_until": None})
                db_session.query(WebhookDelivery).update({"due_at": now(), "claimed_at": None})
                db_session.commit()
                server = socket.create_server(place, backlog=100)
        normal, _failing = workers.lanes
        assert len(stuck) <= FAILING_THREADS and not (normal.busy.keys() - {one}) and THREADS > FAILING_THREADS
        server.close()
        workers.finish(PATIENCE)
        db_session.rollback()


@SQLITE
def test_a_worker_that_runs_once_asks_receivers_that_fail_once(
    app: Flask, paper: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the first that stalls has rested before the last has stalled, and the run goes on for hours."""
    hooks, asked = [a_webhook(paper, "http://127.0.0.1:9/") for _ in range(3)], list[int]()

    def fail(id: int) -> int:
        asked.append(id)
        db.session.get_one(Webhook, id).failures += 1
        db.session.commit()
        return len(asked) < 9

    for each in hooks:
        webhooks.ping(each)
    db.session.commit()
    monkeypatch.setattr(webhook_sender, "run_once", fail)
    assert app.test_cli_runner().invoke(args=["worker", "--once"]).exit_code == 0
    assert sorted(asked) == [each.id for each in hooks]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_webhook_that_is_removed_while_a_comment_is_stored_refuses_no_comment(
    app: Flask, client: FlaskClient, paper: Site, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (a_webhook(paper, "http://127.0.0.1:9/").id for _ in range(2))
    removers, statuses, active_of = list[threading.Thread](), list[int](), Webhook.active_of

    def remove() -> None:
        with app.app_context():
            webhooks.remove(db.session.get_one(Webhook, first), by=Who.OPERATOR)
            db.session.commit()

    def and_removed(site_id: int) -> list[Wanted]:
        found = active_of(site_id)
        if not removers:
            removers.append(threading.Thread(target=remove))
            removers[0].start()
            removers[0].join(0.5)  # without a lock, it is removed by now
        return found

    with monkeypatch.context() as racing:
        racing.setattr(Webhook, "active_of", and_removed)
        assert Reader(client).post("Stored before the removal").status_code == 202
    removers[0].join(PATIENCE)
    assert db_session.query(Webhook.id).all() == [(second,)]
    webhooks.remove(db_session.get_one(Webhook, second), by=Who.OPERATOR)
    db_session.flush()
    post = threading.Thread(target=lambda: statuses.append(Reader(app.test_client()).post("After it").status_code))
    post.start()
    post.join(0.5)
    db_session.commit()
    post.join(PATIENCE)
    assert statuses == [202] and db_session.query(WebhookDelivery).count() == 0


def test_two_programs_one_stalled_and_one_away_for_an_hour(
    app: Flask, client: FlaskClient, paper: Site, alice: Moderator, smtp: MailServer, later: Callable[..., None],
    stalled_port: int, db_session: Session,
) -> None:  # fmt: skip
    other_port, hanako = free_port(), Reader(client)
    stalled, other = (
        a_webhook(paper, f"http://127.0.0.1:{port}/", "comment.received").id for port in (stalled_port, other_port)
    )
    workers = to_webhooks(app, threading.Event())
    with ExitStack() as stack:
        stuck = stack.enter_context(a_program(stalled_port, seconds=600))
        first = stack.enter_context(a_program(other_port))
        hanako.post("Before")
        db_session.commit()
        workers.turn()
        workers.busy[other].join(PATIENCE)
        assert [each.outcome for each in deliveries(other)] == ["sent"], "while the other one stalls"
        db_session.commit()
        assert outbox.run_once() and smtp.emails[0].subject == "1 comment waiting: Paper"
        assert workers.busy[stalled].is_alive(), "in one request, which keeps no transaction open"
        assert Webhook.waiting(limit=9) == {} and Webhook.claim(stalled) == "", "no other worker joins in"
        db_session.rollback()
        assert len(taken(first)) == 1
        stuck.kill()
        workers.busy[stalled].join(PATIENCE)
    assert [(each.outcome, each.attempts) for each in deliveries(stalled)] == [("", 1)]
    for number in range(3):
        later(minutes=20)
        hanako.post(f"Meanwhile {number}")
        send_all()
    assert db_session.get_one(Webhook, other).failing_since
    assert {each.outcome for each in deliveries(other)[1:]} == {""}
    later(minutes=10)
    with a_program(other_port) as back:
        send_all()
        came = taken(back)
    told = {each["body"]["data"]["comment"]["text"] for each in came}
    assert len(came) == 3 and told == {f"Meanwhile {number}" for number in range(3)}
    assert {each.outcome for each in deliveries(other)} == {"sent"}
    assert {each.outcome for each in deliveries(stalled)} == {""} and Webhook.failing() == 1
    db.session.rollback()

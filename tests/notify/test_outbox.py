"""Alice gets one digest of pending comments, in time, despite mail server failures, without readers' addresses."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.lib import clock
from app.models import Decision, Delivery, Moderator, Role, Site, Status
from app.notify import outbox
from tests.cast import PAGE, Reader, a_moderator, a_site, move, the_comment
from tests.services import ROOT, MailServer, _clean_environment, free_port

CANARY = "canary.reader@secret.example"


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Move the clock: `later(minutes=16)`."""
    passed = timedelta()
    real = clock.now

    def advance(**time: float) -> None:
        nonlocal passed
        passed += timedelta(**time)

    for module in ("app.lib.clock", "app.models.delivery", "app.models.waiting", "app.models.decision",
                   "app.models.heartbeat", "app.notify.outbox", "app.notify.digest", "app.notify.events"):  # fmt: skip
        monkeypatch.setattr(f"{module}.now", lambda: real() + passed)
    return advance


@pytest.fixture
def hanako(client: FlaskClient, alice: Moderator) -> Reader:
    return Reader(client, email=CANARY)


def send_all() -> None:
    while outbox.run_once():
        pass


def only_delivery(db_session: Session) -> Delivery:
    db_session.expire_all()
    return db_session.query(Delivery).one()


def test_alice_gets_one_digest_in_a_quarter_of_an_hour(
    hanako: Reader, smtp: MailServer, later: Callable[..., None]
) -> None:
    for minute in range(30):
        hanako.post(f"Comment number {minute}")
        send_all()
        later(minutes=1)
    assert len(smtp.emails) == 2
    assert smtp.emails[0].subject == "1 comment waiting: Paper"
    # Comments that came after the first email was sent; the second starts a quarter of an hour later.
    assert smtp.emails[1].subject == "15 comments waiting: Paper"
    assert "16 comments waiting in total." in smtp.emails[1].text
    assert "5 more in the queue." in smtp.emails[1].text


def test_two_waiting_digests_to_one_moderator_keep_the_interval(
    hanako: Reader, alice: Moderator, smtp: MailServer, later: Callable[..., None], db_session: Session
) -> None:
    hanako.post("First")
    smtp.refuse("451 later")
    send_all()
    hanako.post("Second")  # its email must not overtake: Alice's turn is taken
    later(seconds=60)
    send_all()
    assert [received.subject for received in smtp.emails] == ["1 comment waiting: Paper"]
    later(minutes=16)
    send_all()
    assert len(smtp.emails) == 2
    assert "Second" in smtp.emails[1].text


def test_an_early_digest_waits_for_the_interval(
    hanako: Reader, smtp: MailServer, later: Callable[..., None], db_session: Session
) -> None:
    hanako.post("First")
    send_all()
    hanako.post("Second")
    # As if its delivery had been added before the first email was claimed.
    db_session.execute(update(Delivery).where(Delivery.done_at.is_(None)).values(due_at=clock.now()))
    db_session.commit()
    send_all()
    assert len(smtp.emails) == 1
    later(minutes=16)
    send_all()
    assert [received.subject for received in smtp.emails] == ["1 comment waiting: Paper"] * 2
    assert {delivery.attempts for delivery in db_session.query(Delivery)} == {1}


def test_a_comment_committed_during_a_digest_is_in_the_next(
    hanako: Reader, smtp: MailServer, later: Callable[..., None], db_session: Session
) -> None:
    hanako.post("First")
    send_all()
    hanako.post("Second")
    # As if it had been held just before the first email took its turn, and committed just after.
    slow = the_comment(db_session, "Second")
    earlier = clock.now() - timedelta(seconds=5)
    db_session.execute(update(Decision).where(Decision.comment_id == slow.id).values(made_at=earlier))
    db_session.commit()
    later(minutes=16)
    send_all()
    assert len(smtp.emails) == 2
    assert "Second" in smtp.emails[1].text
    assert "First" not in smtp.emails[1].text


def test_bob_of_another_site_gets_no_email(hanako: Reader, smtp: MailServer, db_session: Session) -> None:
    a_moderator(db_session, a_site(db_session, "other"), "bob")
    hanako.post("Hello")
    send_all()
    assert [received.to for received in smtp.emails] == [["alice@moderators.example"]]


def test_no_digest_if_another_moderator_has_decided(
    hanako: Reader, alice: Moderator, smtp: MailServer, db_session: Session
) -> None:
    hanako.post("Hello")
    move(db_session, the_comment(db_session, "Hello"), Status.APPROVED, by=alice)
    send_all()
    assert smtp.emails == []
    assert only_delivery(db_session).outcome == "nothing to say"


def test_a_digest_has_texts_and_links_but_no_addresses(hanako: Reader, smtp: MailServer) -> None:
    hanako.post("A <b>bold</b> claim & more", website="https://hanako.example")
    send_all()
    received = smtp.emails[0]
    page = received.message.get_body(("html",))
    assert page is not None
    html = page.get_content()
    for text in (received.text, html):
        assert "Hanako" in text
        assert "http://localhost/moderate/" in text
        assert text.count("http://localhost/act/") == 3
    everything = bytes(received.message) + html.encode() + received.text.encode()
    assert CANARY.encode() not in everything
    assert b"127.0.0" not in everything
    assert "<b>" not in html
    assert "<img" not in html


def test_a_digest_is_in_the_moderators_language(
    hanako: Reader, alice: Moderator, smtp: MailServer, db_session: Session
) -> None:
    alice.lang = "en"
    db_session.commit()
    hanako.post("こんにちは")
    send_all()
    assert "is waiting for review" in smtp.emails[0].text


def test_looking_at_the_links_changes_nothing(
    hanako: Reader, client: FlaskClient, smtp: MailServer, db_session: Session
) -> None:
    hanako.post("Hello")
    send_all()
    links = [word for word in smtp.emails[0].text.split() if "/act/" in word]
    assert len(links) == 3
    for link in links:
        assert client.get(link.removeprefix("http://localhost")).status_code == 200
    assert the_comment(db_session, "Hello").status == Status.PENDING


@pytest.mark.parametrize("answer", ["451 try again later", "421 going away", "554 no"])
def test_a_refused_email_is_retried_with_the_same_message_id(
    answer: str, hanako: Reader, smtp: MailServer, later: Callable[..., None], db_session: Session
) -> None:
    hanako.post("Hello")
    smtp.refuse(answer)
    send_all()
    first = only_delivery(db_session)
    assert (smtp.emails, first.done_at, first.attempts) == ([], None, 1)
    assert answer[:3] in first.error
    db_session.commit()
    send_all()
    assert smtp.emails == []  # not before its back-off is over
    later(seconds=40)
    send_all()
    assert [received.message["Message-ID"] for received in smtp.emails] == [first.message_id]
    assert only_delivery(db_session).outcome == "sent"


def test_a_mail_server_that_is_away_loses_nothing(
    app: Flask, hanako: Reader, smtp: MailServer, later: Callable[..., None], db_session: Session
) -> None:
    hanako.post("Hello")
    app.config["MAIL_URL"] = f"smtp://127.0.0.1:{free_port()}"
    send_all()
    assert "ConnectionRefused" in only_delivery(db_session).error
    db_session.commit()
    app.config["MAIL_URL"] = smtp.url
    later(minutes=1)
    send_all()
    assert len(smtp.emails) == 1


def test_emails_wait_while_there_is_no_mail_server(
    app: Flask, hanako: Reader, smtp: MailServer, db_session: Session
) -> None:
    app.config["MAIL_URL"] = ""
    hanako.post("Hello")
    assert not outbox.run_once()
    assert only_delivery(db_session).attempts == 0
    db_session.commit()
    app.config["MAIL_URL"] = smtp.url
    send_all()
    assert len(smtp.emails) == 1


def test_an_undeliverable_email_is_logged_without_addresses(
    hanako: Reader, smtp: MailServer, later: Callable[..., None], db_session: Session, capsys: Any
) -> None:
    hanako.post("Hello")
    for _ in range(outbox.TRIES + 5):
        smtp.refuse("450 <alice@moderators.example> is busy")
        send_all()
        later(hours=8)
    given_up = only_delivery(db_session)
    assert (given_up.outcome, given_up.attempts) == ("gave up", outbox.TRIES)
    log = capsys.readouterr().err
    assert "delivery given up" in log
    assert "alice@" not in log + given_up.error
    assert CANARY not in log


def test_pauses_grow_and_stay_under_a_quarter_more_than_six_hours() -> None:
    pauses = [outbox.pause_after(attempts).total_seconds() for attempts in range(1, outbox.TRIES)]
    assert 22 <= pauses[0] <= 38
    assert 15_000 <= pauses[-1] <= 27_000
    assert 3 * 86_400 < sum(pauses) < 6 * 86_400


def test_only_one_worker_claims_an_email(hanako: Reader, db_session: Session) -> None:
    hanako.post("Hello")
    (id,) = Delivery.due(["digest"])
    assert Delivery.claim(id)
    assert not Delivery.claim(id)
    db_session.rollback()


@pytest.mark.parametrize(
    "name", ["Eve\r\nBcc: victim@example.org", "Eve\u202egnp.exe", "admin@paper.example", '"<x@y>" \\', "花" * 300]
)
def test_names_cannot_write_headers(
    name: str, hanako: Reader, paper: Site, alice: Moderator, smtp: MailServer, db_session: Session
) -> None:
    paper.name = alice.name = name[:200]
    db_session.commit()
    hanako.post("Hello", name=name[:60].replace("\r\n", " "))
    send_all()
    (received,) = smtp.emails
    assert received.to == ["alice@moderators.example"]
    expected = ["Message-ID", "Date", "From", "To", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type"]
    assert sorted(set(received.message.keys()) - {"X-Peer", "X-MailFrom", "X-RcptTo"}) == sorted(expected)
    (to,) = received.message["To"].addresses
    assert to.addr_spec == "alice@moderators.example"
    assert "@" not in to.display_name
    # Python reads the folds of a long encoded name as spaces; mail programs do not (RFC 2047, 6.2).
    assert len(to.display_name.replace(" ", "")) <= 70
    assert "\u202e" not in received.subject + to.display_name


class _Killer:
    """A mail server that accepts an email and kills the worker before it can record that."""

    def __init__(self) -> None:
        self.worker: subprocess.Popen[bytes] | None = None
        self.ids: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        lines = envelope.content.decode("ascii").splitlines()
        self.ids += [line for line in lines if line.lower().startswith("message-id:")]
        if self.worker:
            self.worker.kill()
            self.worker.wait()
        return "250 OK"


@pytest.fixture
def killer(app: Flask) -> Iterator[_Killer]:
    handler, port = _Killer(), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    app.config["MAIL_URL"] = f"smtp://127.0.0.1:{port}"
    yield handler
    controller.stop()


def test_a_worker_that_dies_before_it_notes_what_it_sent_causes_one_double_at_most(
    app: Flask, hanako: Reader, killer: _Killer, later: Callable[..., None], db_session: Session
) -> None:
    hanako.post("Hello")
    db_session.commit()
    names = ("DATABASE_URL", "SECRET_KEY", "PUBLIC_URL", "MAIL_URL")
    environment = _clean_environment() | {name: app.config[name] for name in names}
    killer.worker = subprocess.Popen(
        [sys.executable, "-m", "flask", "worker", "--once"], cwd=ROOT, env=os.environ | environment
    )
    assert killer.worker.wait(60) == -9
    killer.worker = None
    send_all()
    assert len(killer.ids) == 1  # its claim is still valid
    later(minutes=6)
    send_all()
    later(hours=1)
    send_all()
    assert len(killer.ids) == 2
    assert len(set(killer.ids)) == 1
    assert only_delivery(db_session).outcome == "sent"


def test_a_former_moderator_gets_no_email(
    hanako: Reader, alice: Moderator, smtp: MailServer, db_session: Session
) -> None:
    hanako.post("Hello")
    db_session.delete(alice)
    db_session.commit()
    send_all()
    assert smtp.emails == []


def test_an_admin_gets_the_digest_too(paper: Site, hanako: Reader, smtp: MailServer, db_session: Session) -> None:
    a_moderator(db_session, paper, "olga", Role.OWNER)
    hanako.post(f"Hello from {PAGE}")
    send_all()
    assert sorted(received.to[0] for received in smtp.emails) == ["alice@moderators.example", "olga@moderators.example"]

"""Other programs are told of a site's events: signed, in time, again after failures, and nothing about persons."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session
from standardwebhooks import Webhook as Oracle
from standardwebhooks import WebhookVerificationError

from app.cli import receivers
from app.comments import amend, person_erasure, retention
from app.comments.person import find
from app.desk import naming, webhooks
from app.extensions import db
from app.lib import clock, http_client, signed_request
from app.models import (
    Claim,
    Decision,
    Delivery,
    Moderator,
    Outcome,
    Reason,
    Role,
    Site,
    State,
    Status,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
    WebhookFormat,
    WebhookState,
)
from app.models.audit import Who
from app.models.report import Reporter
from app.moderation import appeals, articles, covers, notices
from app.moderation.decide import decide, undo
from app.moderation.notices import Draft, Ruling
from app.moderation.reports import report
from app.notify import outbox, webhook_payload
from app.screening.flood import start_holding
from app.transfer import moves
from tests.cast import PAGE, Reader, a_moderator, a_site, move, the_comment
from tests.notify.receiver import Receiver, running_receiver
from tests.services import ROOT, MailServer

CANARY, NETWORK = "canary.reader@secret.example", "203.0.113."
DOCS = ROOT / "docs" / "webhooks.md"
PAYLOAD = re.compile(r"```json\n(.+?)```", re.DOTALL)
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def _receiver() -> Iterator[Receiver]:
    with running_receiver() as found:
        yield found


@pytest.fixture
def receiver(_receiver: Receiver) -> Receiver:
    _receiver.taken.clear()
    _receiver.plans.clear()
    _receiver.always = {}
    return _receiver


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Move the clock: `later(minutes=16)`."""
    real, ahead = datetime, timedelta()

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return real.now(tz) + ahead

    def advance(**time: float) -> None:
        nonlocal ahead
        ahead += timedelta(**time)

    monkeypatch.setattr(clock, "datetime", Clock)
    return advance


def a_webhook(site: Site, address: str, *events: str, format: WebhookFormat = WebhookFormat.STANDARD) -> Webhook:
    chosen = events or [each.value for each in WebhookEvent]
    made = webhooks.add(site, name="CMS", address=address, events=chosen, format=format, by=Who.OPERATOR)
    db.session.commit()
    return made


@pytest.fixture
def hook(paper: Site, receiver: Receiver) -> Webhook:
    return a_webhook(paper, receiver.url)


@pytest.fixture
def hanako(client: FlaskClient, paper: Site) -> Reader:
    return Reader(client, email=CANARY, peer=f"{NETWORK}77")


def send_all() -> None:
    db.session.commit()
    failed: set[int] = set()
    while receivers.send_all(failed):
        pass
    db.session.expire_all()


def deliveries(hook: Webhook | int) -> list[WebhookDelivery]:
    """Oldest first. It ends its transaction, which would keep others from writing."""
    db.session.expire_all()
    found = WebhookDelivery.newest_of(hook if isinstance(hook, int) else hook.id, limit=50)[::-1]
    db.session.commit()
    return found


@SQLITE
def test_a_request_is_signed_as_the_standard_wants_it(hanako: Reader, hook: Webhook, receiver: Receiver) -> None:
    hanako.post("Is it signed? はい")
    send_all()
    (first,) = receiver.taken
    assert Oracle(hook.secret).verify(first.body.decode(), first.headers) == first.json
    assert first.headers["content-type"] == "application/json"
    assert first.headers["user-agent"].startswith("Kaiwa/")
    assert first.json["type"] == "comment.received" and first.json["timestamp"].endswith("Z")
    assert first.json["data"]["comment"]["text"] == "Is it signed? はい"
    with pytest.raises(WebhookVerificationError):
        Oracle(signed_request.new_secret()).verify(first.body.decode(), first.headers)
    with pytest.raises(WebhookVerificationError):
        Oracle(hook.secret).verify(first.body.decode().replace("signed", "forged"), first.headers)


def test_a_status_is_told_after_the_undo_window_and_an_undo_recalls_it(
    hanako: Reader, hook: Webhook, receiver: Receiver, alice: Moderator, later: Callable[..., None], db_session: Session
) -> None:
    hanako.post("Hold me")
    send_all()
    assert receiver.types == ["comment.received"]
    later(seconds=outbox.undo_window().total_seconds() + 1)
    send_all()
    assert receiver.types == ["comment.received", "comment.held"]
    comment = the_comment(db_session, "Hold me")
    made = decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    db_session.commit()
    undo(made, by=alice)
    later(minutes=5)
    send_all()
    # Told that it is held, and nothing since: neither the approval nor its undo.
    assert receiver.types == ["comment.received", "comment.held"]
    assert [each.outcome for each in deliveries(hook)] == ["sent", "sent", "recalled"]
    move(db_session, the_comment(db_session, "Hold me"), Status.APPROVED, alice)
    later(minutes=5)
    send_all()
    last = receiver.taken[-1].json
    assert last["type"] == "comment.approved"
    assert last["data"]["decision"] == {
        "from": "pending", "to": "approved", "actor": "moderator", "reason": "", "undoes": False,
    }  # fmt: skip
    undo(the_decision(db_session, "Hold me"), by=alice)
    later(minutes=5)
    send_all()
    assert receiver.types[-1] == "comment.held" and len(receiver.taken) == 4


def test_each_event_of_the_interface_is_told(
    hanako: Reader, hook: Webhook, receiver: Receiver, alice: Moderator, paper: Site, later: Callable[..., None],
    db_session: Session,
) -> None:  # fmt: skip
    said: dict[str, Any] = {}

    def passes() -> set[str]:
        later(minutes=5)
        send_all()
        said.update({each.json["type"]: each.json for each in receiver.taken})
        told = set(receiver.types)
        receiver.taken.clear()
        return told

    def decided(status: Status, **more: Any) -> None:
        comment = the_comment(db_session, "Say it")
        decide(comment, status, seen=comment.version, by=alice, **more)

    hanako.post("Say it", title="The story")
    assert passes() == {"comment.received", "comment.held"}
    decided(Status.APPROVED)
    assert passes() == {"comment.approved"}
    comment = the_comment(db_session, "Say it")
    report(comment, reader=Reporter("some hash"), reason=Reason.HATE, note=f"write to {CANARY}")
    db_session.commit()
    assert passes() == {"comment.reported"}
    assert said["comment.reported"]["data"]["report"] == {"reason": "hate", "open": 1}
    notice = notices.submit(comment, Draft(Claim.PRIVACY, f"about {CANARY}", "law", "Taro", "taro@notifiers.example"))
    assert passes() == {"notice.opened"}
    ruling = Ruling(Outcome.REMOVED, "facts", "rules", "3")
    notices.close(notice, ruling, seen=notice.version, comment_seen=comment.version, by=alice)
    assert passes() == {"notice.closed", "comment.rejected"}
    rejection = the_decision(db_session, "Say it")
    appeals.appeal(rejection, f"Please, {CANARY}")
    assert passes() == {"comment.appealed", "comment.held", "notice.opened"}
    decided(Status.SPAM)
    assert passes() == {"comment.spam"}
    articles.set_state(comment.thread, State.CLOSED, by=alice, reason="Enough")
    assert passes() == {"thread.changed"}
    naming.name(comment.thread, {"title": "Another title"})
    assert passes() == {"thread.changed"}
    naming.name(comment.thread, {"title": "Another title"})
    assert passes() == set()
    moves.remap(paper, [(PAGE, f"{PAGE}-2")])
    assert passes() == {"thread.changed"}
    start_holding(paper)
    assert passes() == {"site.flood"}
    decided(Status.DELETED)
    assert passes() == {"comment.deleted"}
    webhooks.ping(db_session.get_one(Webhook, hook.id))
    assert passes() == {"ping"}
    covered = the_comment(db_session, "Say it")
    covered.status = Status.APPROVED
    covers.cover(covered, ["Say"], seen=covered.version, by=alice)
    assert passes() == {"comment.edited"}
    assert set(said) == {*WebhookEvent, "ping"} and CANARY not in str(said)
    documented = {each["type"]: each for each in map(json.loads, PAYLOAD.findall(DOCS.read_text("utf-8")))}
    assert {kind: shape_of(each) for kind, each in documented.items()} == {
        kind: shape_of(each) for kind, each in said.items()
    }


def shape_of(value: Any) -> Any:
    """Names and types. A value that may be null has the type of the example."""
    if isinstance(value, dict):
        return {name: shape_of(each) for name, each in value.items()}
    return type(value).__name__ if value is not None else "null"


def the_decision(db_session: Session, body: str) -> Decision:
    found = Decision.newest_of(the_comment(db_session, body))
    assert found
    return found


@SQLITE
def test_only_chosen_events_of_the_own_site_are_told(
    app: Flask, hanako: Reader, paper: Site, receiver: Receiver, db_session: Session
) -> None:
    a_webhook(paper, receiver.url, "comment.spam")
    other = a_site(db_session, "other")
    a_webhook(other, f"{receiver.url}/other")
    hanako.post("Not for them")
    send_all()
    assert receiver.taken == []


@SQLITE
def test_what_does_not_change_the_status_recalls_nothing_and_is_no_edit(
    hanako: Reader, hook: Webhook, receiver: Receiver, alice: Moderator, paper: Site, later: Callable[..., None],
    db_session: Session,
) -> None:  # fmt: skip
    def said() -> list[str]:
        later(minutes=5)
        send_all()
        found = sorted(receiver.types)
        receiver.taken.clear()
        return found

    paper.reports_needed = 1
    hanako.post("Hold me")
    amend.edit(the_comment(db_session, "Hold me"), "Hold me, please")
    assert said() == ["comment.edited", "comment.held", "comment.received"], "edited within the undo window"
    comment = the_comment(db_session, "Hold me, please")
    decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    report(comment, reader=Reporter("some hash"), reason=Reason.HATE)
    assert said() == ["comment.approved", "comment.reported"], "reported within the undo window"
    comment = the_comment(db_session, "Hold me, please")
    made = decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    undo(made, by=alice)
    assert said() == [], "a moderator kept it"
    comment = the_comment(db_session, "Hold me, please")
    rejection = decide(comment, Status.REJECTED, seen=comment.version, by=alice)
    assert said() == ["comment.rejected"]
    appeals.appeal(db_session.get_one(Decision, rejection.id), "Please")
    comment = the_comment(db_session, "Hold me, please")
    decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    assert said() == ["comment.appealed", "comment.approved"], "decided at once"


@SQLITE
def test_an_undo_is_told_where_another_event_has_told_what_it_takes_back(
    hanako: Reader, hook: Webhook, receiver: Receiver, alice: Moderator, later: Callable[..., None], db_session: Session
) -> None:
    def newest() -> dict[str, Any]:
        found: dict[str, Any] = receiver.taken[-1].json["data"]
        return found

    hanako.post("Hold me")
    later(minutes=5)
    send_all()
    comment = the_comment(db_session, "Hold me")
    made = decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    db_session.commit()
    later(seconds=1)
    webhooks.send_again(deliveries(hook)[0])
    send_all()
    assert (receiver.types[-1], newest()["comment"]["status"]) == ("comment.received", "approved")
    undo(db_session.get_one(Decision, made.id), by=alice)
    later(minutes=5)
    send_all()
    assert (receiver.types[-1], newest()["comment"]["status"]) == ("comment.held", "pending")

    thread = the_comment(db_session, "Hold me").thread
    closed = articles.set_state(thread, State.CLOSED, by=alice)
    later(seconds=1)
    naming.name(thread, {"title": "Another"})
    send_all()
    assert closed and newest()["thread"]["state"] == "closed"
    articles.undo(closed, by=alice)
    later(minutes=5)
    send_all()
    assert (newest()["thread"]["state"], newest()["change"]["to"]) == ("open", "open")


@SQLITE
def test_an_edit_and_a_covered_passage_are_told_with_the_text_of_now(
    hanako: Reader, hook: Webhook, receiver: Receiver, alice: Moderator, later: Callable[..., None], db_session: Session
) -> None:
    hanako.post("My number is 555-0199")
    comment = the_comment(db_session, "My number is 555-0199")
    covers.cover(comment, ["555-0199"], seen=comment.version, by=alice)
    later(minutes=5)
    send_all()
    assert {"comment.received", "comment.held", "comment.edited"} == set(receiver.types)
    assert not [each for each in receiver.taken if b"555-0199" in each.body]


def test_a_failed_request_is_repeated_with_the_same_id_and_a_growing_pause(
    hanako: Reader, paper: Site, receiver: Receiver, later: Callable[..., None], db_session: Session
) -> None:
    hook = a_webhook(paper, receiver.url, "comment.received")
    receiver.will({"status": 500, "body": b"not today"}, {"status": 302, "headers": {"Location": receiver.url}})
    hanako.post("Patience")
    send_all()
    row = deliveries(hook)[0]
    assert (row.status, row.answer, row.attempts, row.outcome) == (500, "not today", 1, "")
    assert len(receiver.taken) == 1
    send_all()
    assert len(receiver.taken) == 1, "it rests"
    later(minutes=1)
    send_all()
    # No redirect is followed.
    row = deliveries(hook)[0]
    assert row.attempts == 2 and row.status == 302
    later(minutes=5)
    send_all()
    assert [each.headers["webhook-id"] for each in receiver.taken] == [row.message_id] * 3
    stamps = [int(each.headers["webhook-timestamp"]) for each in receiver.taken]
    assert stamps == sorted(set(stamps)), "each try has its own time"
    assert db_session.get_one(Webhook, hook.id).failures == 0


def test_after_days_it_is_given_up_visibly_and_the_owners_are_told_once(
    app: Flask, hanako: Reader, hook: Webhook, paper: Site, receiver: Receiver, later: Callable[..., None],
    smtp: MailServer, db_session: Session,
) -> None:  # fmt: skip
    a_moderator(db_session, paper, "olga", Role.OWNER)
    receiver.always = {"status": 503}
    hanako.post("Into the void")
    for _step in range(10):
        later(hours=12)
        send_all()
    rows = deliveries(hook)
    assert {each.outcome for each in rows} == {"gave up"}
    assert all(each.status == 503 for each in rows if each.attempts)
    found = db_session.get_one(Webhook, hook.id)
    assert found.state == WebhookState.ACTIVE and found.failing_since and found.told_at
    db_session.commit()
    while outbox.run_once():
        pass
    told = [each for each in smtp.emails if "Webhook" in each.subject]
    assert len(told) == 1 and "/sites/paper/webhooks" in told[0].text and "CMS" in told[0].subject
    receiver.always = {}
    webhooks.send_again(rows[0])
    send_all()
    assert deliveries(hook)[0].outcome == "sent"
    assert db_session.get_one(Webhook, hook.id).failing_since is None


@SQLITE
def test_a_receiver_that_is_gone_is_switched_off(
    hanako: Reader, hook: Webhook, receiver: Receiver, db_session: Session, later: Callable[..., None]
) -> None:
    receiver.will({"status": 410})
    hanako.post("Anybody there?")
    send_all()
    later(minutes=5)
    hanako.post("And now?")
    send_all()
    assert len(receiver.taken) == 1
    assert db_session.get_one(Webhook, hook.id).state == WebhookState.GONE
    assert [each.outcome for each in deliveries(hook)] == ["gave up", "off"]


@SQLITE
def test_with_a_rotated_secret_both_sign_until_the_earlier_one_ends(
    hanako: Reader, hook: Webhook, receiver: Receiver, later: Callable[..., None], db_session: Session
) -> None:
    def signers(*secrets: str) -> list[bool]:
        receiver.taken.clear()
        webhooks.ping(hook)
        send_all()
        (taken,) = receiver.taken
        return [_is_signed(secret, taken) for secret in secrets]

    old = hook.secret
    new = webhooks.rotate(hook, by=Who.OPERATOR)
    assert new != old and signers(old, new) == [True, True]
    assert len(receiver.taken[0].headers["webhook-signature"].split()) == 2
    webhooks.end_old_secret(hook, by=Who.OPERATOR)
    assert signers(old, new) == [False, True]
    third = webhooks.rotate(hook, by=Who.OPERATOR)
    later(hours=25)
    db_session.commit()
    assert _signatures(hook, new, third) == [False, True]
    assert Webhook.forget_old_secrets() == 1


def _is_signed(secret: str, taken: Any) -> bool:
    try:
        Oracle(secret).verify(taken.body.decode(), taken.headers)
    except WebhookVerificationError:
        return False
    return True


def _signatures(hook: Webhook, *secrets: str) -> list[bool]:
    """Without the clock of the oracle, which cannot be moved."""
    headers = signed_request.headers("msg_1", b"{}", hook.secrets, datetime.now(UTC))
    found = []
    for secret in secrets:
        try:
            Oracle(secret).verify("{}", headers)
            found.append(True)
        except WebhookVerificationError:
            found.append(False)
    return found


@SQLITE
def test_no_email_and_no_network_is_in_a_payload_a_row_or_a_log(
    hanako: Reader, hook: Webhook, receiver: Receiver, alice: Moderator, caplog: pytest.LogCaptureFixture,
    later: Callable[..., None], db_session: Session,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    receiver.always = {"echo": True}
    receiver.will({"status": 500, "echo": True})
    hanako.post("A canary sings")
    for status in (Status.APPROVED, Status.REJECTED, Status.SPAM):
        later(minutes=20)
        send_all()
        move(db_session, the_comment(db_session, "A canary sings"), status, alice)
    later(minutes=20)
    send_all()
    rows = str(db_session.execute(text("SELECT * FROM webhook_delivery")).all())
    heard = [rows, caplog.text, str([vars(each) for each in caplog.records]), str(receiver.taken)]
    assert "A canary sings" in heard[0] and "A canary sings" in heard[3], "the receiver's answer repeats the request"
    for each in heard:
        assert CANARY not in each and NETWORK not in each
    assert [each.levelname for each in caplog.records if each.message.startswith("webhook")] == ["WARNING"]


def test_an_erased_person_is_erased_from_what_receivers_answered_and_is_sent_no_more(
    hanako: Reader, hook: Webhook, receiver: Receiver, alice: Moderator, later: Callable[..., None], db_session: Session
) -> None:
    receiver.always = {"echo": True}
    hanako.post("Forget Hanako")
    move(db_session, the_comment(db_session, "Forget Hanako"), Status.APPROVED, alice)
    notices.submit(
        the_comment(db_session, "Forget Hanako"), Draft(Claim.PRIVACY, "facts", "law", "Taro", "t@x.example")
    )
    later(minutes=5)
    send_all()
    told = {each.event: each.answer for each in deliveries(hook) if each.outcome == "sent"}
    assert "Hanako" in told["comment.received"] and told["notice.opened"]
    person = find(CANARY)
    for _step in person_erasure.erase(person, person_erasure.Receipt(), remove_text=True):
        db_session.commit()
    assert not any(each.answer for each in deliveries(hook)), "also about a notice, which has the comment"
    receiver.taken.clear()
    later(minutes=5)
    send_all()
    assert "comment.deleted" in receiver.types
    assert receiver.taken[0].json["data"]["comment"]["text"] == ""
    assert b"Hanako" not in receiver.taken[0].body and b"Forget" not in receiver.taken[0].body


@SQLITE
def test_the_text_of_old_spam_is_erased_from_what_receivers_answered(
    hanako: Reader, hook: Webhook, receiver: Receiver, alice: Moderator, later: Callable[..., None], db_session: Session
) -> None:
    receiver.always = {"echo": True}
    hanako.post("Buy watches")
    send_all()
    move(db_session, the_comment(db_session, "Buy watches"), Status.SPAM, alice)
    assert "Buy watches" in deliveries(hook)[0].answer
    later(days=99)
    for _counts in retention.forget_all():
        db_session.commit()
    assert not deliveries(hook)[0].answer and not the_comment(db_session, "").reasons


@SQLITE
def test_a_payload_is_bounded_in_every_script(
    hanako: Reader, hook: Webhook, receiver: Receiver, db_session: Session
) -> None:
    hanako.post("一" * 9_000, title="題" * 400)
    send_all()
    (taken,) = receiver.taken
    comment = taken.json["data"]["comment"]
    assert comment["text_is_cut"] and len(comment["text"]) == webhook_payload.LONGEST_TEXT
    assert len(taken.body) < webhook_payload.MOST_BYTES
    worst = '"\x01' * 10_000
    row = the_comment(db_session, "一" * 9_000)
    row.body, row.name, row.website = worst, worst, "https://x.example/" + "x" * 9_000
    db_session.commit()
    webhooks.send_again(deliveries(hook)[0])
    send_all()
    assert len(receiver.taken[1].body) < webhook_payload.MOST_BYTES
    assert receiver.taken[1].json["data"]["comment"]["website"] == ""


@SQLITE
def test_an_address_is_https_or_this_machine_and_never_private(paper: Site) -> None:
    for address in (
        "http://hooks.example/x", "ftp://hooks.example/x", "https://10.0.0.1/x", "https://[::1%25eth0]/", "https://",
        "https://user:pw@hooks.example/x", "javascript:alert(1)", "https://hooks.example:99999/x", "https://[fe80::1]/",
        "https://169.254.169.254/latest", "https://hooks .example/", "x" * 3_000, "https://hooks.example/\r\nX: y",
        "http://localhost.hooks.example/", "https://[::ffff:10.0.0.1]/", "https://0xa.1/", "//127.0.0.1/x", "",
    ):  # fmt: skip
        with pytest.raises(webhooks.Refused) as no:
            webhooks.checked_address(address, Who.OPERATOR)
        assert no.value.field == "url", address


@SQLITE
def test_only_owners_of_the_installation_reach_services_of_its_machine(
    app: Flask, paper: Site, alice: Moderator, receiver: Receiver
) -> None:
    def adds(by: Any) -> bool:
        try:
            webhooks.checked_address(receiver.url, by)
        except webhooks.Refused:
            return False
        return True

    assert adds(alice), "Kaiwa itself is reached by a local address"
    app.config["PUBLIC_URL"] = "https://comments.example"
    assert not adds(alice) and adds(Who.OPERATOR)
    for name in (
        "https://localhost/x",
        "http://127.0.0.1:1/x",
        "http://[::1]/x",
        "http://127.1/",
        "http://2130706433/",
    ):
        with pytest.raises(webhooks.Refused):
            webhooks.checked_address(name, alice)
    alice.is_operator = True
    assert adds(alice)


@SQLITE
def test_a_name_that_leads_into_a_private_network_later_is_not_connected_to(
    hanako: Reader, paper: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = a_webhook(paper, "https://rebound.example/x")
    found = [(2, 1, 6, "", ("10.0.0.7", 443))]
    monkeypatch.setattr(http_client.socket, "getaddrinfo", lambda *_a, **_k: found)
    hanako.post("Inside?")
    send_all()
    row = deliveries(hook)[0]
    assert row.status is None and "private network" in row.error


@SQLITE
def test_hostile_answers_are_bounded_and_the_status_counts(
    hanako: Reader, hook: Webhook, receiver: Receiver, later: Callable[..., None]
) -> None:
    receiver.will({"body": b"\x00\x1b[31m" + "あ".encode() * 50_000})
    hanako.post("Speak")
    send_all()
    row = deliveries(hook)[0]
    assert row.outcome == "sent" and 0 < len(row.answer) <= 500 and row.answer.isprintable()
    receiver.will({"status": 429, "headers": {"Retry-After": "1800"}}, {"status": 429, "headers": {"Retry-After": "²"}})
    webhooks.ping(hook)
    send_all()
    later(minutes=15)
    send_all()
    assert len(receiver.taken) == 2, "all that is due waits as long as the receiver asked for"
    later(minutes=16)
    send_all()
    assert len(receiver.taken) == 3


@SQLITE
def test_the_operator_adds_lists_and_sends_again(app: Flask, hanako: Reader, receiver: Receiver) -> None:
    def run(*words: str, code: int = 0) -> str:
        done = app.test_cli_runner().invoke(args=["webhook", *words])
        assert done.exit_code == code, done.output
        return done.output.strip()

    secret = run("add", "paper", "--name", "CMS", "--url", receiver.url, "--event", "comment.received")
    assert secret.startswith("whsec_")
    made = json.loads(run("add", "paper", "--name", "Slack", "--url", f"{receiver.url}?a=b", "--json"))
    assert made["secret"].startswith("whsec_") and made["events"] == [each.value for each in WebhookEvent]
    hanako.post("For the command")
    send_all()
    listed = json.loads(run("list", "paper", "--deliveries", "--json"))
    assert [each["name"] for each in listed] == ["CMS", "Slack"] and secret not in str(listed)
    (sent,) = listed[0]["deliveries"]
    assert (sent["event"], sent["status"], sent["outcome"]) == ("comment.received", 200, "sent")
    assert "comment.received" in run("list", "paper", "--deliveries") and secret not in run("list", "paper")
    assert "sent again" in run("send-again", "paper", str(sent["id"]))
    assert json.loads(run("send-again", "paper", str(sent["id"] + 1), "--json"))["outcome"] == ""
    taken = len(receiver.taken)
    send_all()
    assert len(receiver.taken) == taken + 2
    assert "No delivery" in run("send-again", "paper", "999", code=1)
    assert "No site" in run("list", "nosuch", code=1)
    assert "https" in run("add", "paper", "--name", "x", "--url", "http://hooks.example", code=1)
    run("add", "paper", "--name", "x", "--url", receiver.url, "--event", "all", code=2)


@SQLITE
def test_pruned_deliveries_and_the_emails_about_webhooks(
    app: Flask, hanako: Reader, hook: Webhook, later: Callable[..., None]
) -> None:
    hanako.post("Old news")
    send_all()
    later(days=31)
    done = app.test_cli_runner().invoke(args=["upkeep", "prune", "--json"])
    assert json.loads(done.output)["deliveries"] == 1
    assert [each.event for each in deliveries(hook)] == ["comment.held"], "unsent ones stay"
    assert Delivery.failing() == 0

"""The page of webhooks: a secret is shown once, deliveries with the receiver's answer, and nothing for others."""

import json
import re

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.models import AuditEvent, Role, Site, Webhook, WebhookDelivery
from app.models.webhook_delivery import DeliveryOutcome
from tests.cast import Reader, a_moderator, a_site
from tests.web.test_members import press
from tests.web.test_queue import ENGLISH, at_the_desk

PAGE = "/sites/paper/webhooks"
HELD = {"name": "CMS", "address": "https://hooks.example/x?token=t0p", "format": "standard", "comment_held": "y"}
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en", hold_all=True)


@pytest.fixture
def desk(app: Flask, db_session: Session, paper: Site) -> FlaskClient:
    a_moderator(db_session, paper, "alice", Role.ADMIN)
    return at_the_desk(app)


def shown(answer: str) -> str:
    found = BeautifulSoup(answer, "html5lib").find(id="secret")
    return found.text if found else ""


def row_of(answer: str) -> str:
    found = BeautifulSoup(answer, "html5lib").find(attrs={"data-webhook-id": True})
    assert found
    return str(found.text)


def test_a_webhook_from_its_first_test_to_its_end(
    app: Flask, desk: FlaskClient, paper: Site, db_session: Session
) -> None:
    assert "No webhooks yet." in desk.get(PAGE, headers=ENGLISH).text
    made = press(desk, PAGE, PAGE, **HELD)
    secret = shown(made.text)
    assert made.status_code == 201 and re.fullmatch(r"whsec_[\w+/=]{44}", secret)
    assert made.headers["Cache-Control"] == "no-store"
    listed, one = desk.get(PAGE, headers=ENGLISH).text, desk.get(f"{PAGE}/1", headers=ENGLISH).text
    for page in (listed, one):
        assert "CMS" in page and "https://hooks.example/x?…" in page and secret not in page and "t0p" not in page
    assert "comment.held" in row_of(listed) and "No deliveries yet." in one
    assert press(desk, f"{PAGE}/1/ping", PAGE).status_code == 303
    Reader(app.test_client()).post("Hold me")
    page = desk.get(f"{PAGE}/1", headers=ENGLISH).text
    assert "ping" in page and "Waiting" in page and "Send again" not in page
    db_session.commit()
    ping, held = db_session.query(WebhookDelivery).order_by(WebhookDelivery.id)
    ping.status, ping.answer, ping.attempts, ping.error = 500, "<b>broken</b>", 24, ""
    ping.finish(DeliveryOutcome.GAVE_UP)
    held.finish(DeliveryOutcome.SENT)
    db_session.commit()
    page = desk.get(f"{PAGE}/1", headers=ENGLISH).text
    assert "Given up" in page and "24 tries" in page and "Answer: 500" in page and "&lt;b&gt;broken" in page
    assert page.count("Send again</button>") == 2
    assert press(desk, f"{PAGE}/deliveries/{ping.id}/send-again", f"{PAGE}/1").status_code == 303
    assert press(desk, f"{PAGE}/deliveries/{ping.id}/send-again", f"{PAGE}/1").status_code == 409
    second = shown(press(desk, f"{PAGE}/1/secret", f"{PAGE}/1").text)
    assert second.startswith("whsec_") and second != secret
    assert "The earlier secret signs, too, until" in desk.get(f"{PAGE}/1", headers=ENGLISH).text
    press(desk, f"{PAGE}/1/secret/end", f"{PAGE}/1")
    assert "The earlier secret signs, too" not in desk.get(f"{PAGE}/1", headers=ENGLISH).text
    press(desk, f"{PAGE}/1/state", f"{PAGE}/1", state="off")
    page = desk.get(f"{PAGE}/1", headers=ENGLISH).text
    assert "Switched off" in page and "the webhook was switched off" in page and "Send again" not in page
    assert press(desk, f"{PAGE}/1/ping", PAGE).status_code == 409
    press(desk, f"{PAGE}/1/state", f"{PAGE}/1", state="active")
    other = {"name": "Chat", "format": "slack", "address": "", "comment_spam": "y"}
    assert press(desk, f"{PAGE}/1", f"{PAGE}/1", **other).status_code == 303
    row = row_of(desk.get(PAGE, headers=ENGLISH).text)
    assert "https://hooks.example/…" in row and "comment.spam" in row and "comment.held" not in row
    refused = press(desk, f"{PAGE}/1", f"{PAGE}/1", **other | {"format": "standard"})
    assert refused.status_code == 422 and "that of a chat is secret" in refused.text
    assert "https://hooks.example/…" in row_of(desk.get(PAGE, headers=ENGLISH).text)
    assert press(desk, f"{PAGE}/1/remove", f"{PAGE}/1").status_code == 303
    assert "No webhooks yet." in desk.get(PAGE, headers=ENGLISH).text
    db_session.commit()
    assert not db_session.query(WebhookDelivery).count() and desk.get(f"{PAGE}/1").status_code == 404
    log = [each for each in db_session.query(AuditEvent).order_by(AuditEvent.id) if "webhook" in each.event]
    events = ["added", "secret_changed", "secret_changed", "changed", "changed", "changed", "removed"]
    assert [each.event for each in log] == [f"webhook_{event}" for event in events]
    assert {each.said["host"] for each in log} == {"hooks.example"}
    told = json.dumps([each.details for each in log])
    assert "t0p" not in told and "whsec" not in told


def test_wrong_entries_are_marked_and_add_nothing(desk: FlaskClient, db_session: Session) -> None:
    for given, field in (
        ({"name": ""}, "webhook-name"), ({"name": "\u200b"}, "webhook-name"), ({"address": ""}, "webhook-address"),
        ({"address": "http://hooks.example/"}, "webhook-address"),
        ({"address": "https://10.0.0.1/"}, "webhook-address"),
        ({"address": "https://" + "x" * 2_000}, "webhook-address"), ({"format": "pigeon"}, "webhook-format"),
    ):  # fmt: skip
        answer = press(desk, PAGE, PAGE, **HELD | given)
        control = BeautifulSoup(answer.text, "html5lib").find(id=field)
        assert (answer.status_code, control["aria-invalid"]) == (422, "true"), given
    answer = press(desk, PAGE, PAGE, **HELD | {"comment_held": ""})
    assert answer.status_code == 422 and "Choose at least one event." in answer.text
    assert not db_session.query(Webhook).count()


def test_moderators_add_none_and_administrators_are_asked_for_their_password(
    app: Flask, desk: FlaskClient, paper: Site, db_session: Session
) -> None:
    app.config["CONFIRM_MINUTES"] = 0
    press(desk, PAGE, PAGE, **HELD)
    db_session.commit()
    a_moderator(db_session, paper, "bob")
    bobs = at_the_desk(app, "bob")
    assert bobs.get(PAGE).status_code == 403
    assert press(bobs, PAGE, "/moderate/log", **HELD).status_code == 403
    assert not db_session.query(Webhook).count()

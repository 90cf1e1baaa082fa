"""A program manages webhooks with the scope `manage`, of its site only."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.models import Role, Scope, Site, Webhook, WebhookDelivery, WebhookEvent
from app.models.webhook_delivery import DeliveryOutcome
from tests.cast import Program, Reader, a_site, a_token

NEW = {"name": "CMS", "url": "https://hooks.example/x?key=s3cret", "events": ["comment.received", "comment.held"]}
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_from_the_first_webhook_to_the_last(
    app: Flask, program: Program, helper: Program, paper: Site, db_session: Session
) -> None:
    assert program.get("/webhooks").json == {"webhooks": []}
    made = program.post("/webhooks", NEW)
    assert made.status_code == 201 and made.json["secret"].startswith("whsec_")
    hook = made.json["webhook"]
    assert (hook["state"], hook["format"], hook["made_by"]) == ("active", "standard", "CMS")
    assert hook["url"] == "https://hooks.example/x?…" and "s3cret" not in made.text
    path = f"/webhooks/{hook['id']}"
    assert program.get("/webhooks").json == {"webhooks": [hook]} and program.get(path).json == hook
    assert program.post(f"{path}/ping").status_code == 200
    Reader(app.test_client()).post("For programs")
    page = program.get(f"{path}/deliveries", limit=2)
    assert [each["event"] for each in page.json["deliveries"]] == ["comment.received", "ping"]
    assert page.json["next"] is None and page.json["deliveries"][0]["outcome"] == ""
    first = program.get(f"{path}/deliveries", limit=1).json
    assert program.get(f"{path}/deliveries", limit=1, after=first["next"]).json["deliveries"][0]["event"] == "ping"
    ping = db_session.query(WebhookDelivery).filter_by(event="ping").one()
    db_session.commit()
    again = f"/webhooks/deliveries/{ping.id}/send-again"
    assert program.post(again).json["code"] == "waiting"
    ping.finish(DeliveryOutcome.GAVE_UP)
    db_session.commit()
    assert program.post(again).json["outcome"] == ""
    rotated = program.post(f"{path}/secret").json
    assert rotated["secret"] != made.json["secret"] and rotated["webhook"]["old_secret_until"]
    assert program.post(f"{path}/secret/end").json["old_secret_until"] is None
    assert program.post(path, {"url": hook["url"], "name": "CMS"}).json == hook
    assert db_session.query(Webhook).one().address == NEW["url"], "what was read may be sent back"
    db_session.commit()
    changed = program.post(path, {"active": False, "format": "slack", "events": [WebhookEvent.SPAM]}).json
    assert (changed["state"], changed["format"], changed["events"]) == ("off", "slack", ["comment.spam"])
    assert program.post(f"{path}/ping").json["code"] == "switched_off"
    assert list(program.post(path, {"format": "standard", "url": changed["url"]}).json["errors"]) == ["url"]
    assert program.post(path, {"active": True, "name": "Chat"}).json["name"] == "Chat"
    assert helper.get("/webhooks").status_code == helper.post(f"{path}/ping").status_code == 403
    other = Program(app.test_client(), a_token(db_session, a_site(db_session, "other"), Role.ADMIN, Scope.MANAGE))
    for method, place in (
        ("get", path), ("post", f"{path}/ping"), ("post", f"{path}/secret"), ("post", f"{path}/secret/end"),
        ("post", f"{path}/remove"), ("get", f"{path}/deliveries"), ("post", again),
    ):  # fmt: skip
        assert getattr(other, method)(place).status_code == 404, place
    assert other.post(path, {"name": "Mine"}).status_code == 404 and other.get("/webhooks").json == {"webhooks": []}
    assert program.post(f"{path}/remove").json["name"] == "Chat"
    assert program.get(path).status_code == 404 and program.get("/webhooks").json == {"webhooks": []}


def test_wrong_values_are_told_by_field(program: Program) -> None:
    for given, field in (
        ({"url": "http://hooks.example"}, "url"), ({"url": "https://192.168.0.1/"}, "url"), ({"events": []}, "events"),
        ({"events": ["ping"]}, "events"), ({"name": "\u200b"}, "name"), ({"name": "x" * 81}, "name"),
        ({"format": "pigeon"}, "format"), ({"url": "https://" + "x" * 2_000}, "url"),
    ):  # fmt: skip
        answer = program.post("/webhooks", NEW | given)
        assert (answer.status_code, list(answer.json["errors"])) == (422, [field]), given
    for _number in range(20):
        assert program.post("/webhooks", NEW).status_code == 201
    assert program.post("/webhooks", NEW).json["code"] == "too_many_webhooks"

"""A site's own reasons and saved replies: made by administrators, used at the desk, known by the log."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.models import Decision, Moderator, Role, Site, Status
from app.models.own_reason import MOST_REASONS, OwnReason
from app.models.saved_reply import MOST_REPLIES
from app.notify import outbox
from app.transfer.validate import InvalidValue, validated
from tests.cast import Reader, a_moderator, a_site, the_comment
from tests.services import MailServer
from tests.web.test_queue import ENGLISH, at_the_desk, hidden

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ADS = {"code": "no_ads", "name": "Werbung", "enabled": "y", "text.en": "No adverts, please.", "text.ja": ""}
DESK_NAME = "Werbung"


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return settings | {"UNDO_WINDOW": "0"}


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en", hold_all=True, public_summary=True)


@pytest.fixture
def olga(db_session: Session, paper: Site) -> Moderator:
    return a_moderator(db_session, paper, "olga", Role.ADMIN)


@pytest.fixture
def desk(app: Flask, olga: Moderator) -> FlaskClient:
    return at_the_desk(app, "olga")


@pytest.fixture
def hanako(client: FlaskClient, olga: Moderator) -> Reader:
    return Reader(client)


def send(desk: FlaskClient, path: str, *, script: bool = False, **fields: str) -> TestResponse:
    token = hidden(desk.get("/moderate/log/picks"), "csrf_token")
    fetch = {"X-Requested-With": "fetch"} if script else {}
    return desk.post(path, data=fields | {"csrf_token": token}, headers=ENGLISH | fetch)


def stored(db_session: Session, name: str) -> Any:
    db_session.expire_all()
    found = getattr(db_session.query(Site).one(), name)
    db_session.commit()
    return found


def rejected(desk: FlaskClient, hanako: Reader, db_session: Session, body: str, **fields: str) -> Decision:
    hanako.post(body, lang="en", notify="decision")
    comment = the_comment(db_session, body)
    given = {"seen": str(comment.version), "reason": "no_ads"} | fields
    assert send(desk, f"/moderate/comments/{comment.id}/decisions", script=True, **given).status_code == 200
    db_session.expire_all()
    decision = Decision.newest_of(comment)
    db_session.commit()
    assert decision
    return decision


def test_an_own_reason_is_offered_logged_counted_and_read_by_the_author(
    app: Flask, desk: FlaskClient, hanako: Reader, db_session: Session, smtp: MailServer
) -> None:
    assert send(desk, "/sites/paper/own-reasons", **ADS).status_code == 303
    decision = rejected(desk, hanako, db_session, "Buy my ferry")
    assert (decision.reason, decision.to_status, decision.note) == ("no_ads", Status.REJECTED, "")
    hanako.post("Another one", lang="en")
    card = desk.get("/moderate/", headers=ENGLISH).text
    assert f'value="no_ads" data-digit="0">{DESK_NAME}' in card and "No adverts, please." in card
    for path in ("/moderate/log", "/moderate/log?reason=no_ads", "/sites/paper/figures"):
        assert DESK_NAME in desk.get(path, headers=ENGLISH).text, path
    assert f'value="no_ads">{DESK_NAME}' in desk.get("/moderate/search", headers=ENGLISH).text
    assert f'id="card-{decision.comment_id}"' in desk.get("/moderate/search?reason=no_ads", headers=ENGLISH).text
    assert "no_ads" in desk.get("/moderate/log.csv", buffered=True).text
    # Readers: the text, never the desk's name.
    author = db_session.get_one(Decision, decision.id).comment.author
    author.confirmed_index = author.email_index
    db_session.commit()
    while outbox.run_once():
        pass
    mail = next((each for each in smtp.to("hanako@readers.example") if "published" in each.subject), None)
    public = hanako.client.get("/summary/paper", headers=ENGLISH).text + (mail.text if mail else "")
    assert DESK_NAME not in public and "no_ads" not in public and "Other" in public


@ONE_DATABASE
def test_the_author_reads_the_own_reason_or_the_text_of_the_one_decision(
    desk: FlaskClient, hanako: Reader, db_session: Session, smtp: MailServer
) -> None:
    send(desk, "/sites/paper/own-reasons", **ADS)
    hanako.post("First", lang="en", notify="decision")
    author = the_comment(db_session, "First").author
    author.confirmed_index = author.email_index
    db_session.commit()
    told = []
    for body, fields in (
        ("Buy it", {}), ("Buy it now", {"text": "This is\nthe third  advert."}),
        ("Spam it", {"reason": "spam", "text": "Only one link."}),
    ):  # fmt: skip
        rejected(desk, hanako, db_session, body, **fields)
        db_session.expire_all()
        while outbox.run_once():
            pass
        told.append(smtp.to("hanako@readers.example")[-1].text)
    assert "Reason: No adverts, please." in told[0] and DESK_NAME not in told[0]
    assert "Reason: This is the third advert." in told[1]
    assert "Reason: Spam. Only one link." in told[2]
    assert "This is the third advert." in desk.get("/moderate/log", headers=ENGLISH).text


@ONE_DATABASE
def test_a_reason_that_is_not_offered_decides_nothing_but_keeps_its_name(
    app: Flask, desk: FlaskClient, hanako: Reader, db_session: Session
) -> None:
    other = a_site(db_session, "other", lang="en", hold_all=True)
    db_session.get_one(Site, other.id).own_reasons = [OwnReason("theirs", "Their own", {"en": "x"}).as_json()]
    db_session.commit()
    send(desk, "/sites/paper/own-reasons", **ADS)
    rejected(desk, hanako, db_session, "Buy my ferry")
    send(desk, "/sites/paper/own-reasons", **{k: v for k, v in ADS.items() if k != "enabled"})
    hanako.post("Another one", lang="en")
    comment = the_comment(db_session, "Another one")
    card = desk.get("/moderate/", headers=ENGLISH).text
    assert "no_ads" not in card and "Their own" not in card
    for reason, status in (("no_ads", 422), ("theirs", 422), ("unknown", 422), ("../x", 400), ("x" * 60, 400)):
        answer = send(desk, f"/moderate/comments/{comment.id}/decisions", seen=str(comment.version), reason=reason)
        assert answer.status_code == status, reason
    assert the_comment(db_session, "Another one").status == Status.PENDING
    assert DESK_NAME in desk.get("/moderate/log", headers=ENGLISH).text
    many = send(desk, "/moderate/decisions", comment=f"{comment.id}.{comment.version}", reason="no_ads")
    assert many.status_code == 400, "reasons of one site are not for batches"


@ONE_DATABASE
def test_reasons_are_checked_and_moved(desk: FlaskClient, db_session: Session) -> None:
    for wrong in (
        {"code": "spam"}, {"code": "undo"}, {"code": "No ads"}, {"code": ""}, {"code": "x" * 33}, {"name": " "},
        {"name": "x" * 61}, {"text.en": ""}, {"text.ja": "x" * 501},
    ):  # fmt: skip
        refused = send(desk, "/sites/paper/own-reasons", **(ADS | wrong))
        assert refused.status_code == 422 and 'role="alert"' in refused.text, wrong
    assert stored(db_session, "own_reasons") == []
    for code in ("no_ads", "second", "third"):
        send(desk, "/sites/paper/own-reasons", **(ADS | {"code": code, "name": code}))
    send(desk, "/sites/paper/own-reasons", **(ADS | {"name": "Renamed"}))
    send(desk, "/sites/paper/own-reasons/third", act="up")
    send(desk, "/sites/paper/own-reasons/no_ads", act="up")
    assert [each["name"] for each in stored(db_session, "own_reasons")] == ["Renamed", "third", "second"]
    for path, act, status in (("no_ads", "delete", 404), ("nowhere", "up", 404), ("no_ads", "x", 400)):
        assert send(desk, f"/sites/paper/own-reasons/{path}", act=act).status_code == status
    for number in range(MOST_REASONS):
        last = send(desk, "/sites/paper/own-reasons", **(ADS | {"code": f"more_{number}"}))
    assert last.status_code == 422 and len(stored(db_session, "own_reasons")) == MOST_REASONS


@ONE_DATABASE
def test_saved_replies_are_kept_and_inserted(
    app: Flask, desk: FlaskClient, hanako: Reader, db_session: Session, alice: Moderator
) -> None:
    for name in ("Thanks", "Hours"):
        assert send(desk, "/sites/paper/replies", id="", name=name, text=f"{name}\n\n<b>&").status_code == 303
    first, second = stored(db_session, "saved_replies")
    assert first["text"] == "Thanks\n\n<b>&"
    send(desk, f"/sites/paper/replies/{second['id']}", act="up")
    send(desk, "/sites/paper/replies", id=first["id"], name="Thank you", text="Thank you.")
    assert [each["name"] for each in stored(db_session, "saved_replies")] == ["Hours", "Thank you"]
    for wrong in ({"name": ""}, {"text": ""}, {"text": "x" * 2001}, {"id": "../x"}):
        refused = send(desk, "/sites/paper/replies", **({"id": "", "name": "n", "text": "t"} | wrong))
        assert refused.status_code == 422, wrong
    hanako.post("When is it open?")
    comment = the_comment(db_session, "When is it open?")
    moderator = at_the_desk(app)
    form = moderator.get(f"/moderate/comments/{comment.id}/reply", headers=ENGLISH).text
    assert "Saved replies" in form and f"saved={second['id']}" in form
    filled = moderator.get(f"/moderate/comments/{comment.id}/reply?saved={second['id']}", headers=ENGLISH).text
    assert ">\nHours\n\n&lt;b&gt;&amp;</textarea>" in filled
    script = moderator.get(
        f"/moderate/comments/{comment.id}/reply", headers=ENGLISH | {"X-Requested-With": "fetch"}
    ).text
    assert 'data-insert="Hours\n\n&lt;b&gt;&amp;"' in script
    assert moderator.get("/sites/paper/replies", headers=ENGLISH).status_code == 403
    assert send(moderator, "/sites/paper/replies", id="", name="n", text="t").status_code == 403
    assert send(moderator, "/sites/paper/own-reasons", **ADS).status_code == 403
    assert send(desk, f"/sites/paper/replies/{first['id']}", act="delete").status_code == 303
    assert len(stored(db_session, "saved_replies")) == 1
    for number in range(MOST_REPLIES):
        last = send(desk, "/sites/paper/replies", id="", name=str(number), text="t")
    assert last.status_code == 422


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("own_reasons", [{"code": "spam", "name": "x", "texts": {}, "enabled": True}]),
        ("own_reasons", [{"code": "x y", "name": "x", "texts": {}, "enabled": True}]),
        ("own_reasons", [{"code": "ok", "name": 5, "texts": {}, "enabled": True}]),
        ("own_reasons", [{"code": "ok", "name": "x", "texts": {"en": 5}, "enabled": True}]),
        ("own_reasons", [{"code": "ok", "name": "x", "texts": {}}]),
        ("own_reasons", [{"code": "ok", "name": "x", "texts": {}, "enabled": True}] * 2),
        ("own_reasons", {}),
        ("saved_replies", [{"id": "x", "name": "x", "text": "x"}]),
        ("saved_replies", [{"id": "0123456789ab", "name": "x"}]),
        ("saved_replies", [{"id": "0123456789ab", "name": "x", "text": "x" * 9_000}]),
    ],
)
def test_an_archive_with_wrong_lists_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidValue):
        validated(Site.__table__.c[name], value)

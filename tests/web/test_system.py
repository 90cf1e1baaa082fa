"""The system page tells owners of the installation how it is, and how to fix problems."""

import re
import smtplib
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.desk import checks, replica_state, setup_checks, system
from app.lib.certificate import Certificate, certificate_of
from app.lib.clock import now
from app.models import Heartbeat, Moderator, audit
from app.models.audit import Event, Who
from app.notify import smtp
from app.web import system_words
from tests.web.test_queue import ENGLISH, at_the_desk


@pytest.fixture
def desk(app: Flask, alice: Moderator, db_session: Session) -> FlaskClient:
    alice.is_operator = True
    db_session.commit()
    return at_the_desk(app)


def facts(desk: FlaskClient, **query: str) -> dict[str, dict]:
    told = desk.get("/system.json", query_string=query).json
    return {each["name"]: each | each["values"] for each in told["facts"]}


def codes(desk: FlaskClient, **query: str) -> set[str]:
    return {each["code"] for each in desk.get("/system.json", query_string=query).json["findings"]}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_owners_of_the_installation_see_it(app: Flask, db_session: Session, alice: Moderator) -> None:
    desk = at_the_desk(app)
    for path in ("/system", "/system.json"):
        assert desk.get(path).status_code == 403
        assert app.test_client().get(path).status_code == 303
    assert 'href="/system"' not in desk.get("/sites/").text
    alice.is_operator = True
    db_session.commit()
    assert desk.get("/system").status_code == desk.get("/system.json").status_code == 200
    assert 'href="/system"' in desk.get("/sites/").text


def test_it_tells_the_state_of_each_part(app: Flask, desk: FlaskClient, db_session: Session) -> None:
    found = facts(desk)
    assert found["version"]["migrations"] == "ok" and found["database"]["bytes"] > 0
    assert found["disk"]["free_bytes"] > 0 and found["outbox"]["waiting"] == 0
    assert (found["worker"]["state"], found["worker"]["worker"]) == ("wrong", "late")
    assert found["certificate"]["state"] == "ok", "PUBLIC_URL uses http here"
    assert found["audit_log"]["rows"] == 1
    Heartbeat.beat("worker")
    audit.record(Event.BACKUP_MADE, by=Who.OPERATOR)
    audit.record(Event.BACKUP_RESTORED, by=Who.OPERATOR)
    db_session.commit()
    found = facts(desk)
    assert found["worker"]["state"] == found["backup"]["state"] == "ok"
    assert found["backup"]["restored_at"]
    page = desk.get("/system", headers=ENGLISH).text
    assert "Running" in page and "MAIL_FROM is" in page, "findings have their fix"
    page = desk.get("/system", headers={"Accept-Language": "ja"}).text
    assert "ワーカー" in page and "MAIL_FROM が" in page and "MAIL_FROM is" not in page
    for_programs = desk.get("/system.json", headers={"Accept-Language": "ja"}).json["findings"]
    assert any(each["wrong"].startswith("MAIL_FROM is") for each in for_programs)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_page_needs_no_expensive_check_and_runs_them_when_asked(
    app: Flask, desk: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def refuse() -> None:
        ran.append("mail")
        raise smtplib.SMTPException("no")

    monkeypatch.setattr(smtp, "connect", refuse)
    assert "mail-server" not in codes(desk) and not ran
    assert "mail-server" in codes(desk, all="1") and ran == ["mail"]
    assert "Run all checks" not in desk.get("/system?all=1", headers=ENGLISH).text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_check_that_does_not_end_is_named(app: Flask, desk: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MOST_S", 0.0)
    assert "unfinished" in codes(desk, all="1")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_certificate_that_ends_soon_is_noticed(
    app: Flask, desk: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.config["PUBLIC_URL"] = "https://comments.paper.example"
    for days, state in ((60, "ok"), (7, "warning")):
        app.extensions.pop("certificate", None)
        until = now() + timedelta(days=days)
        monkeypatch.setattr(system, "certificate_of", lambda _host, _port, until=until: Certificate(until))
        with app.app_context():
            assert system._certificate().state == state
    app.extensions.pop("certificate", None)
    monkeypatch.setattr(system, "certificate_of", lambda _host, _port: Certificate(None, "refused"))
    with app.app_context():
        fact = system._certificate()
    assert (fact.state, fact.values["trouble"]) == ("warning", "refused")
    assert certificate_of("127.0.0.1", 1).until is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_finding_has_a_short_name(app: Flask) -> None:
    sources = "".join(Path(str(module.__file__)).read_text() for module in (checks, setup_checks, replica_state))
    codes = set(re.findall(r'(?:yield|return) \(?\s*"([a-z-]+)",', sources))
    assert codes == set(system_words.FINDINGS) and len(codes) > 20

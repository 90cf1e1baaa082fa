"""The first account in the browser: one link, once, while there is no account."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.desk import first_run
from app.extensions import db
from app.models import AuditEvent, Moderator, Role, SetupLink, Site
from app.notify import outbox
from tests.cast import a_moderator, a_site
from tests.services import MailServer
from tests.web.test_members import press
from tests.web.test_queue import ENGLISH, at_the_desk, hidden

OWNER = {"name": "Olga", "email": "olga@news.example", "password": "seven swans and a ferry"}
NEWS = {"site_name": "The News", "address": "www.news.example/2026/story", "lang": "en", "timezone": "Europe/London"}


@pytest.fixture
def app(app: Flask, tmp_path: Path) -> Flask:
    app.instance_path = str(tmp_path)
    return app


@pytest.fixture
def link(app: Flask, db_session: Session) -> str:
    """The path of the link that the service prints."""
    offered = first_run.offer()
    db_session.commit()
    return offered.removeprefix("http://localhost")


def set_up(client: FlaskClient, link: str, **changed: str) -> TestResponse:
    token = hidden(client.get(link), "csrf_token")
    return client.post(link, data=OWNER | NEWS | {"csrf_token": token} | changed, headers=ENGLISH)


def test_the_owner_makes_account_and_site_and_is_logged_in(
    app: Flask, client: FlaskClient, db_session: Session, link: str, tmp_path: Path
) -> None:
    assert "setup_link" in client.get("/", headers=ENGLISH).text
    page = client.get(link, headers=ENGLISH)
    assert page.headers["Referrer-Policy"] == "no-referrer" and 'type="password"' in page.text
    answer = set_up(client, link)
    assert (answer.status_code, answer.location) == (303, "/sites/news-example/start")
    owner, site = db_session.query(Moderator).one(), db_session.query(Site).one()
    assert owner.is_operator and owner.role_on(site.id) == Role.OWNER
    assert (site.origins, site.timezone, site.timezone_chosen) == (["https://www.news.example"], "Europe/London", True)
    assert [row.event for row in db_session.query(AuditEvent).order_by(AuditEvent.id)] == [
        "account_made", "site_added", "login",
    ]  # fmt: skip
    db_session.commit()
    assert "data-site=&#34;news-example&#34;" in client.get(answer.location).text
    assert client.get("/").location == "/moderate/"
    stranger = app.test_client()
    assert stranger.get("/").location == "/login"
    assert stranger.get(link).status_code == 410 and set_up_blindly(stranger, link).status_code == 410
    assert not (tmp_path / "setup_link").exists()
    assert first_run.offer() == "" and app.test_cli_runner().invoke(args=["setup-link"]).exit_code == 1


def set_up_blindly(client: FlaskClient, link: str) -> TestResponse:
    token = hidden(client.get("/login"), "csrf_token")
    return client.post(link, data=OWNER | NEWS | {"csrf_token": token})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_errors_are_beside_their_fields_and_make_nothing(client: FlaskClient, db_session: Session, link: str) -> None:
    wrong = {
        "email": "x",
        "password": "short",
        "site_name": "\u200b",
        "address": "javascript:alert(1)",
        "name": "\u200b",
    }
    answer = set_up(client, link, **wrong)
    assert answer.status_code == 422
    for name in wrong:
        assert f'id="kaiwa-{name}-error"' in answer.text, name
    assert db_session.query(Moderator).count() == db_session.query(Site).count() == 0
    db_session.commit()
    assert client.post(link, data=OWNER | NEWS).status_code == 400, "without its token"


@pytest.mark.parametrize("typed", ["ftp://news.example", "https://", "http://[::1", "https://a b.example", "/story"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_address_of_no_page_is_refused(client: FlaskClient, link: str, typed: str) -> None:
    assert set_up(client, link, address=typed).status_code == 422


def test_of_two_submits_at_once_one_wins(app: Flask, db_session: Session, link: str) -> None:
    clients = [app.test_client() for _each in range(4)]
    tokens = [hidden(each.get(link), "csrf_token") for each in clients]

    def send(number: int) -> int:
        fields = OWNER | NEWS | {"csrf_token": tokens[number], "email": f"olga{number}@news.example"}
        return clients[number].post(link, data=fields).status_code

    with ThreadPoolExecutor(4) as crowd:
        answers = sorted(crowd.map(send, range(4)))
    assert answers == [303, 410, 410, 410]
    assert db_session.query(Moderator).count() == db_session.query(Site).count() == 1


def test_processes_that_start_together_offer_one_link_in_a_private_file(
    app: Flask, db_session: Session, tmp_path: Path
) -> None:
    db_session.rollback()

    def offer(_number: int) -> str:
        with app.app_context():
            found = first_run.offer()
            db.session.commit()
            db.session.remove()
        return found

    with ThreadPoolExecutor(4) as crowd:
        (found,) = set(crowd.map(offer, range(4)))
    file = tmp_path / "setup_link"
    assert file.read_text() == f"{found}\n" and file.stat().st_mode & 0o777 == 0o600
    token = found.rpartition("/")[2]
    assert token not in str(db_session.query(SetupLink).one().token_hash) and len(token) > 40
    assert list(tmp_path.glob(".setup_link*")) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_lost_or_expired_or_replaced_link_is_refused(
    app: Flask, client: FlaskClient, db_session: Session, link: str, tmp_path: Path
) -> None:
    for wrong in ("/setup/x", f"{link}x", link[:-1], "/setup/" + "a" * 500, "/setup/%ff"):
        assert client.get(wrong, headers=ENGLISH).status_code == 410
    (tmp_path / "setup_link").unlink()
    run = app.test_cli_runner().invoke
    assert "not in this instance folder" in run(args=["setup-link"]).output
    renewed = run(args=["setup-link", "--new"]).output.strip().removeprefix("http://localhost")
    assert client.get(link).status_code == 410 and client.get(renewed).status_code == 200
    assert run(args=["setup-link"]).output.strip().endswith(renewed), "the same until it expires"
    db_session.expire_all()
    db_session.query(SetupLink).one().made_at -= timedelta(hours=24)
    db_session.commit()
    assert client.get(renewed).status_code == 410
    assert not run(args=["setup-link"]).output.strip().endswith(renewed)
    site = a_site(db_session)
    a_moderator(db_session, site)
    current = (tmp_path / "setup_link").read_text().strip().removeprefix("http://localhost")
    assert client.get(current).status_code == 410, "there is an account"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_owners_of_the_installation_add_sites(app: Flask, db_session: Session, alice: Moderator) -> None:
    desk = at_the_desk(app)
    assert desk.get("/sites/new").status_code == 403 and "/sites/new" not in desk.get("/sites/").text
    token = hidden(desk.get("/sites/"), "csrf_token")
    assert desk.post("/sites/", data=NEWS | {"csrf_token": token}).status_code == 403
    alice.is_operator = True
    db_session.commit()
    assert "/sites/new" in desk.get("/sites/").text
    for key in ("news-example", "news-example-2"):
        answer = press(desk, "/sites/", "/sites/new", **NEWS)
        assert answer.location == f"/sites/{key}/start"
    assert press(desk, "/sites/", "/sites/new", **NEWS | {"timezone": "Mars/Olympus"}).status_code == 422
    assert desk.get("/sites/news-example-2/settings").status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_first_steps_show_the_first_view_and_the_test_email(
    app: Flask, client: FlaskClient, db_session: Session, smtp: MailServer, link: str
) -> None:
    start = set_up(client, link).location
    assert state(client, start) == {"view": "waiting", "email": ""}
    elsewhere = {"site": "news-example", "url": "https://elsewhere.example/story"}
    assert app.test_client().get("/embed/thread", query_string=elsewhere).status_code != 200
    assert state(client, start)["view"] == "waiting"
    page = {"site": "news-example", "url": "https://www.news.example/story"}
    assert app.test_client().get("/embed/thread", query_string=page).status_code == 200
    assert state(client, start)["view"] == "done"
    press(client, f"{start}/email", start)
    press(client, f"{start}/email", start)
    assert state(client, start)["email"] == "waiting"
    while outbox.run_once():
        pass
    (email,) = smtp.emails
    assert email.to == [OWNER["email"]] and "The News" in email.text
    assert state(client, start)["email"] == "sent"
    for _turn in range(5):
        press(client, f"{start}/email", start)
        while outbox.run_once():
            pass
    assert len(smtp.emails) == 5, "five a day"
    app.config["MAIL_URL"] = ""
    assert "start/email" not in client.get(start).text


def state(client: FlaskClient, start: str) -> dict[str, str]:
    return dict(re.findall(r'data-step="(\w+)" data-state="(\w*)"', client.get(start, headers=ENGLISH).text))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_well_known_addresses(app: Flask, client: FlaskClient) -> None:
    assert client.get("/.well-known/security.txt").status_code == 404
    app.config["SECURITY_CONTACT"] = ["mailto:security@example.org", "https://example.org/security"]
    answer = client.get("/.well-known/security.txt")
    assert answer.content_type == "text/plain; charset=utf-8"
    lines = answer.text.splitlines()
    assert lines[:2] == ["Contact: mailto:security@example.org", "Contact: https://example.org/security"]
    assert re.fullmatch(r"Expires: \d{4}-\d\d-\d\dT00:00:00Z", lines[2])
    assert "Canonical: http://localhost/.well-known/security.txt" in lines
    assert client.get("/.well-known/change-password").status_code == 302

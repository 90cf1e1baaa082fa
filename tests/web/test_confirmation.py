"""Sensitive actions ask for the password again, unless it was entered a few minutes ago."""

from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.abuse import guessing
from app.lib import one_time_codes
from app.lib.clock import now
from app.models import AuditEvent, AuthenticatorApp, Invitation, Login, Moderator, Role, Site
from tests.cast import PASSWORD, a_moderator, a_site
from tests.web.test_account import csrf, log_in
from tests.web.test_second_step import current, with_passkey

INVITE = "/sites/paper/moderators"


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session)


@pytest.fixture
def desk(client: FlaskClient, db_session: Session, paper: Site) -> FlaskClient:
    """Alice's browser, hours after her log-in."""
    a_moderator(db_session, paper, role=Role.OWNER)
    assert log_in(client).status_code == 303
    grow_old(db_session)
    return client


def grow_old(db_session: Session) -> None:
    db_session.execute(update(Login).values(confirmed_at=now() - timedelta(minutes=16)))
    db_session.commit()


def invitation(client: FlaskClient, **more: str) -> dict[str, str]:
    return {"email": "bob@moderators.example", "role": "admin", "csrf_token": csrf(client, "/moderate/")} | more


def fields_of(page: str) -> dict[str, str]:
    form = BeautifulSoup(page, "html5lib").select_one("#confirm form")
    assert form
    return {each["name"]: each.get("value", "") for each in form.select("input[name]")}


def test_an_old_log_in_is_asked_and_the_form_goes_on_as_it_was_filled_in(
    desk: FlaskClient, db_session: Session
) -> None:
    asked = desk.post(INVITE, data=invitation(desk))
    assert asked.status_code == 403 and db_session.query(Invitation).count() == 0
    fields = fields_of(asked.text)
    assert fields["email"] == "bob@moderators.example" and fields["role"] == "admin"
    db_session.commit()
    wrong = desk.post(INVITE, data=fields | {"confirm_password": "wrong"})
    assert wrong.status_code == 422 and db_session.query(Invitation).count() == 0
    db_session.commit()
    assert desk.post(INVITE, data=fields_of(wrong.text) | {"confirm_password": PASSWORD}).status_code == 303
    assert db_session.query(Invitation).one().email == "bob@moderators.example"
    db_session.commit()
    again = invitation(desk, email="carol@moderators.example")
    assert desk.post(INVITE, data=again).status_code == 303, "it is asked once in a quarter of an hour"


SENSITIVE = [
    "/sites/paper/moderators", "/sites/paper/moderators/1/role", "/sites/paper/moderators/1/remove",
    "/sites/paper/people/export", "/sites/paper/people/erase", "/sites/paper/export",
    "/sites/paper/transfers/1/download", "/sites/paper/tokens",
    "/sites/paper/checkers", "/account/logins/1/end", "/account/logins/end",
    "/sites/paper/members", "/sites/paper/members/secret",
]  # fmt: skip


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_moderators_exports_and_erasure_ask(desk: FlaskClient) -> None:
    token = csrf(desk, "/moderate/")
    for path in SENSITIVE:
        asked = desk.post(path, data={"csrf_token": token, "format": "csv", "email": "a@b.example"})
        assert asked.status_code == 403, path
        assert "confirm_password" in fields_of(asked.text), path


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_another_site_cannot_fill_in_the_form_that_is_sent_on(desk: FlaskClient, db_session: Session) -> None:
    answer = desk.post(INVITE, data={"email": "mallory@evil.example", "role": "owner"})
    assert answer.status_code == 400 and "mallory" not in answer.text
    fields = {"email": "mallory@evil.example", "role": "owner", "confirm_password": PASSWORD}
    assert desk.post(INVITE, data=fields).status_code == 400
    assert db_session.query(Invitation).count() == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_guesses_in_a_stolen_session_are_limited_and_the_right_one_comes_too_late(
    desk: FlaskClient, db_session: Session
) -> None:
    desk.delete_cookie("kaiwa-device")
    fields = {"csrf_token": csrf(desk, "/moderate/"), "next": "/moderate/"}
    tried = [desk.post("/account/confirm", data=fields | {"confirm_password": f"guess {n}"}).status_code
             for n in range(guessing.PER_ACCOUNT_AND_NETWORK.burst + 1)]  # fmt: skip
    assert tried == [422] * guessing.PER_ACCOUNT_AND_NETWORK.burst + [429]
    late = desk.post("/account/confirm", data=fields | {"confirm_password": PASSWORD})
    assert late.status_code == 429 and int(late.headers["Retry-After"]) > 0
    assert not db_session.query(Login).one().is_confirmed(timedelta(minutes=15))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_stolen_copy_of_the_session_is_not_confirmed_with_it(app: Flask, desk: FlaskClient) -> None:
    cookie = desk.get_cookie("kaiwa")
    assert cookie
    thief = app.test_client()
    thief.set_cookie("kaiwa", cookie.value)
    assert thief.get("/moderate/").status_code == 200
    fields = {"csrf_token": csrf(desk, "/moderate/"), "next": "/sites/", "confirm_password": PASSWORD}
    assert desk.post("/account/confirm", data=fields).location == "/sites/"
    assert desk.get("/moderate/").status_code == 200
    assert thief.get("/moderate/").location.startswith("/login")
    assert thief.post(INVITE, data=invitation(desk)).location.startswith("/login")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_page_of_its_own_leads_back_to_our_pages_only(desk: FlaskClient, db_session: Session) -> None:
    assert desk.get("/account/confirm?next=/sites/").status_code == 200
    for path, led in {
        "/sites/": "/sites/",
        "//evil.example": "/moderate/",
        "https://evil.example": "/moderate/",
    }.items():
        fields = {"csrf_token": csrf(desk, "/moderate/"), "next": path, "confirm_password": PASSWORD}
        assert desk.post("/account/confirm", data=fields).location == led


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_script_is_told_instead(desk: FlaskClient) -> None:
    answer = desk.post(INVITE, data=invitation(desk), headers={"X-Requested-With": "fetch", "Accept-Language": "en"})
    assert answer.status_code == 403 and "confirm_password" not in answer.text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_log_in_that_ended_while_the_password_was_typed_confirms_nothing(
    desk: FlaskClient, db_session: Session
) -> None:
    fields = invitation(desk, confirm_password=PASSWORD)
    Login.end_all(db_session.query(Moderator).one())
    db_session.commit()
    assert desk.post(INVITE, data=fields).location.startswith("/login")
    assert db_session.query(Invitation).count() == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_code_of_the_app_or_a_passkey_confirms_too(app: Flask, desk: FlaskClient, db_session: Session) -> None:
    alice, secret = db_session.query(Moderator).one(), one_time_codes.new_secret()
    db_session.add(AuthenticatorApp(moderator_id=alice.id, secret=secret, confirmed_at=now()))
    phone = with_passkey(app, alice, db_session)
    asked = desk.post(INVITE, data=invitation(desk))
    token = csrf(desk, "/account/confirm")
    for field, spoilt in (("confirm_code", "000000"), ("confirm_passkey", ""), ("confirm_passkey", "{}")):
        wrong = desk.post(INVITE, data=fields_of(asked.text) | {field: spoilt})
        assert wrong.status_code == 422 and db_session.query(Invitation).count() == 0, (field, spoilt)
        db_session.commit()
    code = {"confirm_code": current(secret)}
    assert desk.post(INVITE, data=fields_of(asked.text) | code).status_code == 303
    grow_old(db_session)
    assert desk.post(INVITE, data=fields_of(asked.text) | code).status_code == 422, "used before"
    ask = {"csrf_token": token}
    options = desk.post("/account/confirm/options", data=ask, headers={"X-Requested-With": "fetch"}).json
    answer = {"confirm_passkey": phone.get(dict(options or {}))}
    assert desk.post(INVITE, data=fields_of(asked.text) | answer).status_code == 303
    assert db_session.query(Invitation).count() == 2
    grow_old(db_session)
    assert desk.post(INVITE, data=fields_of(asked.text) | answer).status_code == 422, "replayed"
    said = [each.said.get("via") for each in db_session.query(AuditEvent).filter_by(event="reauthenticated")]
    assert said == ["app", "passkey"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_anothers_passkey_confirms_nothing(app: Flask, desk: FlaskClient, db_session: Session) -> None:
    bob = a_moderator(db_session, db_session.query(Site).one(), "bob")
    phone = with_passkey(app, bob, db_session)
    ask = {"csrf_token": csrf(desk, "/account/confirm")}
    options = desk.post("/account/confirm/options", data=ask, headers={"X-Requested-With": "fetch"}).json
    answer = {"confirm_passkey": phone.get(dict(options or {}))}
    assert desk.post(INVITE, data=invitation(desk) | answer).status_code == 422
    assert db_session.query(Invitation).count() == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_guesses_of_codes_in_a_stolen_session_are_limited(app: Flask, desk: FlaskClient, db_session: Session) -> None:
    alice, secret = db_session.query(Moderator).one(), one_time_codes.new_secret()
    db_session.add(AuthenticatorApp(moderator_id=alice.id, secret=secret, confirmed_at=now()))
    db_session.commit()
    desk.delete_cookie("kaiwa-device")
    fields = {"csrf_token": csrf(desk, "/moderate/")}
    tried = [desk.post("/account/confirm", data=fields | {"confirm_code": f"{n:06}"}).status_code
             for n in range(guessing.PER_ACCOUNT_AND_NETWORK.burst + 1)]  # fmt: skip
    assert tried == [422] * guessing.PER_ACCOUNT_AND_NETWORK.burst + [429]
    assert desk.post("/account/confirm", data=fields | {"confirm_code": current(secret)}).status_code == 429

"""Who gets in, who does not, and what a log-in is worth afterwards."""

import re
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.abuse import guessing
from app.lib.clock import now
from app.models import Login, LoginAttempt, Moderator
from tests.cast import PASSWORD, a_moderator, a_site

ALICE = "alice@moderators.example"


@pytest.fixture
def alice(db_session: Session) -> Moderator:
    return a_moderator(db_session, a_site(db_session), "alice")


@pytest.fixture(autouse=True)
def a_light_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.lib.passwords._hasher", PasswordHasher(time_cost=1, memory_cost=32))


def csrf(client: FlaskClient, path: str = "/login") -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
    assert found
    return found[1]


def log_in(client: FlaskClient, email: str = ALICE, password: str = PASSWORD, **more: str) -> TestResponse:
    fields = {"email": email, "password": password, "csrf_token": csrf(client)} | more
    return client.post("/login", data=fields)


def test_alice_logs_in_with_her_password_and_is_led_to_the_queue(client: FlaskClient, alice: Moderator) -> None:
    answer = log_in(client)
    assert (answer.status_code, answer.location) == (303, "/moderate/")
    assert client.get("/moderate/").status_code == 200


def test_the_password_is_hidden_while_it_is_typed(client: FlaskClient) -> None:
    form = BeautifulSoup(client.get("/login").text, "html5lib").form
    assert form.find("input", {"name": "password"})["type"] == "password"
    assert form.find("input", {"name": "email"})["type"] == "email"


@pytest.mark.parametrize("path", ["/moderate/", "/moderate/log", "/moderate/?status=spam"])
def test_a_visitor_is_sent_to_log_in_and_led_back_afterwards(client: FlaskClient, alice: Moderator, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 303
    assert answer.location.startswith("/login?next=")
    assert log_in(client, next=path).location == path


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)", "evil",
     "/ /evil.example", "\\\\evil.example", "///evil.example", ""],
)  # fmt: skip
def test_log_in_leads_to_no_other_place(client: FlaskClient, alice: Moderator, elsewhere: str) -> None:
    assert log_in(client, next=elsewhere).location == "/moderate/"


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(client: FlaskClient, alice: Moderator) -> None:
    wrong, unknown = log_in(client, password="wrong"), log_in(client, email="nobody@moderators.example")
    assert wrong.status_code == unknown.status_code == 422

    def same(answer: TestResponse) -> str:
        return re.sub(r'value="[^"]*"', "", answer.text)

    assert same(wrong) == same(unknown)
    assert "wrong" not in wrong.text.split("<form")[1].replace('class="wrong', "").replace("field wrong", "")
    assert client.get("/moderate/").status_code == 303


def test_an_unknown_address_costs_the_same_work(
    client: FlaskClient, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []
    monkeypatch.setattr("app.web.account.verify", lambda hashed, text: compared.append(hashed) or False)
    log_in(client, password="wrong")
    log_in(client, email="nobody@moderators.example")
    assert len(compared) == 2
    assert all(hashed.startswith("$argon2id$") for hashed in compared)


def test_what_is_missing_is_said_beside_its_field(client: FlaskClient) -> None:
    answer = client.post("/login?x", data={"csrf_token": csrf(client)}, headers={"Accept-Language": "en"})
    assert answer.status_code == 422
    assert "Please enter your password." in answer.text


def test_the_sixth_wrong_guess_is_not_looked_at(client: FlaskClient, alice: Moderator) -> None:
    for _ in range(guessing.PER_ACCOUNT):
        assert log_in(client, password="wrong").status_code == 422
    answer = log_in(client)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) == guessing.WINDOW.total_seconds()
    assert client.get("/moderate/").status_code == 303


def test_a_browser_that_was_let_in_before_is_not_locked_out_by_strangers(
    app: Flask, client: FlaskClient, alice: Moderator
) -> None:
    log_in(client)
    client.post("/logout", data={"csrf_token": csrf(client, "/moderate/")})
    stranger = app.test_client()
    for _ in range(guessing.PER_ACCOUNT):
        log_in(stranger, password="wrong")
    assert log_in(stranger).status_code == 429
    assert log_in(client).status_code == 303


def test_one_network_cannot_try_many_accounts(
    client: FlaskClient, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guessing, "PER_NETWORK", 8)
    for number in range(8):
        assert log_in(client, email=f"{number}@moderators.example").status_code == 422
    assert log_in(client).status_code == 429


def test_after_a_quarter_of_an_hour_she_may_try_again(
    client: FlaskClient, alice: Moderator, db_session: Session
) -> None:
    for _ in range(guessing.PER_ACCOUNT):
        log_in(client, password="wrong")
    for attempt in db_session.scalars(select(LoginAttempt)):
        attempt.made_at = now() - guessing.WINDOW - timedelta(seconds=1)
    db_session.commit()
    assert log_in(client).status_code == 303


def test_the_session_before_log_in_and_the_one_after_log_out_are_worth_nothing(
    app: Flask, client: FlaskClient, alice: Moderator
) -> None:
    client.get("/login")
    before = client.get_cookie("kaiwa").value
    log_in(client)
    inside = client.get_cookie("kaiwa").value
    assert inside != before
    assert client.post("/logout", data={"csrf_token": csrf(client, "/moderate/")}).status_code == 303
    for cookie in (before, inside):
        thief = app.test_client()
        thief.set_cookie("kaiwa", cookie)
        assert thief.get("/moderate/").status_code == 303


def test_a_log_in_ends_when_it_is_taken_back(client: FlaskClient, alice: Moderator, db_session: Session) -> None:
    log_in(client)
    Login.end_all(alice)
    db_session.commit()
    assert client.get("/moderate/").status_code == 303


def test_a_log_in_ends_after_idle_hours_and_work_prolongs_it(
    client: FlaskClient, alice: Moderator, db_session: Session
) -> None:
    log_in(client)
    db_session.expire_all()
    login = db_session.scalars(select(Login)).one()
    login.expires_at = now() + timedelta(minutes=1)
    db_session.commit()
    client.post("/account/keys", data={"csrf_token": csrf(client, "/moderate/")})
    db_session.expire_all()
    assert login.expires_at > now() + timedelta(hours=11)
    login.expires_at = now()
    db_session.commit()
    assert client.get("/moderate/").status_code == 303


@pytest.mark.parametrize("path", ["/login", "/logout", "/account/language", "/account/keys"])
def test_no_form_is_taken_without_its_token(client: FlaskClient, alice: Moderator, path: str) -> None:
    log_in(client)
    assert client.post(path, data={"email": ALICE, "password": PASSWORD, "lang": "en"}).status_code == 400


def test_a_weaker_hash_is_renewed_at_log_in(
    client: FlaskClient, alice: Moderator, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.lib.passwords._hasher", PasswordHasher(time_cost=2, memory_cost=64))
    log_in(client)
    db_session.expire_all()
    assert "m=64,t=2" in alice.password_hash


def test_alice_chooses_her_language_and_it_stays(client: FlaskClient, alice: Moderator, db_session: Session) -> None:
    log_in(client)
    for lang in ("en", "ja"):
        token = csrf(client, "/moderate/")
        answer = client.post("/account/language", data={"lang": lang, "csrf_token": token, "next": "/moderate/log"})
        assert answer.location == "/moderate/log"
        assert f'<html lang="{lang}">' in client.get("/moderate/").text
    client.post("/account/language", data={"lang": "xx", "csrf_token": token})
    db_session.expire_all()
    assert alice.lang == "ja"


def test_alice_switches_the_keys_off_and_on(client: FlaskClient, alice: Moderator) -> None:
    log_in(client)
    for given, shown in (({}, "off"), ({"on": "1"}, "on")):
        client.post("/account/keys", data={"csrf_token": csrf(client, "/moderate/")} | given)
        assert f'data-keys="{shown}"' in client.get("/moderate/").text

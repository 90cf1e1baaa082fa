"""Log-in, log-out, rate limits and sessions."""

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import altcha
import pytest
from argon2 import PasswordHasher
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.exc import TimeoutError
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.abuse import guessing, proof_of_work
from app.extensions import db
from app.lib import clock
from app.lib.clock import now
from app.models import Login, Moderator, Rate, RateLimit, rate_limit
from tests.cast import PASSWORD, a_moderator, a_site

ALICE = "alice@moderators.example"


@pytest.fixture
def alice(db_session: Session) -> Moderator:
    return a_moderator(db_session, a_site(db_session), "alice")


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


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
@pytest.mark.parametrize("broken", ["with_email", "start"])
def test_an_attempt_that_an_outage_ends_is_not_counted(
    client: FlaskClient, alice: Moderator, db_session: Session, monkeypatch: pytest.MonkeyPatch,
    password: str, broken: str,
) -> None:  # fmt: skip
    def away(*_: object, **__: object) -> None:
        raise TimeoutError

    owner = {"with_email": Moderator, "start": Login}[broken]
    db_session.commit()
    with monkeypatch.context() as outage:
        outage.setattr(owner, broken, away)
        statuses = {log_in(client, password=password).status_code for _ in range(12)}
    fails = broken == "with_email" or password == PASSWORD
    assert statuses == ({503} if fails else {422, 429})
    assert log_in(client).status_code == (303 if fails else 429)


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


def test_missing_input_is_reported_beside_its_field(client: FlaskClient) -> None:
    answer = client.post("/login?x", data={"csrf_token": csrf(client)}, headers={"Accept-Language": "en"})
    assert answer.status_code == 422
    assert "Enter your password." in answer.text


def at(network: int) -> dict[str, str]:
    return {"REMOTE_ADDR": f"198.51.{network}.7"}


def from_network(client: FlaskClient, number: int, **more: str) -> TestResponse:
    fields = {"email": ALICE, "password": PASSWORD, "csrf_token": csrf(client)} | more
    return client.post("/login", data=fields, environ_base=at(number))


def challenge_in(answer: TestResponse) -> dict[str, Any]:
    found = re.search(r"data-challenge='([^']+)'", answer.text)
    assert found, "no challenge came"
    return dict(json.loads(unescape(found[1])))


def proof_in(answer: TestResponse) -> str:
    """The solution of the challenge that came with a refusal."""
    known = altcha.Challenge.from_dict(challenge_in(answer))
    solution = altcha.solve_challenge(known)
    assert solution
    return altcha.Payload(known, solution).to_base64()


@pytest.fixture(autouse=True)
def _cheap_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_of_work, "COST", 1)


def test_the_sixth_wrong_guess_is_not_looked_at(client: FlaskClient, alice: Moderator) -> None:
    for _ in range(guessing.PER_ACCOUNT_AND_NETWORK.burst):
        assert log_in(client, password="wrong").status_code == 422
    answer = log_in(client)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= guessing.PER_ACCOUNT_AND_NETWORK.seconds
    assert client.get("/moderate/").status_code == 303


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_other_spellings_of_an_address_are_no_further_guesses(client: FlaskClient, alice: Moderator) -> None:
    spellings = [f"{chr(ord(each) + 0xFEE0)}{ALICE[1:]}" for each in "aA"]
    spellings += [ALICE.replace("@", "＠"), ALICE.replace(".", "．"), f" {ALICE.upper()} "]
    assert log_in(client, email=spellings[0]).status_code == 303, "the account is found by it"
    client.post("/logout", data={"csrf_token": csrf(client, "/moderate/")})
    client.delete_cookie("kaiwa-device")
    tried = [log_in(client, email=each, password="wrong").status_code for each in [*spellings, ALICE]]
    assert tried == [422] * guessing.PER_ACCOUNT_AND_NETWORK.burst + [429]


def test_a_browser_that_was_let_in_before_is_not_locked_out_by_strangers(
    app: Flask, client: FlaskClient, alice: Moderator
) -> None:
    log_in(client)
    client.post("/logout", data={"csrf_token": csrf(client, "/moderate/")})
    stranger = app.test_client()
    for network in range(20):
        from_network(stranger, network, password="wrong")
    assert from_network(stranger, 99).status_code == 429
    assert log_in(client).status_code == 303


def test_a_neighbour_logs_in_after_fifty_wrong_tries_from_the_network(
    app: Flask, client: FlaskClient, alice: Moderator
) -> None:
    for number in range(50):
        log_in(client, email=f"{number}@moderators.example", password="wrong")
    neighbour = app.test_client()
    assert neighbour.post(
        "/login", data={"email": ALICE, "password": PASSWORD, "csrf_token": csrf(neighbour)},
        environ_base={"REMOTE_ADDR": "127.0.0.99"},
    ).status_code == 303  # fmt: skip


def test_a_proof_stands_in_for_a_refusal_once_and_for_its_network(
    app: Flask, client: FlaskClient, alice: Moderator
) -> None:
    for _ in range(guessing.PER_ACCOUNT_AND_NETWORK.burst):
        from_network(client, 1, password="wrong"), from_network(client, 2, password="wrong")
    RateLimit.restore(guessing._account(ALICE)), db.session.commit()
    proof = proof_in(from_network(client, 1, password="wrong"))
    for bad in ("", "nonsense", proof[:-8]):
        assert from_network(client, 1, altcha=bad).status_code == 429
    assert from_network(client, 2, altcha=proof).status_code == 429, "it is bound to its network"
    assert from_network(client, 1, altcha=proof, password="wrong").status_code == 422
    assert from_network(client, 1, altcha=proof).status_code == 429, "it works once"
    fresh = proof_in(from_network(client, 1, password="wrong"))
    assert from_network(client, 1, altcha=fresh).status_code == 303


def test_many_networks_that_compute_check_twenty_guesses_of_one_account_in_an_hour(
    client: FlaskClient, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock moves three minutes with each network: real time would take an hour."""
    checked, passed = 0, timedelta()
    monkeypatch.setattr(rate_limit, "now", lambda: clock.now() + passed)
    for network in range(19):
        for _ in range(4):
            checked += from_network(client, network, password="wrong").status_code == 422
        passed += timedelta(minutes=3)
    assert 10 < checked <= 20


def test_proofs_for_a_network_are_limited_and_get_harder(
    client: FlaskClient, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guessing, "PER_NETWORK", Rate(1, 3600))
    monkeypatch.setattr(guessing, "PROVEN", Rate(3, 3600))
    costs = []
    log_in(client, email="0@moderators.example", password="wrong")
    for number in range(1, 4):
        refused = log_in(client, email=f"{number}@moderators.example", password="wrong")
        costs.append(challenge_in(refused)["parameters"]["cost"])
        tried = log_in(client, email=f"{number}@moderators.example", password="wrong", altcha=proof_in(refused))
        assert tried.status_code == 422
    assert costs == sorted(set(costs)), costs
    over = log_in(client)
    assert over.status_code == 429 and "data-challenge" not in over.text
    assert "minute" in over.text or "分" in over.text


def test_the_networks_of_one_ipv6_customer_share_a_limit(
    client: FlaskClient, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guessing, "PER_WIDE_NETWORK", Rate(4, 3600))

    def tried(number: int, peer: str) -> int:
        fields = {"email": f"{number}@moderators.example", "password": "wrong", "csrf_token": csrf(client)}
        return client.post("/login", data=fields, environ_base={"REMOTE_ADDR": peer}).status_code

    assert [tried(number, f"2001:db8:7:{number:x}00::1") for number in range(6)] == [422] * 4 + [429] * 2
    assert tried(6, "2001:db8:8::1") == 422


def test_refusals_are_the_same_for_known_and_unknown_accounts(client: FlaskClient, alice: Moderator) -> None:
    def told(email: str) -> list[object]:
        answers = [log_in(client, email=email, password="wrong") for _ in range(7)]
        return [(answer.status_code, re.sub(r"(value|data-challenge)=(\"[^\"]*\"|'[^']*')", "", answer.text))
                for answer in answers]  # fmt: skip

    assert told(ALICE) == told("nobody@moderators.example")


def test_minutes_later_another_try_is_free_and_more_with_time(
    client: FlaskClient, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(guessing.PER_ACCOUNT_AND_NETWORK.burst):
        log_in(client, password="wrong")
    passed = timedelta(seconds=guessing.PER_ACCOUNT_AND_NETWORK.seconds - 5)
    monkeypatch.setattr(rate_limit, "now", lambda: clock.now() + passed)
    assert log_in(client).status_code == 429
    passed += timedelta(seconds=10)
    assert [log_in(client, password="wrong").status_code for _ in range(2)] == [422, 429]
    passed += timedelta(hours=1)
    assert log_in(client).status_code == 303


def test_the_right_password_resets_the_counter(client: FlaskClient, alice: Moderator) -> None:
    for _ in range(3):
        for _ in range(4):
            assert log_in(client, password="wrong").status_code == 422
        assert log_in(client).status_code == 303
        client.post("/logout", data={"csrf_token": csrf(client, "/moderate/")})
        client.delete_cookie("kaiwa-device")


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


def test_log_out_clears_the_browsers_cache(client: FlaskClient, alice: Moderator) -> None:
    log_in(client)
    answer = client.post("/logout", data={"csrf_token": csrf(client, "/moderate/")})
    assert answer.headers["Clear-Site-Data"] == '"cache"'


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


@pytest.mark.parametrize("end", ["expired", "logged out", "password changed"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_log_in_that_has_ended_is_told_before_its_token_is_refused(
    client: FlaskClient, alice: Moderator, db_session: Session, end: str
) -> None:
    log_in(client)
    token = csrf(client, "/moderate/")
    if end == "logged out":
        client.post("/logout", data={"csrf_token": token})
    elif end == "expired":
        db_session.execute(update(Login).values(expires_at=now() - timedelta(seconds=1)))
    else:
        Login.end_all(alice)
    db_session.commit()
    script = {"X-Requested-With": "fetch", "Accept-Language": "en"}
    many = {"comment": [f"{id}.1" for id in range(500)], "status": "spam"}
    for sent_token in (token, "wrong", ""):
        for path, fields in (("/moderate/comments/1/decisions", {}), ("/moderate/decisions", many)):
            answer = client.post(path, data={"csrf_token": sent_token, **fields}, headers=script)
            assert (answer.status_code, "You’ve been logged out." in answer.text) == (401, True)
    assert client.get("/account/session", headers=script).status_code == 401
    english = {"Accept-Language": "en"}
    answer = client.post("/moderate/comments/1/decisions", data={"csrf_token": token}, headers=english)
    assert (answer.status_code, answer.location) == (303, "/login?next=/moderate/")
    page = client.get(answer.location, headers=english).text
    assert "Your last action was not saved." in page
    log_in(client)
    assert client.post("/moderate/comments/1/decisions", data={"csrf_token": token}, headers=script).status_code == 400
    page = BeautifulSoup(client.get("/account/session", headers=script).text, "html.parser")
    assert page.main["data-moderator"] == str(alice.id)
    fresh = page.select_one("[name=csrf_token]")["value"]
    answer = client.post("/moderate/comments/1/decisions", data={"csrf_token": fresh}, headers=script)
    assert answer.status_code == 404

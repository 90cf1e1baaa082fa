"""Log in with a second factor: codes, recovery codes, passkeys; and attacks on each."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.abuse import guessing
from app.desk import factors
from app.lib import clock, one_time_codes, passkeys
from app.lib.clock import now
from app.models import AuditEvent, AuthenticatorApp, Delivery, Login, Moderator, Passkey, PendingLogin, RecoveryCode
from app.web import passkey_challenge
from tests.authenticator import PRESENT, Authenticator
from tests.cast import PASSWORD, a_moderator
from tests.sample_installation import make_unreadable
from tests.web.test_account import ALICE, at, csrf, log_in

ENGLISH = {"Accept-Language": "en"}
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def secret(alice: Moderator, db_session: Session) -> str:
    """Alice has an authenticator app."""
    secret = one_time_codes.new_secret()
    db_session.add(AuthenticatorApp(moderator_id=alice.id, secret=secret, confirmed_at=now()))
    db_session.commit()
    return secret


@pytest.fixture
def codes(alice: Moderator, secret: str, db_session: Session) -> list[str]:
    codes = RecoveryCode.renew(alice)
    db_session.commit()
    return codes


@pytest.fixture
def phone(app: Flask, alice: Moderator, db_session: Session) -> Authenticator:
    """Alice has a passkey on it."""
    return with_passkey(app, alice, db_session)


def with_passkey(app: Flask, moderator: Moderator, db_session: Session) -> Authenticator:
    phone, handle = Authenticator(), factors.handle_of(moderator)
    challenge = b"c" * 32
    options = passkeys.options_to_create(challenge, user_handle=handle, account="a", name="A", known=[])
    factors.add_passkey(moderator, phone.create(options), challenge, handle=handle, name="Phone")
    db_session.commit()
    return phone


def current(secret: str, steps: int = 0) -> str:
    return one_time_codes.code_of(secret, int(one_time_codes.now().timestamp()) // 30 + steps)


def second(client: FlaskClient, number: int = 0, **fields: str) -> TestResponse:
    """Send a code, from one of several networks."""
    token = csrf(client, "/login/factor") if "csrf_token" not in fields else ""
    given = {"csrf_token": token} | fields
    return client.post("/login/factor", data=given, headers=ENGLISH, environ_base=at(number))


def options(client: FlaskClient, step: str = "/login/passkey") -> dict[str, Any]:
    """The options of a log-in by passkey alone, or of the second step `/login/factor`."""
    token = csrf(client, "/login" if step == "/login/passkey" else step)
    answer = client.post(f"{step}/options", data={"csrf_token": token}, headers={"X-Requested-With": "fetch"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def alone(client: FlaskClient, credential: str, **more: str) -> TestResponse:
    fields = {"csrf_token": csrf(client), "credential": credential} | more
    return client.post("/login/passkey", data=fields, headers=ENGLISH)


def as_second(client: FlaskClient, credential: str) -> TestResponse:
    fields = {"csrf_token": csrf(client, "/login/factor"), "credential": credential}
    return client.post("/login/factor/passkey", data=fields, headers=ENGLISH)


def is_in(client: FlaskClient) -> bool:
    return client.get("/moderate/").status_code == 200


# The second step


@SQLITE
def test_a_code_completes_the_log_in_and_leads_on(client: FlaskClient, alice: Moderator, secret: str) -> None:
    answer = log_in(client, next="/moderate/log")
    assert answer.location == "/login/factor?next=/moderate/log"
    assert not is_in(client)
    assert 'value="/moderate/log"' in client.get(answer.location).text
    assert second(client, code=current(secret), next="/moderate/log").location == "/moderate/log"
    assert is_in(client)


@SQLITE
def test_half_a_log_in_reaches_nothing_but_the_second_step(
    app: Flask, client: FlaskClient, alice: Moderator, secret: str, db_session: Session
) -> None:
    log_in(client)
    page = client.get("/login/factor", headers=ENGLISH)
    token = csrf(client, "/login/factor")
    assert alice.email not in page.text and alice.name not in page.text
    for rule in app.url_map.iter_rules():
        if not getattr(app.view_functions[rule.endpoint], "needs_login", False):
            continue
        path = re.sub(r"<int:\w+>", "1", re.sub(r"<key>", "paper", rule.rule))
        for method in (rule.methods or set()) & {"GET", "POST"}:
            answer = client.open(path, method=method, data={"csrf_token": token} if method == "POST" else None)
            assert answer.status_code == 303 and answer.location.startswith("/login?"), (method, path)
    assert db_session.query(Login).count() == 0
    db_session.commit()
    assert client.post("/logout", data={"csrf_token": token}).status_code == 303
    assert client.get("/login/factor").location == "/login"
    assert db_session.query(PendingLogin).count() == 0


@SQLITE
def test_the_session_changes_with_each_step_and_earlier_ones_are_worth_nothing(
    app: Flask, client: FlaskClient, alice: Moderator, secret: str
) -> None:
    client.get("/login")
    cookies = [client.get_cookie("kaiwa").value]
    log_in(client)
    cookies.append(client.get_cookie("kaiwa").value)
    second(client, code=current(secret))
    inside = client.get_cookie("kaiwa").value
    assert len({*cookies, inside}) == 3 and is_in(client)
    for cookie in cookies:
        thief = app.test_client()
        thief.set_cookie("kaiwa", cookie)
        assert not is_in(thief)
        assert thief.get("/login/factor").status_code == 303, "a completed log-in's first step is used up"


def test_half_a_log_in_ends_with_time_a_new_password_and_a_new_log_in(
    app: Flask, client: FlaskClient, alice: Moderator, secret: str, db_session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    log_in(client)
    other = app.test_client()
    log_in(other)
    log_in(other)
    assert db_session.query(PendingLogin).count() == 2, "the earlier one of the same browser ended"
    db_session.commit()
    Login.end_all(alice)
    db_session.commit()
    assert client.get("/login/factor").status_code == other.get("/login/factor").status_code == 303
    log_in(client)
    monkeypatch.setattr(clock, "now", lambda: now() + timedelta(minutes=11))
    answer = client.post("/login/factor", data={"csrf_token": csrf(client), "code": current(secret)})
    assert answer.location == "/login" and not is_in(client)


@SQLITE
def test_no_form_of_the_second_step_is_taken_without_its_token(
    client: FlaskClient, alice: Moderator, secret: str
) -> None:
    log_in(client)
    for path in ("/login/factor", "/login/factor/passkey", "/login/factor/options", "/login/passkey",
                 "/login/passkey/options"):  # fmt: skip
        assert client.post(path, data={"code": current(secret)}).status_code == 400, path
    assert not is_in(client)


# Codes


def test_a_code_is_accepted_once(app: Flask, client: FlaskClient, alice: Moderator, secret: str) -> None:
    code, thief = current(secret), app.test_client()
    log_in(client), log_in(thief)
    assert second(client, code=code).status_code == 303
    replayed = second(thief, code=code)
    assert replayed.status_code == 422 and "was used before" in replayed.text
    assert second(thief, code=current(secret, -1)).status_code == 422, "nor is an earlier one"
    assert not is_in(thief)
    assert second(thief, code=current(secret, 1)).status_code == 303


def both_at_once(clients: list[FlaskClient], **fields: str) -> list[int]:
    tokens = [csrf(client, "/login/factor") for client in clients]
    with ThreadPoolExecutor(2) as pool:
        sent = [
            pool.submit(second, client, number, csrf_token=token, **fields)
            for number, (client, token) in enumerate(zip(clients, tokens, strict=True))
        ]
        return sorted(each.result().status_code for each in sent)


@pytest.mark.parametrize("kind", ["code", "recovery"])
def test_of_two_who_use_a_code_at_once_one_gets_in(
    app: Flask, alice: Moderator, secret: str, codes: list[str], kind: str
) -> None:
    clients = [app.test_client() for _ in range(2)]
    for client in clients:
        log_in(client)
    assert both_at_once(clients, **{kind: current(secret) if kind == "code" else codes[0]}) == [303, 422]
    assert sum(map(is_in, clients)) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_of_two_who_set_up_an_app_at_once_the_later_one_stays(
    app: Flask, alice: Moderator, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    browsers, gate, remove = [app.test_client() for _ in range(2)], Barrier(2), AuthenticatorApp.remove
    tokens = [csrf(each, "/account") for each in browsers if log_in(each)]

    def removes_and_waits(moderator: Moderator) -> None:
        remove(moderator)
        # For the other one, which must not come so far.
        with suppress(BrokenBarrierError):
            gate.wait(0.3)

    monkeypatch.setattr(AuthenticatorApp, "remove", removes_and_waits)
    with ThreadPoolExecutor(2) as pool:
        sent = [
            pool.submit(each.post, "/account/factors/app", data={"csrf_token": token})
            for each, token in zip(browsers, tokens, strict=True)
        ]
        assert [each.result().status_code for each in sent] == [303, 303]
    assert db_session.query(AuthenticatorApp).count() == 1


def test_a_recovery_code_works_once_however_it_is_typed_and_is_told(
    app: Flask, client: FlaskClient, alice: Moderator, codes: list[str], db_session: Session
) -> None:
    log_in(client)
    typed = codes[3].lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert second(client, recovery=typed).status_code == 303 and is_in(client)
    thief = app.test_client()
    log_in(thief)
    again = second(thief, recovery=codes[3])
    assert again.status_code == 422 and codes[3] not in again.text
    assert RecoveryCode.count_of(alice) == 9
    told = db_session.scalars(select(Delivery).where(Delivery.kind == "account")).one()
    assert json.loads(told.payload)["news"] == "code_used"


@SQLITE
def test_recovery_codes_are_stored_as_hashes_of_120_random_bits(
    alice: Moderator, codes: list[str], db_session: Session
) -> None:
    assert len(set(codes)) == 10 and all(
        re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{6}-){3}[0-9A-HJKMNP-TV-Z]{6}", each) for each in codes
    )
    stored = db_session.scalars(select(RecoveryCode.code_hash)).all()
    assert all(re.fullmatch("[0-9a-f]{64}", each) for each in stored)


@SQLITE
def test_the_sixth_wrong_code_is_not_looked_at_and_a_new_log_in_does_not_help(
    client: FlaskClient, alice: Moderator, secret: str
) -> None:
    log_in(client)
    for _ in range(guessing.PER_ACCOUNT_AND_NETWORK.burst):
        assert second(client, code="000000").status_code == 422
    refused = second(client, code=current(secret))
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) > 0
    assert log_in(client).status_code == 303
    assert second(client, code=current(secret)).status_code == 429
    assert not is_in(client)


@SQLITE
def test_many_networks_check_ten_codes_of_an_account(client: FlaskClient, alice: Moderator, secret: str) -> None:
    log_in(client)
    statuses = [second(client, number, recovery="wrong").status_code for number in range(10) for _ in range(2)]
    assert statuses.count(422) == guessing.PER_ACCOUNT.burst
    assert second(client, 11, code=current(secret)).status_code == 429


@SQLITE
def test_a_browser_that_was_let_in_before_is_not_locked_out_of_the_second_step(
    app: Flask, client: FlaskClient, alice: Moderator, secret: str
) -> None:
    log_in(client)
    assert second(client, code=current(secret)).status_code == 303
    client.post("/logout", data={"csrf_token": csrf(client, "/moderate/")})
    stranger = app.test_client()
    log_in(stranger)
    assert 429 in [second(stranger, number, code="000000").status_code for number in range(12)]
    log_in(client)
    assert second(client, code=current(secret, 1)).status_code == 303


@SQLITE
def test_an_app_whose_secret_no_key_decrypts_accepts_no_code(
    client: FlaskClient, alice: Moderator, secret: str, codes: list[str], db_session: Session
) -> None:
    make_unreadable(db_session)
    assert not factors.accept_code(alice, "000000") and factors.has_factor(alice)
    assert factors.accept_recovery_code(alice, codes[0])


# Passkeys


@SQLITE
def test_a_passkey_alone_logs_in(client: FlaskClient, phone: Authenticator, db_session: Session) -> None:
    given = options(client)
    assert given["rpId"] == "localhost" and given["userVerification"] == "required"
    answer = alone(client, phone.get(given), next="/moderate/log")
    assert answer.location == "/moderate/log" and is_in(client)
    assert db_session.query(Passkey).one().used_at


@SQLITE
def test_a_passkey_is_the_second_step_and_the_password_alone_is_no_log_in(
    client: FlaskClient, phone: Authenticator, db_session: Session
) -> None:
    assert log_in(client).location.startswith("/login/factor")
    assert not is_in(client) and db_session.query(Login).count() == 0
    db_session.commit()
    for fields in ({"code": "000000"}, {"code": ""}, {"recovery": ""}, {"recovery": "wrong"}):
        assert second(client, **fields).status_code == 422
    assert as_second(client, "").status_code == 422
    given = options(client, "/login/factor")
    assert len(given["allowCredentials"]) == 1
    assert as_second(client, phone.get(given)).status_code == 303 and is_in(client)


def flawed(phone: Authenticator) -> dict[str, Any]:
    other = Authenticator()
    other.create({"rp": {"id": "localhost"}, "user": {"id": "AAAA"}, "challenge": "AAAA"})
    return {
        "an origin like ours": {"origin": "http://localhost.evil.example"},
        "another port": {"origin": "http://localhost:8001"},
        "another host": {"host": "evil.example"},
        "another challenge": {"challenge": "AAAA"},
        "no challenge": {"challenge": ""},
        "a registration": {"type": "webauthn.create"},
        "without the user": {"flags": PRESENT},
        "an absent user": {"flags": 4},
        "another key": {"key": other.credentials[0].key},
        "an old counter": {"count": 0},
        "another account's handle": {"handle": b"x" * 32},
        "no handle": {"handle": b""},
        "an unknown passkey": {"id": b"y" * 16},
    }


@SQLITE
def test_a_spoilt_answer_is_no_log_in_and_all_refusals_are_the_same(
    client: FlaskClient, phone: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert alone(client, phone.get(options(client))).status_code == 303
    client.post("/logout", data={"csrf_token": csrf(client, "/moderate/")})
    checked: list[str] = []
    verify = passkeys.webauthn.verify_authentication_response
    monkeypatch.setattr(
        passkeys.webauthn, "verify_authentication_response", lambda **given: checked.append("") or verify(**given)
    )
    pages = set()
    for name, spoilt in flawed(phone).items():
        answer = alone(client, phone.get(options(client), **spoilt))
        assert answer.status_code == 422 and not is_in(client), name
        pages.add(re.sub(r'value="[^"]*"|<!--.*?-->', "", answer.text))
    assert len(pages) == 1 and len(checked) == len(flawed(phone))
    assert alone(client, phone.get(options(client))).status_code == 303


MALFORMED = [
    "", "null", "[]", "{}", "nonsense", "[" * 9000, '{"id": 1, "response": {}}', '{"id": "AA", "response": []}',
    '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {"clientDataJSON": "é", "authenticatorData": "",'
    ' "signature": ""}}',
    '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {"clientDataJSON": "W10", "authenticatorData":'
    ' "AAAA", "signature": "AA", "userHandle": 5}}',
    "x" * 20_000,
]  # fmt: skip


@SQLITE
def test_malformed_answers_are_refused(client: FlaskClient, phone: Authenticator) -> None:
    for text in MALFORMED:
        options(client)
        assert alone(client, text).status_code == 422, text[:80]


@SQLITE
def test_a_challenge_is_used_once_for_its_purpose_in_its_session_within_five_minutes(
    app: Flask, client: FlaskClient, phone: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone.counts = False
    given = options(client)
    cookie, credential = client.get_cookie("kaiwa").value, phone.get(given)
    elsewhere = app.test_client()
    assert alone(elsewhere, credential).status_code == 422, "another session"
    options(elsewhere)
    assert alone(elsewhere, credential).status_code == 422, "another session with another challenge"
    assert alone(client, credential).status_code == 303
    thief = app.test_client()
    thief.set_cookie("kaiwa", cookie)
    assert alone(thief, credential).status_code == 422, "a copy of the cookie from before"
    half = app.test_client()
    log_in(half)
    credential = phone.get(options(half, "/login/factor"))
    fields = {"csrf_token": csrf(half, "/login/factor"), "credential": credential}
    assert half.post("/login/passkey", data=fields).status_code == 422, "another purpose"
    late = app.test_client()
    given = options(late)
    monkeypatch.setattr(passkey_challenge, "now", lambda: now() + timedelta(seconds=301))
    assert alone(late, phone.get(given)).status_code == 422


@SQLITE
def test_a_failed_answer_uses_the_challenge_up(client: FlaskClient, phone: Authenticator) -> None:
    given = options(client)
    assert alone(client, phone.get(given, handle=b"x" * 32)).status_code == 422
    assert alone(client, phone.get(given)).status_code == 422


@SQLITE
def test_anothers_passkey_is_no_second_step(
    app: Flask, client: FlaskClient, secret: str, db_session: Session, paper: Any
) -> None:
    bobs = with_passkey(app, a_moderator(db_session, paper, "bob"), db_session)
    log_in(client)
    given = options(client, "/login/factor")
    for spoilt in ({}, {"handle": b""}):
        assert as_second(client, bobs.get(given | {"allowCredentials": []}, **spoilt)).status_code == 422
        given = options(client, "/login/factor")
    assert not is_in(client)


def test_a_counter_that_two_uses_share_is_accepted_once(
    app: Flask, client: FlaskClient, phone: Authenticator, db_session: Session
) -> None:
    passkey = db_session.query(Passkey).one()
    assert passkey.count_use(7) and not passkey.count_use(7) and not passkey.count_use(6) and not passkey.count_use(0)
    assert passkey.count_use(8)


@SQLITE
def test_the_host_of_a_request_changes_no_option(client: FlaskClient, phone: Authenticator) -> None:
    for headers in ({"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"Origin": "https://evil.example"}):
        token = csrf(client)
        answer = client.post("/login/passkey/options", data={"csrf_token": token}, headers=headers)
        assert answer.status_code in (200, 400) and "evil" not in answer.text
        if answer.status_code == 200:
            assert answer.json["rpId"] == "localhost"


@SQLITE
def test_options_for_everybody_name_no_passkey(
    app: Flask, client: FlaskClient, alice: Moderator, db_session: Session
) -> None:
    before = options(client)
    with_passkey(app, alice, db_session)
    after = options(client)
    assert before | {"challenge": ""} == after | {"challenge": ""}
    assert after["allowCredentials"] == [] and before["challenge"] != after["challenge"]


HOSTS = [
    ("https://comments.example.org", "comments.example.org", "https://comments.example.org"),
    ("https://example.org:8443/comments", "example.org", "https://example.org:8443"),
    ("http://localhost:8000", "localhost", "http://localhost:8000"),
    ("http://127.0.0.1:8000", "", "http://127.0.0.1:8000"),
    ("https://192.0.2.1", "", "https://192.0.2.1"),
    ("https://[2001:db8::1]", "", "https://[2001:db8::1]"),
    ("http://comments.example.org", "", "http://comments.example.org"),
]


@SQLITE
def test_passkeys_belong_to_the_host_of_public_url(app: Flask) -> None:
    for url, host, origin in HOSTS:
        app.config["PUBLIC_URL"] = url
        with app.app_context():
            assert (passkeys.host(), passkeys.origin()) == (host, origin)


@SQLITE
def test_without_a_host_for_passkeys_none_is_offered(app: Flask, client: FlaskClient, phone: Authenticator) -> None:
    app.config["PUBLIC_URL"] = "http://127.0.0.1:8000"
    assert "data-passkey" not in client.get("/login").text
    token = csrf(client)
    assert client.post("/login/passkey/options", data={"csrf_token": token}).status_code == 409
    log_in(client)
    assert not is_in(client), "the passkey is still required"
    assert "data-passkey" not in client.get("/login/factor").text


# Around it


@SQLITE
def test_the_tab_that_a_card_opened_logs_in_with_a_factor_and_the_queue_goes_on(
    client: FlaskClient, alice: Moderator, secret: str
) -> None:
    script = {"X-Requested-With": "fetch"}
    assert client.get("/account/session", headers=script).status_code == 401
    led = log_in(client, next=client.get("/account/session").location.partition("next=")[2])
    assert client.get("/account/session", headers=script).status_code == 401, "half a log-in is none"
    assert led.location == "/login/factor?next=/account/session"
    assert second(client, code=current(secret), next="/account/session").location == "/account/session"
    assert f'data-moderator="{alice.id}"' in client.get("/account/session", headers=script).text


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
@SQLITE
def test_the_second_step_leads_to_no_other_place(
    client: FlaskClient, secret: str, phone: Authenticator, elsewhere: str
) -> None:
    log_in(client)
    assert second(client, code=current(secret), next=elsewhere).location == "/moderate/"
    client.post("/logout", data={"csrf_token": csrf(client, "/moderate/")})
    assert alone(client, phone.get(options(client)), next=elsewhere).location == "/moderate/"


def test_the_operator_resets_the_factors_of_a_moderator(
    app: Flask, client: FlaskClient, alice: Moderator, phone: Authenticator, codes: list[str], db_session: Session
) -> None:
    assert alone(client, phone.get(options(client))).status_code == 303
    half = app.test_client()
    log_in(half)
    run = app.test_cli_runner()
    db_session.commit()
    said = run.invoke(args=["moderator", "reset-factor", ALICE])
    assert said.exit_code == 0 and "logged out everywhere" in said.output
    assert not is_in(client) and half.get("/login/factor").status_code == 303
    assert log_in(half, password=PASSWORD).location == "/moderate/"
    told = db_session.scalars(select(Delivery).where(Delivery.kind == "account").order_by(Delivery.id.desc())).first()
    assert told and json.loads(told.payload)["news"] == "factors_reset"
    db_session.commit()
    assert "has no second factor" in run.invoke(args=["moderator", "reset-factor", ALICE]).output
    assert run.invoke(args=["moderator", "reset-factor", "nobody@moderators.example"]).exit_code == 1


@SQLITE
def test_a_right_password_without_its_second_step_is_recorded(
    client: FlaskClient, alice: Moderator, secret: str, db_session: Session
) -> None:
    log_in(client)
    (row,) = db_session.query(AuditEvent).all()
    assert (row.event, row.actor, row.account_id, row.network) == ("factor_asked", "visitor", alice.id, "127.0.0.0/24")
    assert row.said == {"via": "password"}

"""Set up, remove and require second factors; nothing of it without the password again, and all of it told by email."""

import json
import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import String, select, type_coerce, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.desk import factors
from app.lib import one_time_codes
from app.lib.clock import now
from app.lib.language import speaking
from app.models import AuthenticatorApp, Comment, Delivery, Login, Moderator, Passkey, RecoveryCode, Role, Site, Status
from app.notify import outbox
from app.notify.account_email import SENTENCES
from app.notify.decision_links import link_for
from tests.authenticator import PRESENT, Authenticator
from tests.cast import Reader, a_moderator, a_site, the_comment
from tests.services import MailServer
from tests.web.test_account import csrf, log_in
from tests.web.test_second_step import ENGLISH, SQLITE, current, second, with_passkey

pytestmark = SQLITE
SCRIPT = {"X-Requested-With": "fetch", "Accept-Language": "en"}


@pytest.fixture
def desk(client: FlaskClient, alice: Moderator) -> FlaskClient:
    log_in(client)
    return client


def post(client: FlaskClient, path: str, page: str = "/account", **fields: str) -> TestResponse:
    return client.post(path, data={"csrf_token": csrf(client, page)} | fields, headers=ENGLISH)


def offered(client: FlaskClient) -> dict:
    token = csrf(client, "/account/factors/passkey")
    return client.post("/account/factors/passkey/options", data={"csrf_token": token}, headers=SCRIPT).json


def added(client: FlaskClient, credential: str, name: str = "Phone") -> TestResponse:
    page = "/account/factors/passkey"
    return post(client, "/account/factors/passkey", page, credential=credential, name=name)


def codes_in(answer: TestResponse) -> list[str]:
    return [each.text for each in BeautifulSoup(answer.text, "html.parser").select(".codes code")]


def news(db_session: Session) -> list[str]:
    db_session.rollback()
    rows = db_session.scalars(select(Delivery.payload).where(Delivery.kind == "account").order_by(Delivery.id)).all()
    db_session.commit()
    return [json.loads(each)["news"] for each in rows]


def secret_on(page: str) -> str:
    found = re.search(r'class="key">([^<]+)<', page)
    assert found
    return found[1].replace(" ", "")


def test_an_authenticator_app_counts_once_its_first_code_was_right(
    app: Flask, desk: FlaskClient, alice: Moderator, db_session: Session
) -> None:
    assert post(desk, "/account/factors/app").location == "/account/factors/app"
    assert "再開" not in desk.get("/account/factors/app", headers={"Accept-Language": "ja"}).text
    page = desk.get("/account/factors/app", headers=ENGLISH)
    secret = secret_on(page.text)
    drawing = BeautifulSoup(page.text, "html.parser").select_one("svg.qr")
    assert drawing and drawing["aria-label"] and "style=" not in page.text and "data:" not in page.text
    assert log_in(app.test_client()).location == "/moderate/", "it is no factor yet"
    assert post(desk, "/account/factors/app/confirm", code="000000").status_code == 422
    assert news(db_session) == []
    confirmed = post(desk, "/account/factors/app/confirm", code=current(secret))
    codes = codes_in(confirmed)
    assert confirmed.status_code == 200 and len(codes) == 10 and confirmed.headers["Cache-Control"] == "no-store"
    assert desk.get("/account/factors/app").location == "/account#factors", "the secret is shown no more"
    assert not any(code in desk.get("/account").text for code in codes)
    assert news(db_session) == ["app_added"]
    other = app.test_client()
    assert log_in(other).location.startswith("/login/factor")
    assert second(other, code=current(secret)).status_code == 422, "the code of the set-up is used up"
    assert second(other, recovery=codes[0]).status_code == 303
    assert post(desk, "/account/factors/app").status_code == 409
    raw = db_session.scalars(select(type_coerce(AuthenticatorApp.secret, String))).one()
    assert secret not in raw and raw.startswith("gAAAA")


def test_a_passkey_is_added_and_removed_and_the_last_one_takes_the_recovery_codes_along(
    desk: FlaskClient, alice: Moderator, db_session: Session
) -> None:
    phone, given = Authenticator(), offered(desk)
    assert given["authenticatorSelection"]["residentKey"] == "required"
    assert given["authenticatorSelection"]["userVerification"] == "required"
    first = added(desk, phone.create(given))
    assert len(codes_in(first)) == 10
    again = offered(desk)
    assert len(again["excludeCredentials"]) == 1 and again["user"]["id"] == given["user"]["id"]
    answer = added(desk, Authenticator().create(again), name="<b>Key</b>")
    assert answer.location == "/account#factors", "codes are shown with the first factor only"
    page = desk.get("/account", headers=ENGLISH).text
    assert "Phone" in page and "&lt;b&gt;Key&lt;/b&gt;" in page and "10 unused codes." in page
    db_session.commit()
    ids = [each.id for each in Passkey.of(alice)]
    db_session.commit()
    for id in ids:
        assert post(desk, f"/account/factors/passkeys/{id}/remove").status_code == 303
    assert RecoveryCode.count_of(alice) == 0 and not factors.has_factor(alice)
    assert news(db_session) == ["passkey_added"] * 2 + ["passkey_removed"] * 2


def spoilt_creations(given: dict) -> dict[str, str]:
    evil = Authenticator("https://evil.example")
    phone = Authenticator()
    return {
        "nothing": "", "no JSON": "x", "an assertion": json.dumps({"id": "AA", "response": {}}),
        "another origin": evil.create(given), "another host": phone.create(given, host="evil.example"),
        "without the user": phone.create(given, flags=PRESENT),
        "another challenge": phone.create(given, challenge="AA"),
        "a log-in": phone.create(given, type="webauthn.get"), "with a certificate": phone.create(given, fmt="tpm"),
        "unknown attestation": phone.create(given, fmt="x" * 50),
    }  # fmt: skip


def test_a_spoilt_or_repeated_answer_adds_no_passkey(desk: FlaskClient, alice: Moderator, db_session: Session) -> None:
    for name in spoilt_creations(offered(desk)):
        given = offered(desk)
        assert added(desk, spoilt_creations(given)[name]).status_code == 422, name
    given = offered(desk)
    credential = Authenticator().create(given)
    assert added(desk, credential, name=" ").status_code == 422
    assert added(desk, credential).status_code == 422, "its challenge was used up"
    assert db_session.query(Passkey).count() == 0 and news(db_session) == []
    credential = Authenticator().create(offered(desk))
    assert added(desk, credential).status_code == 200


def test_a_passkey_of_another_account_cannot_be_added(
    app: Flask, desk: FlaskClient, db_session: Session, paper: Site
) -> None:
    bobs = with_passkey(app, a_moderator(db_session, paper, "bob"), db_session)
    phone, given = Authenticator(), offered(desk)
    real = phone.create(given)
    phone.credentials[0].id = bobs.credentials[0].id
    monkey = json.loads(real)
    assert added(desk, json.dumps(monkey | {"id": "AAAA", "rawId": "AAAA"})).status_code == 422
    assert db_session.query(Passkey).count() == 1


GUARDED = ("app", "app/confirm", "app/remove", "passkey", "passkeys/1/remove", "codes")


def test_every_change_asks_for_the_password_again(desk: FlaskClient, db_session: Session) -> None:
    db_session.execute(update(Login).values(confirmed_at=now() - timedelta(hours=1)))
    db_session.commit()
    for path in GUARDED:
        answer = post(desk, f"/account/factors/{path}", name="Phone", credential="{}", code="000000")
        assert answer.status_code == 403 and "confirm_password" in answer.text, path
    for path in ("app", "passkey"):
        assert desk.get(f"/account/factors/{path}").location == f"/account/confirm?next=/account/factors/{path}"
    token = csrf(desk, "/account")
    asked = desk.post("/account/factors/passkey/options", data={"csrf_token": token}, headers=SCRIPT)
    assert asked.status_code == 403 and "publicKey" not in asked.text and "challenge" not in asked.text
    assert desk.post("/account/factors/codes", data={}).status_code == 400
    assert db_session.query(AuthenticatorApp).count() == 0


def test_another_moderators_passkey_stays(app: Flask, desk: FlaskClient, db_session: Session, paper: Site) -> None:
    bob = a_moderator(db_session, paper, "bob")
    with_passkey(app, bob, db_session)
    (passkey,) = Passkey.of(bob)
    db_session.commit()
    assert post(desk, f"/account/factors/passkeys/{passkey.id}/remove").status_code == 303
    assert len(Passkey.of(bob)) == 1 and news(db_session) == ["passkey_added"]


def test_new_recovery_codes_replace_the_earlier_ones_and_need_a_factor(
    app: Flask, desk: FlaskClient, alice: Moderator, db_session: Session
) -> None:
    assert post(desk, "/account/factors/codes").status_code == 409
    with_passkey(app, alice, db_session)
    first = codes_in(post(desk, "/account/factors/codes"))
    renewed = codes_in(post(desk, "/account/factors/codes"))
    assert len(renewed) == 10 and not set(first) & set(renewed)
    other = app.test_client()
    log_in(other)
    assert second(other, recovery=first[0]).status_code == 422
    assert second(other, recovery=renewed[0]).status_code == 303


def test_without_javascript_a_passkey_says_what_it_needs(desk: FlaskClient, alice: Moderator) -> None:
    page = desk.get("/account/factors/passkey", headers=ENGLISH).text
    assert "JavaScript" in BeautifulSoup(page, "html.parser").select_one("noscript").text
    assert "Passkeys need JavaScript." in added(desk, "").text


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_each_change_is_told_by_email_without_anything_typed(
    app: Flask, alice: Moderator, db_session: Session, smtp: MailServer, lang: str
) -> None:
    alice.lang = lang
    for news in factors.EVENTS:
        factors._note(news, alice)
    db_session.commit()
    while outbox.run_once():
        pass
    with speaking(lang):
        told = [str(SENTENCES[news]) for news in factors.EVENTS]
    assert [each.text.splitlines()[0] for each in smtp.to(alice.email)] == told
    assert all("http://localhost/reset" in each.text for each in smtp.emails)


# Required by a site


@pytest.fixture
def strict(db_session: Session, alice: Moderator, paper: Site) -> Site:
    paper.factor_role = "moderator"
    db_session.commit()
    return paper


@pytest.fixture
def comment(app: Flask, db_session: Session, paper: Site) -> Comment:
    paper.hold_all = True
    db_session.commit()
    assert Reader(app.test_client()).post("First!").status_code == 202
    return the_comment(db_session, "First!")


def test_a_moderator_without_a_required_factor_is_led_to_set_one_up_first(
    app: Flask, client: FlaskClient, alice: Moderator, comment: Comment, strict: Site, db_session: Session
) -> None:
    assert log_in(client).location == "/moderate/"
    assert client.get("/moderate/").location == "/account#factors"
    page = client.get("/account", headers=ENGLISH)
    assert page.status_code == 200 and "Paper requires a second factor for your role." in page.text
    token = csrf(client, "/account")
    fields = {"csrf_token": token, "status": "approved", "seen": str(comment.version)}
    path = f"/moderate/comments/{comment.id}/decisions"
    assert client.post(path, data=fields).location == "/account#factors"
    asked = client.post(path, data=fields, headers=SCRIPT)
    assert asked.status_code == 403 and "requires a second factor" in asked.text
    offer = link_for(comment, Status.APPROVED, alice).removeprefix("http://localhost")
    db_session.commit()
    assert client.post(offer, data={"csrf_token": csrf(client, offer)}).status_code == 403
    assert the_comment(db_session, "First!").status == Status.PENDING
    phone = Authenticator()
    assert added(client, phone.create(offered(client))).status_code == 200
    assert client.get("/moderate/").status_code == 200
    assert client.post(path, data=fields, headers=SCRIPT).status_code == 200
    assert the_comment(db_session, "First!").status == Status.APPROVED


def test_a_stolen_mailbox_does_not_decide_without_a_required_factor(
    client: FlaskClient, alice: Moderator, comment: Comment, strict: Site, db_session: Session
) -> None:
    secret = one_time_codes.new_secret()
    db_session.add(AuthenticatorApp(moderator_id=alice.id, secret=secret, confirmed_at=now()))
    link = link_for(comment, Status.APPROVED, alice).removeprefix("http://localhost")
    db_session.commit()
    led = client.post(link, data={"csrf_token": csrf(client, link)}, headers=ENGLISH)
    assert led.location == f"/login?next={quote(link)}"
    assert "Log in first: Paper requires" in client.get(led.location, headers=ENGLISH).text
    assert the_comment(db_session, "First!").status == Status.PENDING
    db_session.commit()
    log_in(client)
    assert second(client, code=current(secret)).status_code == 303
    assert client.post(link, data={"csrf_token": csrf(client, link)}).location == link
    assert the_comment(db_session, "First!").status == Status.APPROVED


@pytest.mark.parametrize(
    ("required", "role", "led"),
    [("", "owner", False), ("owner", "admin", False), ("owner", "owner", True), ("admin", "moderator", False),
     ("admin", "admin", True), ("admin", "owner", True), ("moderator", "moderator", True)],
)  # fmt: skip
def test_a_role_and_those_above_it_need_the_factor(
    app: Flask, db_session: Session, required: str, role: str, led: bool
) -> None:
    site = a_site(db_session, "gazette", factor_role=required)
    assert (factors.missing_for(a_moderator(db_session, site, "carol", Role(role))) == site) is led


def test_only_owners_require_a_factor(app: Flask, client: FlaskClient, db_session: Session, paper: Site) -> None:
    for role, status in ((Role.MODERATOR, 403), (Role.ADMIN, 403), (Role.OWNER, 303)):
        name = role.value
        a_moderator(db_session, paper, name, role)
        log_in(client, email=f"{name}@moderators.example")
        token = csrf(client, "/account")
        for value, answered in (("nonsense", 400 if role == Role.OWNER else 403), ("admin", status)):
            fields = {"csrf_token": token, "factor_role": value}
            assert client.post("/sites/paper/moderators/factor", data=fields).status_code == answered, role
        db_session.expire_all()
        assert paper.factor_role == ("admin" if role == Role.OWNER else "")
        db_session.commit()
        client.post("/logout", data={"csrf_token": token})

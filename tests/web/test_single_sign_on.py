"""Log in with an identity provider, on real sockets; and attacks on each step."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import HTTPCookieProcessor, build_opener

import pytest
from bs4 import BeautifulSoup
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.abuse import guessing
from app.lib import identity_provider, one_time_codes
from app.lib.clock import now
from app.lib.identity_provider import Client, Provider
from app.models import (
    AuditEvent,
    AuthenticatorApp,
    Delivery,
    Identity,
    Invitation,
    Login,
    Membership,
    Moderator,
    PendingLogin,
    Rate,
    Role,
    Site,
)
from app.models.moderator import NO_PASSWORD
from app.notify.account_email import compose_reset
from tests.cast import PASSWORD, a_moderator, a_site
from tests.identity_provider import CLIENT, SECRET, IdentityProvider, Key, running_provider
from tests.services import Live
from tests.web.test_account import ALICE, csrf, log_in
from tests.web.test_confirmation import grow_old
from tests.web.test_second_step import alone, current, is_in, options, with_passkey

START, BACK = "/login/single-sign-on", "/login/single-sign-on/callback"
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What the databases do differently is in tests/desk/test_single_sign_on.py."""
    return sqlite_url


@pytest.fixture(scope="module")
def _provider() -> Iterator[IdentityProvider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(_provider: IdentityProvider) -> IdentityProvider:
    start_again(_provider)
    return _provider


def start_again(provider: IdentityProvider) -> None:
    """Alice's provider without lies and without earlier requests, of which nothing is kept."""
    provider.__init__(provider.issuer)  # type: ignore[misc]
    provider.is_alice()
    identity_provider.provider_of.cache_clear()


@pytest.fixture
def settings(settings: dict[str, str], provider: IdentityProvider) -> dict[str, str]:
    return settings | {
        "OIDC_ISSUER": provider.issuer, "OIDC_CLIENT_ID": CLIENT, "OIDC_CLIENT_SECRET": SECRET, "OIDC_NAME": "Paper ID",
        "OIDC_GROUPS": "cn=newsroom,dc=paper=paper:moderator; chiefs=paper:owner; chiefs=gone:owner",
    }  # fmt: skip


def begin(client: FlaskClient, next: str = "") -> str:
    """The address at the provider."""
    answer = client.get(START, query_string={"next": next} if next else {})
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def come_back(client: FlaskClient, address: str) -> TestResponse:
    parts = urlsplit(address)
    assert parts.path == BACK and f"{parts.scheme}://{parts.netloc}" == "http://localhost"
    return client.get(f"{parts.path}?{parts.query}", headers=ENGLISH)


def sign_on(client: FlaskClient, provider: IdentityProvider, next: str = "") -> TestResponse:
    return come_back(client, provider.log_in(begin(client, next)))


def events(db_session: Session) -> list[tuple[str, dict[str, Any]]]:
    found = [(each.event, each.said) for each in db_session.query(AuditEvent).order_by(AuditEvent.id)]
    db_session.commit()
    return found


# Whose account it is


def test_a_verified_address_links_the_account_and_then_the_subject_alone_counts(
    client: FlaskClient, alice: Moderator, provider: IdentityProvider, db_session: Session
) -> None:
    assert "Log in with Paper ID" in client.get("/login", headers=ENGLISH).text
    answer = sign_on(client, provider, "/moderate/log")
    assert (answer.status_code, answer.location) == (303, "/moderate/log") and is_in(client)
    identity = db_session.query(Identity).one()
    assert (identity.moderator_id, identity.issuer, identity.subject) == (alice.id, provider.issuer, "4711")
    assert db_session.query(Delivery).filter_by(kind="account").count() == 1, "it is told by email"
    assert [name for name, _ in events(db_session)] == ["identity_linked", "login"]
    assert events(db_session)[-1][1]["via"] == "provider"
    client.post("/logout", data={"csrf_token": csrf(client, "/moderate/")})
    provider.is_alice(email="renamed@moderators.example", email_verified=False, name="Eve")
    assert sign_on(client, provider).location == "/moderate/"
    page = client.get("/account", headers=ENGLISH).text
    assert "Linked to Paper ID" in page and "Single sign-on</span>" in page
    assert db_session.query(Moderator).one().email == ALICE


UNVERIFIED: list[dict[str, Any]] = [
    {"email_verified": False}, {"email_verified": None}, {"email_verified": "true"}, {"email_verified": 1},
    {"email": None}, {"email": ["alice@moderators.example"]}, {"email": "ａlice@moderators.example"},
    {"email": "alice@moderators．example"}, {"email": "alice@moderators.example,eve@evil.example"},
]  # fmt: skip


def test_an_unverified_address_leads_to_no_account(
    client: FlaskClient, alice: Moderator, provider: IdentityProvider, db_session: Session
) -> None:
    for claims in UNVERIFIED:
        provider.is_alice(groups=["chiefs"], **claims)
        answer = sign_on(client, provider)
        assert answer.status_code == 403 and "verified" in answer.text and not is_in(client), claims
    assert db_session.query(Identity).count() == 0 and db_session.query(Moderator).count() == 1
    assert events(db_session) == [("login_failed", {"via": "provider", "because": "unverified"})] * len(UNVERIFIED)


def test_who_gets_the_address_of_one_who_has_left_gets_no_account(
    client: FlaskClient, alice: Moderator, provider: IdentityProvider, db_session: Session
) -> None:
    sign_on(client, provider)
    other = client.application.test_client()
    provider.is_alice(sub="4712", groups=["chiefs"])
    answer = sign_on(other, provider)
    assert answer.status_code == 403 and not is_in(other)
    assert db_session.query(Identity).one().subject == "4711"


def test_a_trusted_directory_need_not_call_addresses_verified(
    app: Flask, client: FlaskClient, alice: Moderator, provider: IdentityProvider
) -> None:
    app.config["OIDC_TRUST_EMAIL"] = True
    provider.is_alice(email_verified=False)
    assert sign_on(client, provider).status_code == 403, "it says the contrary"
    provider.is_alice(email_verified=None)
    assert sign_on(client, provider).status_code == 303


def test_only_a_group_makes_an_account(
    client: FlaskClient, paper: Site, provider: IdentityProvider, db_session: Session
) -> None:
    provider.is_alice(groups=["newsroom", "CHIEFS", "chiefs "])
    refused = sign_on(client, provider)
    assert refused.status_code == 403 and "no role" in refused.text and db_session.query(Moderator).count() == 0
    db_session.commit()
    provider.is_alice(groups=["cn=newsroom,dc=paper"])
    assert sign_on(client, provider).location == "/moderate/" and is_in(client)
    alice = db_session.query(Moderator).one()
    assert (alice.name, alice.email, alice.password_hash) == ("Alice Lidell", ALICE, NO_PASSWORD)
    assert [(each.role, each.by_group) for each in alice.memberships] == [("moderator", True)]
    db_session.commit()
    for password in ("", NO_PASSWORD, PASSWORD):
        assert log_in(client.application.test_client(), password=password).status_code == 422


def test_a_made_up_name_is_cleaned(app: Flask, paper: Site, provider: IdentityProvider, db_session: Session) -> None:
    for number, name in enumerate(["\u200b", "", None, 7, "Аlice", "x" * 2000, "Ali\x00ce\n<script>"]):
        client, email = app.test_client(), f"alice@n{number}.example"
        provider.is_alice(groups=["chiefs"], name=name, sub=str(number), email=email)
        assert sign_on(client, provider).status_code == 303
        moderator = Moderator.with_email(email)
        assert moderator
        shown = moderator.name
        assert shown == "alice" or (0 < len(shown) <= 80 and shown.isprintable()), name
        db_session.commit()
        assert "<script>" not in client.get("/account").text


# Roles


def test_roles_follow_the_groups_and_those_given_by_hand_stay(
    app: Flask, paper: Site, provider: IdentityProvider, db_session: Session
) -> None:
    by_hand = a_site(db_session, "other", origins=["https://other.example"])
    for groups, expected in (
        (["chiefs", "cn=newsroom,dc=paper"], {"paper": "owner"}),
        (["cn=newsroom,dc=paper"], {"paper": "moderator"}),
        ("cn=newsroom,dc=paper", {"paper": "moderator"}),
        ([], {}),
        ({"chiefs": True}, {}),
        (None, {}),
    ):
        provider.is_alice(groups=groups)
        browser = app.test_client()
        assert sign_on(browser, provider).status_code == 303, groups
        alice = db_session.query(Moderator).one()
        db_session.refresh(alice)
        roles = {each.site.key: each.role for each in alice.memberships if each.by_group}
        assert roles == expected, groups
        hand = [each.site.key for each in alice.memberships if not each.by_group]
        if not hand:
            alice.memberships.append(Membership(site=by_hand, role=Role.MODERATOR))
        db_session.commit()
        status = {"owner": 200, "moderator": 403, None: 404}[expected.get("paper")]
        assert browser.get("/sites/paper/rules").status_code == status
    said = [(name, about.get("because")) for name, about in events(db_session) if "role" in name or "member" in name]
    assert said == [("role_given", "group"), ("role_changed", "group"), ("member_removed", "group")]
    assert [each.site.key for each in db_session.query(Moderator).one().memberships] == ["other"]


def test_groups_that_are_not_all_told_change_nothing(
    client: FlaskClient, paper: Site, provider: IdentityProvider, db_session: Session
) -> None:
    provider.is_alice(groups=["chiefs"])
    sign_on(client, provider)
    provider.is_alice(_claim_names={"groups": "src1"})
    other = client.application.test_client()
    answer = sign_on(other, provider)
    assert answer.status_code == 403 and not is_in(other)
    assert db_session.query(Membership).one().role == "owner"


def test_an_owner_does_not_change_the_role_of_a_group(
    client: FlaskClient, paper: Site, provider: IdentityProvider, db_session: Session
) -> None:
    bob = a_moderator(db_session, paper, "bob")
    bob.memberships[0].by_group = True
    provider.is_alice(groups=["chiefs"])
    db_session.commit()
    sign_on(client, provider)
    page = client.get("/sites/paper/moderators", headers=ENGLISH).text
    assert "role by a group of the identity provider" in page
    fields = {"csrf_token": csrf(client, "/moderate/"), "role": "owner"}
    assert client.post(f"/sites/paper/moderators/{bob.id}/role", data=fields).status_code == 409
    db_session.refresh(bob)
    assert bob.memberships[0].role == "moderator"


def test_groups_and_address_may_come_with_the_user_info_of_the_same_person(
    app: Flask, paper: Site, provider: IdentityProvider, db_session: Session
) -> None:
    provider.claims = {"sub": "4711", "email_verified": True}
    provider.user_info = {"sub": "4712", "email": ALICE, "email_verified": True, "groups": ["chiefs"]}
    assert sign_on(app.test_client(), provider).status_code == 403, "about another person"
    provider.user_info |= {"sub": "4711", "email_verified": False}
    assert sign_on(app.test_client(), provider).status_code == 403, "the verified address is another one"
    provider.claims = {"sub": "4711", "email": ALICE}
    provider.user_info |= {"email": "eve@evil.example", "email_verified": True}
    assert sign_on(app.test_client(), provider).status_code == 403, "and the other way round"
    provider.user_info |= {"email": ALICE}
    assert sign_on(app.test_client(), provider).status_code == 303
    assert db_session.query(Membership).one().role == "owner"
    db_session.commit()
    provider.claims = {"sub": "4713"}
    provider.user_info |= {"sub": "4713", "email": "bob@moderators.example"}
    assert sign_on(app.test_client(), provider).status_code == 303
    provider.is_alice(groups=[])
    provider.asked.clear()
    sign_on(app.test_client(), provider)
    assert "/me" not in provider.asked, "it is asked only if something is missing"


# The token


def bad_tokens() -> dict[str, dict[str, Any]]:
    stranger, at = Key(), int(time.time())
    return {
        "another issuer": {"wrong": {"iss": "https://evil.example"}},
        "another audience": {"wrong": {"aud": "other"}},
        "several audiences": {"wrong": {"aud": [CLIENT, "other"]}},
        "audience inside a text": {"wrong": {"aud": f"x{CLIENT}"}},
        "no audience": {"wrong": {"aud": []}},
        "for another party": {"wrong": {"azp": "other"}},
        "another nonce": {"wrong": {"nonce": "guessed"}},
        "no nonce": {"wrong": {"nonce": None}},
        "nonce of another type": {"wrong": {"nonce": True}},
        "expired": {"wrong": {"exp": at - 120}},
        "expires never": {"wrong": {"exp": None}},
        "expiry of another type": {"wrong": {"exp": True}},
        "expiry that is no number": {"wrong": {"exp": float("nan")}},
        "expiry beyond every number": {"wrong": {"exp": float("inf")}},
        "issued tomorrow": {"wrong": {"iat": at + 86_400}},
        "not yet valid": {"wrong": {"nbf": at + 86_400}},
        "no subject": {"wrong": {"sub": None}},
        "empty subject": {"wrong": {"sub": ""}},
        "subject of another type": {"wrong": {"sub": 4711}},
        "long subject": {"wrong": {"sub": "4" * 256}},
        "subject with a line end": {"wrong": {"sub": "4711\n"}},
        "too long": {"wrong": {"more": "x" * 50_000}},
        "another key under the known id": {"key": stranger},
        "unknown key": {"key": stranger, "header": {"kid": "unknown"}},
        "key id of another type": {"header": {"kid": 7}},
        "unknown critical header": {"header": {"crit": ["evil"], "evil": 1}},
        "payload that is not encoded": {"header": {"crit": ["b64"], "b64": False}},
        "none": {"header": {"alg": "none"}, "signature": b""},
        "none, written otherwise": {"header": {"alg": "nOnE"}, "signature": b""},
        "no algorithm": {"header": {"alg": None}},
        "no signature": {"signature": b""},
        "signature of zeros": {"signature": bytes(64)},
        "shared secret": {"header": {"alg": "HS256"}, "key": Key(secret=SECRET.encode())},
        "public key as shared secret": {"header": {"alg": "HS256"}, "key": "PUBLIC"},
        "algorithm of another key": {"header": {"alg": "RS256"}},
        "own key in the header": {"key": stranger, "header": {"jwk": stranger.public(), "kid": None}},
        "keys of another place": {"key": stranger, "header": {"jku": "https://evil.example/keys", "kid": "x"}},
    }


def test_a_token_that_is_wrong_in_one_thing_is_no_log_in(
    client: FlaskClient, alice: Moderator, provider: IdentityProvider, db_session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(guessing, "PER_NETWORK", Rate(1_000, 1))
    for name, spoilt in bad_tokens().items():
        start_again(provider)
        for each, value in spoilt.items():
            setattr(provider, each, as_secret(provider.keys[0]) if value == "PUBLIC" else value)
        answer = sign_on(client, provider)
        assert answer.status_code in (403, 503) and not is_in(client), name
        assert "/token" in provider.asked, name
    assert db_session.query(Login).count() == db_session.query(Identity).count() == 0
    db_session.commit()
    start_again(provider)
    assert sign_on(client, provider).status_code == 303


def as_secret(key: Key) -> Key:
    """The public key as the bytes that a naive library would take for a shared secret."""
    form = PublicFormat.SubjectPublicKeyInfo
    return Key(secret=key.secret.public_key().public_bytes(Encoding.PEM, form))


def test_weak_foreign_and_secret_keys_of_the_provider_are_left_out(
    client: FlaskClient, alice: Moderator, provider: IdentityProvider
) -> None:
    weak, good = Key("weak", rsa.generate_private_key(65537, 1024)), provider.keys[0]  # noqa: S505
    shared = {"kty": "oct", "kid": "shared", "k": base64.urlsafe_b64encode(b"s" * 32).decode().rstrip("=")}
    odd: list[Any] = [7, None, {}, {"kty": "LWE"}, {"kty": "EC"}, {"kty": ["EC"]}, good.public() | {"x": 1}]
    provider.published = [*odd, shared, weak.public(), good.public() | {"use": "enc", "kid": "enc"}, good.public()]
    for key, header in (
        (weak, {"alg": "RS256", "kid": "weak"}),
        (Key(secret=b"s" * 32), {"alg": "HS256", "kid": "shared"}),
        (good, {"kid": "enc"}),
    ):
        provider.key, provider.header = key, header
        assert sign_on(client, provider).status_code == 403, header
    provider.key, provider.header = None, {}
    assert sign_on(client, provider).status_code == 303


def test_new_keys_of_the_provider_are_fetched_once(
    client: FlaskClient, alice: Moderator, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sign_on(client, provider).status_code == 303
    provider.rotate()
    assert sign_on(client.application.test_client(), provider).status_code == 403, "not twice in a moment"
    monkeypatch.setattr(identity_provider, "RENEW_S", 0)
    provider.asked.clear()
    provider.is_alice(groups=[])
    assert sign_on(client.application.test_client(), provider).status_code == 303
    assert provider.asked == ["/token", "/keys"], "the other documents are kept"


# State, code and redirects


def test_an_answer_counts_once_and_only_in_the_browser_that_asked(
    app: Flask, client: FlaskClient, alice: Moderator, provider: IdentityProvider
) -> None:
    answered = provider.log_in(begin(client))
    thief = app.test_client()
    assert come_back(thief, answered).status_code == 400, "another browser"
    begin(thief)
    assert come_back(thief, answered).status_code == 400, "another log-in"
    cookie = client.get_cookie("kaiwa")
    assert cookie
    thief.set_cookie("kaiwa", cookie.value)
    assert come_back(client, answered).status_code == 303
    for browser in (thief, client):
        assert come_back(browser, answered).status_code == 400, "used before, also with a copy of the cookie"
    assert not is_in(thief) and is_in(client)


def test_a_forged_answer_does_not_end_the_log_in_that_was_begun(
    client: FlaskClient, alice: Moderator, provider: IdentityProvider
) -> None:
    answered = provider.log_in(begin(client))
    for forged in ("state=x&code=y", "state=&code=y", "code=y", "", "state=%FF&code=%00", "error=access_denied"):
        assert client.get(f"{BACK}?{forged}").status_code == 400, forged
    assert come_back(client, answered).status_code == 303


def test_a_code_of_another_log_in_is_worth_nothing(
    app: Flask, client: FlaskClient, alice: Moderator, provider: IdentityProvider
) -> None:
    """The attacker's own code in the victim's browser, and a stolen code in the attacker's."""
    stolen = parse_qs(urlsplit(provider.log_in(begin(client))).query)["code"][0]
    thief = app.test_client()
    state = parse_qs(urlsplit(begin(thief)).query)["state"][0]
    answer = thief.get(BACK, query_string={"state": state, "code": stolen})
    assert answer.status_code == 503 and not is_in(thief), "the verifier is another one"


def test_an_answer_of_another_provider_is_refused(
    client: FlaskClient, alice: Moderator, provider: IdentityProvider
) -> None:
    for named in ("https://evil.example", f"{provider.issuer}/", ""):
        state = parse_qs(urlsplit(begin(client)).query)["state"][0]
        answer = client.get(BACK, query_string={"state": state, "code": "x", "iss": named})
        assert answer.status_code == 403, named
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    identity_provider.provider_of.cache_clear()
    answered = provider.log_in(begin(client))
    provider.asked.clear()
    assert come_back(client, answered.partition("&iss=")[0]).status_code == 403
    assert "/token" not in provider.asked


def test_a_log_in_takes_ten_minutes_at_most(
    client: FlaskClient, alice: Moderator, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = provider.log_in(begin(client))
    monkeypatch.setattr("app.web.sign_on_request.now", lambda: now() + timedelta(minutes=11))
    assert come_back(client, answered).status_code == 400


def test_a_log_in_leads_to_no_other_place(app: Flask, alice: Moderator, provider: IdentityProvider) -> None:
    for elsewhere in ("https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example",
                      "javascript:alert(1)", "/%2e%2e/x", "/" + "x" * 9_000):  # fmt: skip
        client = app.test_client()
        assert sign_on(client, provider, elsewhere).location == "/moderate/", elsewhere
        assert client.get(START, query_string={"next": elsewhere}).location == "/moderate/", elsewhere
    client = app.test_client()
    assert sign_on(client, provider, "/" + "x" * 2_000).location == "/moderate/", "a cookie has no room for it"


def test_what_the_provider_refuses_is_said_in_our_words(
    client: FlaskClient, alice: Moderator, provider: IdentityProvider
) -> None:
    for error in ("access_denied", "<script>alert(1)</script>", "x" * 5_000):
        state = parse_qs(urlsplit(begin(client)).query)["state"][0]
        given = {"state": state, "error": error, "error_description": "Call 555-EVIL"}
        answer = client.get(BACK, query_string=given, headers=ENGLISH)
        assert answer.status_code == 403 and "Paper ID did not log you in" in answer.text
        assert "EVIL" not in answer.text and "<script>alert" not in answer.text


# The provider


WRONG_METADATA: list[dict[str, Any]] = [
    {"issuer": "https://evil.example"}, {"token_endpoint": None}, {"token_endpoint": "http://10.0.0.1/token"},
    {"authorization_endpoint": "javascript:alert(1)"}, {"jwks_uri": "file:///etc/passwd"},
    {"token_endpoint": ["https://id.example"]}, {"jwks_uri": "https://[::1"},
]  # fmt: skip


def test_a_description_of_the_provider_that_is_wrong_is_not_used(
    client: FlaskClient, alice: Moderator, provider: IdentityProvider
) -> None:
    for metadata in WRONG_METADATA:
        start_again(provider)
        provider.metadata = metadata
        answer = client.get(START, headers=ENGLISH)
        assert answer.status_code == 503 and "does not answer" in answer.text, metadata


def test_nonsense_of_the_provider_is_no_log_in_and_no_error(
    client: FlaskClient, alice: Moderator, provider: IdentityProvider
) -> None:
    nonsense = [b"", b"[]", b"<html>", b"[" * 60_000, b'{"a":"' + b"x" * 70_000 + b'"}', b"\xff"]
    for path in ("/.well-known/openid-configuration", "/token", "/keys", "/me"):
        for body in nonsense:
            start_again(provider)
            provider.answers[path] = (200, body)
            answer = client.get(START)
            if answer.status_code == 303:
                answer = come_back(client, provider.log_in(answer.location))
            assert answer.status_code in (403, 503) and not is_in(client), (path, body[:10])


def test_a_provider_that_is_away_is_not_asked_for_each_visitor(
    client: FlaskClient, alice: Moderator, provider: IdentityProvider
) -> None:
    provider.answers["/.well-known/openid-configuration"] = (500, {})
    assert [client.get(START).status_code for _ in range(5)] == [503] * 5
    assert len(provider.asked) == 1
    assert log_in(client).status_code == 303, "the password still works"


def test_only_a_provider_on_this_machine_may_name_addresses_of_this_machine(provider: IdentityProvider) -> None:
    told = provider.discovery()
    for issuer, private, allowed in (
        (provider.issuer, False, True), ("https://id.example", False, False), ("https://id.example", True, True),
    ):  # fmt: skip
        asked = Provider(Client(issuer, CLIENT, SECRET, "openid", private))
        assert asked._may_ask(told["token_endpoint"]) is allowed
        assert SECRET not in repr(asked.client)
        assert asked._may_ask("https://id.example/token") and not asked._may_ask("http://id.example/token")


def test_guesses_of_codes_are_limited_by_network(
    client: FlaskClient, alice: Moderator, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guessing, "PER_NETWORK", Rate(2, 60))
    statuses = []
    for _ in range(4):
        state = parse_qs(urlsplit(begin(client)).query)["state"][0]
        statuses.append(client.get(BACK, query_string={"state": state, "code": "guess"}).status_code)
    assert statuses == [503, 503, 429, 429]


# Second factors


@pytest.fixture
def secret(alice: Moderator, db_session: Session) -> str:
    """Alice has an authenticator app."""
    secret = one_time_codes.new_secret()
    db_session.add(AuthenticatorApp(moderator_id=alice.id, secret=secret, confirmed_at=now()))
    db_session.commit()
    return secret


def test_the_own_second_factor_is_asked_for_unless_the_provider_checked_one(
    app: Flask, client: FlaskClient, alice: Moderator, secret: str, provider: IdentityProvider, db_session: Session
) -> None:
    provider.is_alice(amr=["pwd", "mfa"], groups=["chiefs"])
    answer = sign_on(client, provider, "/moderate/log")
    assert answer.location == "/login/factor?next=/moderate/log", "before an account is linked, its own counts"
    assert db_session.query(Identity).count() == 0 and not is_in(client)
    kept = json.dumps(db_session.query(PendingLogin).one().person)
    assert "4711" in kept and ALICE not in kept and "Lidell" not in kept
    db_session.commit()
    token = csrf(client, "/login/factor")
    done = client.post("/login/factor", data={"csrf_token": token, "code": current(secret), "next": "/moderate/log"})
    assert done.location == "/moderate/log" and is_in(client)
    assert db_session.query(Identity).one().moderator_id == alice.id
    login = db_session.query(Login).one()
    assert login.single_sign_on and login.factor_checked
    db_session.commit()
    for claims, asked in (({"amr": ["mfa"]}, False), ({"acr": "mfa"}, False), ({"amr": ["pwd"]}, True), ({}, True),
                          ({"amr": "mfa otp"}, True), ({"amr": {"mfa": 1}}, True)):  # fmt: skip
        provider.is_alice(**claims)
        location = sign_on(app.test_client(), provider).location
        assert location.startswith("/login/factor") is asked, claims
    provider.is_alice()
    provider.user_info = {"amr": ["mfa"], "acr": "mfa"}
    assert sign_on(app.test_client(), provider).location.startswith("/login/factor"), "it is not about this log-in"


def test_a_required_second_factor_is_the_providers_or_set_up_here(
    app: Flask, paper: Site, provider: IdentityProvider, db_session: Session
) -> None:
    paper.factor_role = "moderator"
    db_session.commit()
    provider.is_alice(groups=["chiefs"])
    without = app.test_client()
    sign_on(without, provider)
    assert without.get("/moderate/").location == "/account#factors"
    provider.is_alice(groups=["chiefs"], amr=["mfa"])
    checked = app.test_client()
    sign_on(checked, provider)
    assert is_in(checked) and not is_in(without)


def test_a_log_in_with_the_provider_ends_with_its_own_time(
    client: FlaskClient, alice: Moderator, provider: IdentityProvider, db_session: Session
) -> None:
    sign_on(client, provider)
    other = client.application.test_client()
    log_in(other)
    db_session.execute(update(Login).values(created_at=now() - timedelta(hours=12, minutes=1)))
    db_session.commit()
    assert not is_in(client) and is_in(other)


# The only way, and the way back


def test_linked_accounts_may_be_limited_to_the_provider(
    app: Flask, client: FlaskClient, alice: Moderator, provider: IdentityProvider, db_session: Session
) -> None:
    app.config["OIDC_ONLY"] = True
    phone = with_passkey(app, alice, db_session)
    before = app.test_client()
    assert log_in(before).status_code == 303, "not linked yet"
    db_session.add(Identity(moderator_id=alice.id, issuer=provider.issuer, subject="4711"))
    db_session.commit()
    refused = log_in(client)
    assert refused.status_code == 422 and "Incorrect email or password" in client_english(client).text
    assert alone(client, phone.get(options(client))).status_code == 422
    provider.is_alice(amr=["mfa"])
    assert sign_on(client, provider).location == "/moderate/"
    fields = {"csrf_token": csrf(client, "/account")}
    assert "needs no password" in client.get("/account", headers=ENGLISH).text
    assert client.post("/account/single-sign-on/unlink", data=fields).status_code == 409
    grow_old(db_session)
    page = client.get("/account/confirm", headers=ENGLISH).text
    assert 'type="password"' not in page and "Confirm with Paper ID" in page
    fields |= {"confirm_password": PASSWORD, "next": "/sites/"}
    assert client.post("/account/confirm", data=fields).status_code == 422
    assert "log in only there" in app.test_client().get("/login", headers=ENGLISH).text
    compose = {"email": ALICE, "lang": "en"}
    delivery = Delivery(kind="reset", payload=json.dumps(compose), created_at=now() + timedelta(minutes=1))
    assert compose_reset(delivery) is None


def test_no_other_log_in_keeps_the_role_of_a_group(
    app: Flask, client: FlaskClient, alice: Moderator, provider: IdentityProvider, db_session: Session
) -> None:
    a_site(db_session, "gone", origins=["https://gone.example"])
    other = app.test_client()
    assert log_in(client).status_code == log_in(other).status_code == 303
    provider.is_alice(groups=["chiefs"])
    page = client.post("/account/single-sign-on/link", data={"csrf_token": csrf(client, "/account")})
    come_back(client, provider.log_in(BeautifulSoup(page.text, "html5lib").select_one(".login a.button")["href"]))
    assert is_in(client) and not is_in(other) and client.get("/sites/gone/rules").status_code == 200
    phone = with_passkey(app, alice, db_session)
    assert log_in(other).status_code == alone(other, phone.get(options(other))).status_code == 422
    db_session.execute(update(Login).values(created_at=now() - timedelta(hours=12, minutes=1)))
    db_session.commit()
    assert not is_in(client)
    provider.is_alice(groups=[], amr=["mfa"])
    assert sign_on(app.test_client(), provider).location == "/moderate/"
    assert alone(other, phone.get(options(other))).status_code == 303, "without the role"
    assert other.get("/sites/gone/rules").status_code == 404


def client_english(client: FlaskClient) -> TestResponse:
    fields = {"email": ALICE, "password": PASSWORD, "csrf_token": csrf(client)}
    return client.post("/login", data=fields, headers=ENGLISH)


def test_the_operator_unlinks_an_account_and_its_password_counts_again(
    app: Flask, client: FlaskClient, alice: Moderator, provider: IdentityProvider, db_session: Session
) -> None:
    app.config["OIDC_ONLY"] = True
    alice.memberships[0].by_group = True
    db_session.commit()
    provider.is_alice(groups=["cn=newsroom,dc=paper"])
    sign_on(client, provider)
    ran = app.test_cli_runner().invoke(args=["moderator", "unlink", ALICE])
    assert ran.exit_code == 0 and "is unlinked" in ran.output
    assert not is_in(client) and log_in(client).status_code == 303
    db_session.refresh(alice)
    assert alice.memberships == [] and db_session.query(Identity).count() == 0
    assert events(db_session)[-2][0] == "identity_unlinked"
    assert "is not linked" in app.test_cli_runner().invoke(args=["moderator", "unlink", ALICE]).output


# The account page


def test_an_account_is_linked_from_its_page_whatever_the_address(
    app: Flask, client: FlaskClient, alice: Moderator, provider: IdentityProvider, db_session: Session
) -> None:
    log_in(client)
    provider.is_alice(email="else@where.example", email_verified=None)
    page = client.post("/account/single-sign-on/link", data={"csrf_token": csrf(client, "/account")}, headers=ENGLISH)
    address = BeautifulSoup(page.text, "html5lib").select_one("main a.button, .login a.button")["href"]
    assert address.startswith(f"{provider.issuer}/authorize?")
    assert come_back(client, provider.log_in(address)).location == "/account#single-sign-on"
    assert db_session.query(Identity).one().moderator_id == alice.id
    bob = a_moderator(db_session, alice.memberships[0].site, "bob")
    other = app.test_client()
    log_in(other, bob.email)
    page = other.post("/account/single-sign-on/link", data={"csrf_token": csrf(other, "/account")})
    address = BeautifulSoup(page.text, "html5lib").select_one(".login a.button")["href"]
    come_back(other, provider.log_in(address))
    assert "linked to another account" in other.get("/account").text
    assert db_session.query(Identity).one().moderator_id == alice.id
    db_session.commit()
    assert client.post("/account/single-sign-on/unlink", data={"csrf_token": csrf(client, "/account")}).location
    assert is_in(client) and db_session.query(Identity).count() == 0


def test_an_account_without_another_way_keeps_its_link(
    client: FlaskClient, paper: Site, provider: IdentityProvider, db_session: Session
) -> None:
    provider.is_alice(groups=["chiefs"])
    sign_on(client, provider)
    assert "needs no password" in client.get("/account", headers=ENGLISH).text
    db_session.query(Membership).one().by_group = False
    db_session.commit()
    page = client.get("/account", headers=ENGLISH).text
    assert "Your account has no password" in page and "Current password" not in page
    fields = {"csrf_token": csrf(client, "/account")}
    assert client.post("/account/single-sign-on/unlink", data=fields).status_code == 409
    assert db_session.query(Identity).count() == 1


def test_a_link_of_the_page_ends_with_the_log_in_that_began_it(
    client: FlaskClient, alice: Moderator, provider: IdentityProvider, db_session: Session
) -> None:
    log_in(client)
    page = client.post("/account/single-sign-on/link", data={"csrf_token": csrf(client, "/account")})
    address = BeautifulSoup(page.text, "html5lib").select_one(".login a.button")["href"]
    answered = provider.log_in(address)
    Login.end_all(alice)
    db_session.commit()
    assert come_back(client, answered).status_code == 303
    assert db_session.query(Identity).count() == 0


# Confirmation


def confirm(client: FlaskClient, provider: IdentityProvider, next: str = "/sites/") -> TestResponse:
    answer = client.get("/account/single-sign-on/confirm", query_string={"next": next} if next else {})
    asked = parse_qs(urlsplit(answer.location).query)
    assert asked["prompt"] == ["login"] and asked["max_age"] == ["0"]
    return come_back(client, provider.log_in(answer.location))


def test_an_account_without_a_password_confirms_with_the_provider(
    app: Flask, client: FlaskClient, paper: Site, provider: IdentityProvider, db_session: Session
) -> None:
    provider.is_alice(groups=["chiefs"])
    sign_on(client, provider)
    fields = {"email": "bob@moderators.example", "role": "admin", "csrf_token": csrf(client, "/moderate/")}
    grow_old(db_session)
    asked = client.post("/sites/paper/moderators", data=fields, headers=ENGLISH)
    assert asked.status_code == 403 and 'type="password"' not in asked.text
    assert 'target="_blank"' in asked.text and "bob@moderators.example" in asked.text
    cookie = client.get_cookie("kaiwa")
    assert cookie
    thief = app.test_client()
    thief.set_cookie("kaiwa", cookie.value)
    for claims in ({"auth_time": None}, {"auth_time": int(time.time()) - 3_600}, {"auth_time": True},
                   {"auth_time": "now"}, {"sub": "4712"}):  # fmt: skip
        provider.is_alice(**claims)
        assert confirm(client, provider).location == "/account/confirm?next=/sites/", claims
        assert client.post("/sites/paper/moderators", data=fields).status_code == 403, claims
    provider.is_alice()
    assert confirm(client, provider, next="").location == "/account/confirmed"
    assert client.get("/account/confirmed").status_code == 200
    assert client.post("/sites/paper/moderators", data=fields).status_code == 303
    assert db_session.query(Invitation).count() == 1
    db_session.commit()
    assert not is_in(thief), "a copy of the earlier session is not confirmed with it"
    assert ("reauthenticated", {"via": "provider"}) in events(db_session)


# Log out


def test_log_out_offers_to_log_out_at_the_provider_too(
    client: FlaskClient, alice: Moderator, provider: IdentityProvider
) -> None:
    sign_on(client, provider)
    left = client.post("/logout", data={"csrf_token": csrf(client, "/moderate/")})
    assert left.location == "/login?left=1" and not is_in(client)
    assert "still logged in at Paper ID" in client.get(left.location, headers=ENGLISH).text
    address = client.get("/login/single-sign-on/leave").location
    assert address.startswith(f"{provider.issuer}/leave?")
    assert parse_qs(urlsplit(address).query)["post_logout_redirect_uri"] == ["http://localhost/login"]


# Without settings


def test_without_a_provider_nothing_of_it_is_there(app: Flask, client: FlaskClient, alice: Moderator) -> None:
    app.config["OIDC_ISSUER"] = ""
    log_in(client)
    for path in (START, BACK, "/login/single-sign-on/leave", "/account/single-sign-on/confirm"):
        assert client.get(path).status_code == 404, path
    assert "single-sign-on" not in client.get("/account").text + app.test_client().get("/login").text


def test_another_sites_page_begins_no_log_in(client: FlaskClient, alice: Moderator, provider: IdentityProvider) -> None:
    for site in ("cross-site", "same-site"):
        answer = client.get(f"{START}?next=/sites/", headers={"Sec-Fetch-Site": site})
        assert answer.location == "/login?next=/sites/", site
    assert client.get(START, headers={"Sec-Fetch-Site": "same-origin"}).location.startswith(provider.issuer)


@pytest.mark.torture
def test_a_browser_goes_through_the_provider_and_back_over_real_sockets(
    app: Flask, paper: Site, provider: IdentityProvider, settings: dict[str, str], start_kaiwa: Callable[..., Live],
    db_session: Session,
) -> None:  # fmt: skip
    provider.is_alice(groups=["cn=newsroom,dc=paper"])
    db_session.commit()
    given = {name: value for name, value in settings.items() if name.startswith("OIDC")}
    kaiwa = start_kaiwa(settings["DATABASE_URL"], **given)
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    with browser.open(f"{kaiwa.url}{START}?next=/moderate/log", timeout=30) as page:
        assert page.url == f"{kaiwa.url}/moderate/log" and page.status == 200
    assert provider.asked[-2:] == ["/token", "/keys"] and "/authorize" in provider.asked
    assert [each.role for each in db_session.query(Membership)] == ["moderator"]

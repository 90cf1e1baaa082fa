"""A forgotten password is replaced with a link in an email; another address is confirmed by both."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.abuse import resets
from app.desk import accounts
from app.extensions import db
from app.lib.clock import now
from app.lib.passwords import verify
from app.models import Delivery, EmailChange, Login, Moderator, PasswordReset, Role, Site
from app.models.audit import AuditEvent
from app.notify import outbox
from tests.cast import PASSWORD, a_moderator, a_site
from tests.services import MailServer
from tests.statements import recorded
from tests.web.test_account import csrf, log_in

NEW = "violet anchor tundra"
ALICE, ELSEWHERE = "alice@moderators.example", "alice@elsewhere.example"
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session)


@pytest.fixture
def alice(db_session: Session, paper: Site) -> Moderator:
    return a_moderator(db_session, paper, role=Role.OWNER)


def ask(client: FlaskClient, email: str = ALICE, **headers: str) -> TestResponse:
    fields = {"email": email, "csrf_token": csrf(client, "/reset")}
    return client.post("/reset", data=fields, headers={"Accept-Language": "en"} | headers)


def deliver(db_session: Session) -> None:
    db_session.commit()
    while outbox.run_once():
        pass
    db_session.expire_all()


def link_in(smtp: MailServer, to: str, path: str = "reset") -> str:
    """The path of the link in the newest email to this address."""
    found = re.search(rf"http://localhost(/{path}/[\w.~-]+)", smtp.to(to)[-1].text)
    assert found, smtp.to(to)[-1].text
    return found[1]


def choose(client: FlaskClient, link: str, password: str = NEW) -> TestResponse:
    return client.post(link, data={"password": password, "csrf_token": csrf(client, "/reset")})


@pytest.fixture
def link(client: FlaskClient, alice: Moderator, smtp: MailServer, db_session: Session) -> str:
    assert ask(client).status_code == 303
    deliver(db_session)
    return link_in(smtp, ALICE)


def test_alice_sets_a_new_password_once_and_is_told(
    app: Flask, client: FlaskClient, link: str, alice: Moderator, smtp: MailServer, db_session: Session
) -> None:
    inside = app.test_client()
    log_in(inside)
    for _ in range(3):
        assert client.get(link).status_code == client.head(link).status_code == 200
    assert choose(client, link, "short").status_code == 422
    assert choose(client, link).location == "/login"
    deliver(db_session)
    assert verify(alice.password_hash, NEW)
    db_session.commit()
    assert inside.get("/moderate/").status_code == 303, "the other log-ins have ended"
    assert "new password" in smtp.to(ALICE)[-1].text.lower() or "新しいパスワード" in smtp.to(ALICE)[-1].text
    assert choose(client, link, "another violet tundra").status_code == 410 == client.get(link).status_code
    assert log_in(client, password=NEW).status_code == 303


@SQLITE
def test_only_hashes_are_stored_and_a_retry_sends_the_same_link(
    client: FlaskClient, link: str, smtp: MailServer, db_session: Session
) -> None:
    token = link.removeprefix("/reset/")
    reset = db_session.query(PasswordReset).one()
    raw = db_session.connection().exec_driver_sql("SELECT * FROM delivery").all()
    assert token not in repr(raw) and token not in repr(vars(reset)) and ALICE not in repr(raw)
    delivery = db_session.query(Delivery).one()
    delivery.done_at, delivery.claimed_at, delivery.outcome = None, None, ""
    deliver(db_session)
    assert link_in(smtp, ALICE) == link and len(smtp.to(ALICE)) == 2
    assert db_session.query(PasswordReset).count() == 1


@SQLITE
@pytest.mark.parametrize("end", ["time", "future", "password", "email", "used", "account"])
def test_old_links_are_dead(
    client: FlaskClient, link: str, alice: Moderator, db_session: Session, smtp: MailServer, end: str
) -> None:
    assert ask(client).status_code == 303
    deliver(db_session)
    later = link_in(smtp, ALICE)
    assert later != link and client.get(link).status_code == 200
    if end in ("time", "future"):
        moved = timedelta(minutes=-31) if end == "time" else timedelta(hours=1)
        db_session.execute(update(PasswordReset).values(asked_at=now() + moved))
    elif end == "password":
        accounts.set_password(alice, alice.password_hash)
    elif end == "email":
        change = EmailChange(moderator=alice, email=ELSEWHERE, old_confirmed=True, new_confirmed=True)
        accounts._replace_email(alice, change)
    elif end == "used":
        assert choose(client, later).status_code == 303
    else:
        db_session.delete(alice)
    db_session.commit()
    for each in (link, later):
        assert client.get(each).status_code == choose(client, each).status_code == 410
    db_session.expire_all()
    deliveries = db_session.query(Delivery).filter_by(kind="reset").all()
    for each in deliveries:
        each.done_at, each.claimed_at, each.outcome = None, None, ""
    if end not in ("time", "future"):
        deliver(db_session)
        assert client.get(link).status_code == 410, "no retry of the email brings the link back"


@SQLITE
@pytest.mark.parametrize("headers", [
    {"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"},
    {"Host": "localhost:evil.example"}, {"X-Original-Host": "evil.example", "X-Host": "evil.example"},
    {"Host": "localhost\t.evil.example"}, {"Origin": "https://evil.example", "Referer": "https://evil.example/"},
])  # fmt: skip
def test_no_header_changes_the_address_in_the_email(
    client: FlaskClient, alice: Moderator, smtp: MailServer, db_session: Session, headers: dict[str, str]
) -> None:
    ask(client, **headers)
    deliver(db_session)
    for email in smtp.emails:
        assert b"evil" not in email.raw
        assert set(re.findall(r"https?://[^/\s\"<]+", email.text)) == {"http://localhost"}


@SQLITE
def test_known_and_unknown_addresses_get_the_same_bytes_and_the_same_statements(
    app: Flask, client: FlaskClient, alice: Moderator, smtp: MailServer, db_session: Session
) -> None:
    def told(email: str) -> tuple[object, list[str]]:
        visitor = app.test_client()
        with recorded(db.engine) as run:
            answer = ask(visitor, email)
        page = visitor.get("/login").text
        return (answer.status_code, answer.text, dict(answer.headers).keys(), re.sub('value="[^"]*"', "", page)), run

    known, unknown = told(ALICE), told("nobody@moderators.example")
    assert known == unknown
    assert not any(re.search(r"(FROM|JOIN) moderator", each) for each in known[1]), (
        "the account is only looked for by the worker"
    )
    deliver(db_session)
    assert {tuple(each.to) for each in smtp.emails} == {(ALICE,)}
    limit = [ask(client, email).status_code for email in (ALICE, "nobody@moderators.example") for _ in range(4)]
    assert limit[:4] == limit[4:]


@SQLITE
def test_emails_to_one_address_and_requests_of_one_network_are_limited(
    client: FlaskClient, alice: Moderator, smtp: MailServer, db_session: Session
) -> None:
    spellings = [ALICE, "ALICE@moderators.example", " alice@MODERATORS.example", "alice@moderators.example "]
    answers = [ask(client, spelling) for spelling in spellings]
    assert [each.status_code for each in answers] == [303] * resets.PER_ADDRESS.burst + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    deliver(db_session)
    assert len(smtp.to(ALICE)) == resets.PER_ADDRESS.burst
    others = [ask(client, f"{number}@readers.example").status_code for number in range(resets.PER_NETWORK.burst)]
    assert 429 in others and others[0] == 303


@SQLITE
@pytest.mark.parametrize("typed", ["", "x", "a b@c", "alıce@moderators.example",
                                   "alice@moderators.example\r\nBcc: x@y.z",
                                   "a" * 300 + "@b.example",
                                   "alice@moderators.example,mallory@evil.example"])  # fmt: skip
def test_an_address_that_is_none_sends_nothing(
    client: FlaskClient, alice: Moderator, smtp: MailServer, db_session: Session, typed: str
) -> None:
    assert ask(client, typed).status_code == 422
    deliver(db_session)
    assert smtp.emails == []


@SQLITE
def test_a_reset_begins_a_new_session_and_leaves_no_log_in(
    app: Flask, client: FlaskClient, link: str, alice: Moderator, db_session: Session
) -> None:
    log_in(client)
    before = client.get_cookie("kaiwa").value
    token = csrf(client, "/moderate/")
    assert client.post(link, data={"password": NEW, "csrf_token": token}).status_code == 303
    thief = app.test_client()
    thief.set_cookie("kaiwa", before)
    assert client.get_cookie("kaiwa").value != before
    assert [each.get("/moderate/").status_code for each in (client, thief)] == [303, 303]
    assert db_session.query(Login).count() == 0


@SQLITE
def test_the_page_sends_no_referrer_and_its_post_needs_the_token_of_the_page(
    client: FlaskClient, link: str, alice: Moderator
) -> None:
    page = client.get(link)
    assert page.headers["Referrer-Policy"] == "no-referrer" and page.headers["Cache-Control"] == "no-store"
    assert client.post(link, data={"password": NEW}).status_code == 400
    for wrong in (
        link[:-1],
        link + "A",
        "/reset/x",
        "/reset/" + "A" * 43,
        "/reset/" + "é" * 10,
        "/reset/" + "a" * 1_500,
    ):
        assert client.get(wrong).status_code == choose(client, wrong).status_code == 410, wrong
    assert verify(alice.password_hash, PASSWORD)


def test_of_two_resets_at_once_one_wins(
    app: Flask, client: FlaskClient, link: str, alice: Moderator, smtp: MailServer, db_session: Session
) -> None:
    ask(client)
    deliver(db_session)
    links = [link, link, link_in(smtp, ALICE)]
    db_session.commit()
    gate = Barrier(len(links))

    def use(number: int) -> int:
        visitor = app.test_client()
        token = csrf(visitor, "/reset")
        gate.wait()
        data = {"password": f"{NEW} {number}", "csrf_token": token}
        return visitor.post(links[number], data=data).status_code

    with ThreadPoolExecutor(len(links)) as pool:
        statuses = list(pool.map(use, range(len(links))))
    assert sorted(statuses) == [303, 410, 410]
    db_session.expire_all()
    assert verify(alice.password_hash, f"{NEW} {statuses.index(303)}")


# The email address


@pytest.fixture
def desk(client: FlaskClient, alice: Moderator) -> FlaskClient:
    log_in(client)
    return client


def change(client: FlaskClient, email: str = ELSEWHERE) -> TestResponse:
    return client.post("/account/email", data={"email": email, "csrf_token": csrf(client, "/account")})


def press(client: FlaskClient, link: str, button: str = "confirm") -> TestResponse:
    return client.post(f"{link}/{button}", data={"csrf_token": csrf(client, "/reset")})


def test_both_addresses_confirm_a_change(
    app: Flask, desk: FlaskClient, alice: Moderator, smtp: MailServer, db_session: Session
) -> None:
    assert change(desk).status_code == 303
    deliver(db_session)
    stranger = app.test_client()
    old, new = (link_in(smtp, each, "email") for each in (ALICE, ELSEWHERE))
    for link in (new, old):
        assert stranger.get(link).status_code == stranger.head(link).status_code == 200
        db_session.expire_all()
        assert alice.email == ALICE
        db_session.commit()
        assert press(stranger, link).status_code == 303
    db_session.expire_all()
    assert alice.email == ELSEWHERE and Moderator.with_email(ELSEWHERE) is alice
    deliver(db_session)
    assert [ELSEWHERE in each.text for each in smtp.to(ALICE)] == [True, False], "the former address is told"
    for link in (old, new):
        assert stranger.get(link).status_code == press(stranger, link).status_code == 410
    assert log_in(stranger).status_code == 422 and log_in(stranger, email=ELSEWHERE).status_code == 303


@SQLITE
def test_one_address_alone_changes_nothing_and_either_may_refuse(
    app: Flask, desk: FlaskClient, alice: Moderator, smtp: MailServer, db_session: Session
) -> None:
    stranger = app.test_client()
    for refusing, confirming in ((ALICE, ELSEWHERE), (ELSEWHERE, ALICE)):
        change(desk)
        deliver(db_session)
        links = {each: link_in(smtp, each, "email") for each in (ALICE, ELSEWHERE)}
        for _ in range(2):
            assert press(stranger, links[confirming]).status_code == 303
        assert press(stranger, links[refusing], "refuse").status_code == 303
        assert press(stranger, links[refusing]).status_code == 410
    db_session.expire_all()
    assert alice.email == ALICE


@SQLITE
@pytest.mark.parametrize("end", ["newer", "password", "cancelled", "day", "swapped"])
def test_old_links_of_a_change_are_dead(
    desk: FlaskClient, alice: Moderator, smtp: MailServer, db_session: Session, end: str
) -> None:
    change(desk)
    deliver(db_session)
    links = [link_in(smtp, each, "email") for each in (ALICE, ELSEWHERE)]
    if end == "newer":
        change(desk, "alice@third.example")
    elif end == "password":
        accounts.set_password(alice, alice.password_hash)
    elif end == "cancelled":
        desk.post("/account/email/cancel", data={"csrf_token": csrf(desk, "/account")})
    elif end == "day":
        db_session.execute(update(EmailChange).values(asked_at=now() - timedelta(hours=25)))
    else:
        links = [link[:9] + ("A" if link[9] != "A" else "B") + link[10:] for link in links]
    db_session.commit()
    assert [press(desk, link).status_code for link in links] == [410, 410]
    db_session.expire_all()
    assert alice.email == ALICE


@SQLITE
def test_the_address_of_another_account_is_not_revealed_and_not_taken(
    desk: FlaskClient, alice: Moderator, paper: Site, smtp: MailServer, db_session: Session
) -> None:
    bob = a_moderator(db_session, paper, "bob")
    taken = change(desk, bob.email)
    deliver(db_session)
    assert (len(smtp.to(ALICE)), smtp.to(bob.email)) == (1, []), "the absence of an email would tell"
    db_session.commit()
    free = change(desk, ELSEWHERE)
    assert (taken.status_code, taken.location) == (free.status_code, free.location)
    deliver(db_session)
    bob.email, bob.email_index = ELSEWHERE, Moderator.index_of(ELSEWHERE)
    db_session.commit()
    statuses = [press(desk, link_in(smtp, each, "email")).status_code for each in (ALICE, ELSEWHERE)]
    assert statuses == [303, 409]
    db_session.expire_all()
    assert alice.email == ALICE


@SQLITE
def test_emails_of_changes_to_one_address_are_limited(desk: FlaskClient, smtp: MailServer, db_session: Session) -> None:
    assert [change(desk).status_code for _ in range(4)] == [303, 303, 303, 429]
    for wrong in (ALICE, "x", ""):
        assert change(desk, wrong).status_code == 422


@SQLITE
def test_changes_of_an_account_are_in_the_audit_log(
    app: Flask, desk: FlaskClient, alice: Moderator, smtp: MailServer, db_session: Session
) -> None:
    ask(desk)
    change(desk)
    deliver(db_session)
    for address in (ALICE, ELSEWHERE):
        press(desk, link_in(smtp, address, "email"))
    ask(desk, ELSEWHERE)
    deliver(db_session)
    assert choose(desk, link_in(smtp, ELSEWHERE)).status_code == 303
    log_in(desk, email=ELSEWHERE, password=NEW)
    data = {"csrf_token": csrf(desk, "/account"), "confirm_password": "wrong"}
    assert desk.post("/account/confirm", data=data).status_code == 422
    assert desk.post("/account/confirm", data=data | {"confirm_password": NEW}).status_code == 303
    told = [(each.event, each.account_id) for each in db_session.query(AuditEvent).order_by(AuditEvent.id)]
    expected = ["login", "email_change_requested", "reset_requested", "email_changed", "reset_requested",
                "password_reset", "login", "reauthentication_failed", "reauthenticated"]  # fmt: skip
    assert told == [(event, alice.id) for event in expected]
    raw = repr(db_session.connection().exec_driver_sql("SELECT * FROM audit_event").all())
    assert ALICE not in raw and ELSEWHERE not in raw and NEW not in raw


@SQLITE
def test_a_typed_address_without_an_account_is_not_kept(
    client: FlaskClient, alice: Moderator, db_session: Session
) -> None:
    ask(client, "stranger@readers.example")
    deliver(db_session)
    delivery = db_session.query(Delivery).one()
    assert (delivery.outcome, delivery.payload) == ("nothing to say", "")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_of_changes_in_two_browsers_at_once_the_later_one_stays(
    app: Flask, alice: Moderator, db_session: Session
) -> None:
    browsers, gate = [app.test_client() for _ in range(3)], Barrier(3)
    for each in browsers:
        log_in(each)

    def use(number: int) -> int:
        fields = {"email": f"alice@{number}.example", "csrf_token": csrf(browsers[number], "/account")}
        gate.wait()
        return browsers[number].post("/account/email", data=fields).status_code

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(use, range(3))) == [303] * 3
    assert db_session.query(EmailChange).count() == 1

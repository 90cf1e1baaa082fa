"""Owners invite moderators by an email that proves the mailbox; one owner always remains."""

import re

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.models import Invitation, Membership, Moderator, Role, Site
from app.notify import outbox
from tests.cast import PASSWORD, a_moderator, a_site
from tests.services import MailServer
from tests.web.test_queue import ENGLISH, at_the_desk, hidden

PAGE = "/sites/paper/moderators"
BOB = "bob@moderators.example"


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en")


@pytest.fixture
def alice(db_session: Session, paper: Site) -> Moderator:
    return a_moderator(db_session, paper, "alice", Role.OWNER)


def press(client: FlaskClient, path: str, page: str = PAGE, **fields: str) -> TestResponse:
    token = hidden(client.get(page), "csrf_token")
    return client.post(path, data={"csrf_token": token, **fields}, headers=ENGLISH)


def invited(smtp: MailServer) -> str:
    """The link of the newest invitation."""
    while outbox.run_once():
        pass
    found = re.search(r"http://localhost(/invitation/\S+)", smtp.emails[-1].text)
    assert found
    return found[1]


def roles(db_session: Session, site: Site) -> dict[str, str]:
    db_session.expire_all()
    found = {each.moderator.name: each.role for each in Membership.of_site(site)}
    db_session.commit()
    return found


def test_an_invitations_password_is_hidden_while_it_is_typed(app: Flask, desk: FlaskClient, smtp: MailServer) -> None:
    press(desk, PAGE, email=BOB, role="moderator")
    form = BeautifulSoup(app.test_client().get(invited(smtp)).text, "html5lib").form
    assert form.find("input", {"name": "password"})["type"] == "password"
    assert form.find("input", {"name": "name"})["type"] == "text"


def test_an_invited_person_sets_a_password_and_is_logged_in(
    app: Flask, desk: FlaskClient, paper: Site, smtp: MailServer, db_session: Session
) -> None:
    assert press(desk, PAGE, email=BOB, role="admin").status_code == 303
    link, browser = invited(smtp), app.test_client()
    for method in ("GET", "HEAD", "OPTIONS") * 3:
        assert browser.open(link, method=method).status_code == 200
    assert roles(db_session, paper) == {"Alice": "owner"}
    assert press(browser, link, link, name="Bob", password="short").status_code == 422
    assert press(browser, link, link, name="Bob", password=PASSWORD).status_code == 303
    assert roles(db_session, paper) == {"Alice": "owner", "Bob": "admin"}
    assert at_the_desk(app, "bob").get("/sites/paper/settings").status_code == 200
    assert browser.get(link).status_code == 410, "once"


def test_of_two_invitations_to_a_new_address_at_once_the_second_is_told(
    app: Flask, desk: FlaskClient, paper: Site, smtp: MailServer, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    press(desk, PAGE, email=BOB, role="moderator")
    link, browser = invited(smtp), app.test_client()
    token = hidden(browser.get(link), "csrf_token")
    a_moderator(db_session, a_site(db_session, "other"), "bob")
    fields = {"csrf_token": token, "name": "Bob", "password": PASSWORD}
    with monkeypatch.context() as earlier:
        # The other one had not committed yet.
        earlier.setattr(Moderator, "with_email", lambda *_: None)
        answer = browser.post(link, data=fields, headers=ENGLISH)
    assert answer.status_code == 409 and "already has an account" in answer.text
    assert browser.post(link, data=fields).status_code == 303
    assert roles(db_session, paper) == {"Alice": "owner", "Bob": "moderator"}


def test_who_has_a_log_in_keeps_it_and_the_owner_learns_nothing_of_that(
    app: Flask, desk: FlaskClient, paper: Site, smtp: MailServer, db_session: Session
) -> None:
    bob = a_moderator(db_session, a_site(db_session, "other"), "bob")
    hashed = bob.password_hash
    answers = [press(desk, PAGE, email=email, role="moderator") for email in (BOB, "nobody@moderators.example")]
    pages = [desk.get(PAGE).text.count(email) > 0 for email in (BOB, "nobody@moderators.example")]
    assert [answer.status_code for answer in answers] == [303, 303] and pages == [True, True]
    while outbox.run_once():
        pass
    (received,) = smtp.to(BOB)
    link = re.search(r"http://localhost(/invitation/\S+)", received.text)[1]
    browser = app.test_client()
    assert "password" not in browser.get(link).text.replace("Use your existing account", "")
    assert press(browser, link, link).status_code == 303
    assert roles(db_session, paper)["Bob"] == "moderator"
    db_session.refresh(bob)
    assert bob.password_hash == hashed


def test_a_withdrawn_invitation_and_one_by_a_former_owner_open_nothing(
    app: Flask, desk: FlaskClient, alice: Moderator, paper: Site, smtp: MailServer, db_session: Session
) -> None:
    press(desk, PAGE, email=BOB, role="owner")
    first = invited(smtp)
    press(desk, PAGE, email=BOB, role="owner")
    second = invited(smtp)
    ids = sorted(each.id for each in db_session.query(Invitation))
    db_session.commit()
    assert press(desk, f"{PAGE}/invitations/{ids[0]}/withdraw").status_code == 303
    assert app.test_client().get(first).status_code == 410
    assert app.test_client().get(second).status_code == 200
    alice.memberships[0].role = Role.ADMIN
    db_session.commit()
    assert app.test_client().get(second).status_code == 410


def test_a_site_is_never_left_without_an_owner(
    app: Flask, desk: FlaskClient, alice: Moderator, paper: Site, db_session: Session
) -> None:
    bob = a_moderator(db_session, paper, "bob")
    alice_id, bob_id = alice.id, bob.id
    db_session.commit()
    assert press(desk, f"{PAGE}/{alice_id}/remove").status_code == 409
    assert press(desk, f"{PAGE}/{alice_id}/role", role="moderator").status_code == 409
    assert press(desk, f"{PAGE}/{bob_id}/role", role="owner").status_code == 303
    assert press(desk, f"{PAGE}/{alice_id}/remove").status_code == 303
    assert roles(db_session, paper) == {"Bob": "owner"}
    assert desk.get(PAGE).status_code == 404


def test_one_address_is_invited_three_times_a_day(desk: FlaskClient, db_session: Session) -> None:
    answers = [press(desk, PAGE, email="Victim@elsewhere.example", role="moderator").status_code for _ in range(4)]
    assert answers == [303, 303, 303, 429]
    assert press(desk, PAGE, email="no address", role="moderator").status_code == 422
    assert press(desk, PAGE, email=BOB, role="queen").status_code == 422


def test_moderators_of_other_sites_are_not_there_to_be_changed(
    app: Flask, desk: FlaskClient, db_session: Session
) -> None:
    carol = a_moderator(db_session, a_site(db_session, "other"), "carol", Role.OWNER)
    id = carol.id
    db_session.commit()
    assert press(desk, f"{PAGE}/{id}/remove").status_code == 404
    assert press(desk, f"{PAGE}/{id}/role", role="moderator").status_code == 404
    assert "Carol" not in desk.get(PAGE).text

"""A publisher's system opens and closes an article by a signed attribute of its page."""

import hashlib
import hmac
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.lib.clock import now
from app.models import Role, Site, State, Thread, ThreadChange
from app.moderation import articles
from tests.cast import ORIGIN, PAGE, Reader, a_moderator, a_site
from tests.web.test_queue import ENGLISH, at_the_desk, hidden

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
KEY = "a key that the publisher's system has"


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en", state_key=KEY)


def attribute(state: str, at: datetime | None = None, *, page: str = PAGE, site: str = "paper", key: str = KEY) -> str:
    """As docs/embedding.md says."""
    time = f"{at or now():%Y-%m-%dT%H:%M:%SZ}"
    signed = hmac.new(key.encode(), f"{site}\n{page}\n{state}\n{time}".encode(), hashlib.sha256).hexdigest()
    return f"{state} {time} {signed}"


def claim(client: FlaskClient, state: str, **more: str) -> TestResponse:
    headers = {"Origin": more.pop("origin", ORIGIN)}
    return client.post("/embed/state", data={"site": "paper", "url": PAGE, "state": state} | more, headers=headers)


def test_a_signed_state_is_taken_once_and_a_newer_change_stands(
    client: FlaskClient, db_session: Session, paper: Site
) -> None:
    hour = timedelta(hours=1)
    closed, opened = attribute("closed", now() - 3 * hour), attribute("open", now() - 2 * hour)
    assert claim(client, closed).status_code == 200, "also before the first comment"
    assert Reader(client).post("late").status_code == 403
    assert claim(client, closed).status_code == 204
    assert claim(client, opened).status_code == 200
    assert claim(client, closed).status_code == 204, "an old page, or a copied attribute"
    assert Reader(client).post("in time").status_code == 201
    articles.set_state(db_session.query(Thread).one(), State.HELD)
    db_session.commit()
    assert claim(client, attribute("open", now() - hour)).status_code == 204, "a moderator has overruled it"
    assert claim(client, attribute("hidden", now() + timedelta(seconds=2))).status_code == 200
    assert "in time" not in Reader(client).get_thread().text
    found = db_session.query(ThreadChange).order_by(ThreadChange.id)
    assert [(each.to_state, each.actor) for each in found] == [
        ("closed", "page"),
        ("open", "page"),
        ("held", "moderator"),
        ("hidden", "page"),
    ]


@ONE_DATABASE
def test_a_page_with_an_id_of_its_own_signs_that(client: FlaskClient, db_session: Session, paper: Site) -> None:
    assert claim(client, attribute("closed", page="story-7"), thread="story-7").status_code == 200
    assert claim(client, attribute("closed"), thread="story-8").status_code == 403
    assert db_session.query(Thread).one().key == "id:story-7"


@ONE_DATABASE
def test_a_state_that_is_not_signed_for_this_page_changes_nothing(
    client: FlaskClient, db_session: Session, paper: Site
) -> None:
    good, later = attribute("hidden"), attribute("hidden", now() + timedelta(hours=1))
    state, time, signed = good.split(" ")
    wrong = [
        "", "hidden", "hidden  ", f"closed {time} {signed}", f"{state} 2020-01-01T00:00:00Z {signed}", later,
        attribute("hidden", page=f"{ORIGIN}/other"), attribute("hidden", site="other"), attribute("hidden", key="x"),
        attribute("ajar"), attribute("hidden", key=""), good + "0", good.upper(), f"{state} {time} é", "x" * 10_000,
    ]  # fmt: skip
    for each in wrong:
        assert claim(client, each).status_code == 403, each
    assert claim(client, good, origin="https://elsewhere.example").status_code == 403
    assert db_session.query(Thread).count() == 0
    db_session.commit()
    db_session.get_one(Site, paper.id).state_key = ""
    db_session.commit()
    assert claim(client, good).status_code == claim(client, attribute("hidden", key="")).status_code == 403


@ONE_DATABASE
def test_only_administrators_see_and_replace_the_key(app: Flask, db_session: Session, paper: Site) -> None:
    a_moderator(db_session, paper, "alice"), a_moderator(db_session, paper, "olga", Role.ADMIN)
    alice, olga = at_the_desk(app), at_the_desk(app, "olga")
    assert "Replace key" not in alice.get("/sites/paper/embed", headers=ENGLISH).text
    shown = olga.get("/sites/paper/embed", headers=ENGLISH)
    assert KEY.replace("'", "&#39;") in shown.text
    made = "/sites/paper/embed/key"
    assert alice.post(made, data={"csrf_token": hidden(alice.get("/moderate/log"), "csrf_token")}).status_code == 403
    assert olga.post(made, data={"csrf_token": hidden(shown, "csrf_token")}).status_code == 303
    db_session.expire_all()
    assert db_session.get_one(Site, paper.id).state_key not in ("", KEY)
    db_session.commit()
    assert claim(app.test_client(), attribute("closed")).status_code == 403

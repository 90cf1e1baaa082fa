"""The account page: names, password, log-ins."""

from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.abuse import guessing
from app.lib.clock import now
from app.lib.passwords import verify
from app.models import Login, Moderator, Site
from tests.cast import PASSWORD, a_moderator, a_site
from tests.web.test_account import csrf, log_in

NEW = "violet anchor tundra"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile Safari/604.1"


@pytest.fixture
def alice(db_session: Session) -> Moderator:
    return a_moderator(db_session, a_site(db_session))


@pytest.fixture
def desk(client: FlaskClient, alice: Moderator) -> FlaskClient:
    assert log_in(client).status_code == 303
    return client


def post(client: FlaskClient, path: str, **fields: str):
    token = csrf(client, "/account")
    return client.post(path, data={"csrf_token": token} | fields, headers={"Accept-Language": "en"})


def change(client: FlaskClient, old: str = PASSWORD, new: str = NEW):
    return post(client, "/account/password", current_password=old, password=new)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_names_are_changed_and_wrong_ones_marked(desk: FlaskClient, alice: Moderator, db_session: Session) -> None:
    assert post(desk, "/account/name", name=" Alice  L. ", **{"paper-alias": "The desk"}).status_code == 303
    db_session.expire_all()
    assert (alice.name, alice.memberships[0].alias) == ("Alice L.", "The desk")
    db_session.commit()
    for wrong in ({"name": ""}, {"name": "\u2800"}, {"name": "x" * 81}, {"name": "Аlice"}, {"paper-alias": "Аdmin"}):
        answer = post(desk, "/account/name", **{"name": "Alice"} | wrong)
        assert answer.status_code == 422 and 'aria-invalid="true"' in answer.text, wrong
    assert post(desk, "/account/name", name="Alice", **{"paper-alias": "Paper"}).status_code == 303
    db_session.expire_all()
    assert alice.memberships[0].alias == "", "the site's name is the default"


def test_a_new_password_ends_the_other_log_ins_and_renews_this_one(
    app: Flask, desk: FlaskClient, alice: Moderator, db_session: Session
) -> None:
    other = app.test_client()
    log_in(other)
    before = desk.get_cookie("kaiwa").value
    assert change(desk).status_code == 303
    thief = app.test_client()
    thief.set_cookie("kaiwa", before)
    statuses = [each.get("/moderate/").status_code for each in (desk, other, thief)]
    assert statuses == [200, 303, 303]
    db_session.expire_all()
    assert verify(alice.password_hash, NEW) and now() - alice.password_set_at < timedelta(minutes=1)
    db_session.commit()
    assert log_in(other).status_code == 422 and log_in(other, password=NEW).status_code == 303


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_old_password_is_needed_and_its_guesses_are_limited(desk: FlaskClient, alice: Moderator) -> None:
    desk.delete_cookie("kaiwa-device")
    burst = guessing.PER_ACCOUNT_AND_NETWORK.burst
    assert [change(desk, old=f"guess {n}").status_code for n in range(burst + 1)] == [422] * burst + [429]
    assert change(desk).status_code == 429
    assert verify(alice.password_hash, PASSWORD)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("new", "said"),
    [("short", "12 characters"), ("alice violet anchor", "your name"), ("paper violet anchor", "your name"),
     ("passwordpassword1", "leaked"), ("abababababab", "repeats")],
)  # fmt: skip
def test_a_weak_password_is_refused_with_its_reason(desk: FlaskClient, alice: Moderator, new: str, said: str) -> None:
    answer = change(desk, new=new)
    assert answer.status_code == 422
    field = BeautifulSoup(answer.text, "html5lib").select_one("#password [name=password]")
    assert field and field["aria-invalid"] == "true" and new not in str(field)
    assert verify(alice.password_hash, PASSWORD)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_log_ins_are_listed_with_time_network_and_browser_and_ended(
    app: Flask, desk: FlaskClient, alice: Moderator, db_session: Session
) -> None:
    phones = [app.test_client() for _ in range(3)]
    for each in phones:
        fields = {"email": alice.email, "password": PASSWORD, "csrf_token": csrf(each)}
        peer = {"REMOTE_ADDR": "198.51.100.77"}
        assert each.post("/login", data=fields, headers={"User-Agent": SAFARI}, environ_base=peer).status_code == 303
    page = BeautifulSoup(desk.get("/account", headers={"Accept-Language": "en"}).text, "html5lib")
    rows = page.select(".logins li")
    assert [("Safari, iPhone" in row.text, "198.51.100.0/24" in row.text) for row in rows] == [(True, True)] * 3 + [
        (False, False)
    ]
    assert "198.51.100.77" not in page.text and "This browser" in rows[3].text and not rows[3].form
    action = rows[1].form["action"]
    assert post(desk, action).status_code == 303
    assert [each.get("/moderate/").status_code for each in phones] == [200, 303, 200]
    assert post(desk, "/account/logins/end").status_code == 303
    assert [each.get("/moderate/").status_code for each in (desk, *phones)] == [200, 303, 303, 303]
    assert post(desk, action).status_code == 404


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_log_in_of_another_moderator_is_not_found(app: Flask, desk: FlaskClient, db_session: Session) -> None:
    bob = a_moderator(db_session, db_session.query(Site).one(), "bob")
    theirs = app.test_client()
    log_in(theirs, email=bob.email)
    (id,) = db_session.query(Login.id).filter_by(moderator_id=bob.id).one()
    db_session.commit()
    assert post(desk, f"/account/logins/{id}/end").status_code == 404
    assert post(desk, "/account/logins/end").status_code == 303
    assert theirs.get("/moderate/").status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_log_in_ends_after_its_days_whatever_was_done_in_it(desk: FlaskClient, db_session: Session) -> None:
    for days, status in ((13, 200), (14, 303)):
        db_session.execute(update(Login).values(created_at=now() - timedelta(days=days)))
        db_session.commit()
        assert desk.get("/moderate/").status_code == status

"""The page of access tokens, and the commands: a token is shown once, and revoked at once."""

import json
import re

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.models import ApiToken, AuditEvent, Moderator, Role, Site
from tests.cast import Program, a_moderator, a_site
from tests.web.test_members import press
from tests.web.test_queue import ENGLISH, at_the_desk

PAGE = "/sites/paper/tokens"
BOXES = {"read": "y", "moderate": "y"}


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en")


@pytest.fixture
def desk(app: Flask, db_session: Session, paper: Site) -> FlaskClient:
    a_moderator(db_session, paper, "alice", Role.OWNER)
    return at_the_desk(app)


def shown(answer: str) -> str:
    found = BeautifulSoup(answer, "html5lib").find(id="secret")
    return found.text if found else ""


def test_an_owner_makes_a_token_that_is_shown_once(app: Flask, desk: FlaskClient, db_session: Session) -> None:
    made = press(desk, PAGE, PAGE, name="Newsroom CMS", role="moderator", days="30", **BOXES)
    secret = shown(made.text)
    assert made.status_code == 201 and re.fullmatch(r"kw_[\w-]{43}", secret)
    assert made.headers["Cache-Control"] == "no-store"
    page = desk.get(PAGE, headers=ENGLISH).text
    assert "Newsroom CMS" in page and secret not in page and "Never used" in page
    program = Program(app.test_client(), secret)
    assert program.get("/token").json["scopes"] == ["read", "moderate"]
    assert "Last used" in desk.get(PAGE, headers=ENGLISH).text
    (id,) = re.findall(r"tokens/(\d+)/revoke", page)
    assert press(desk, f"{PAGE}/{id}/revoke", PAGE).status_code == 303
    assert program.get("/token").status_code == 401
    assert "Newsroom CMS" not in desk.get(PAGE, headers=ENGLISH).text
    assert press(desk, f"{PAGE}/{id}/revoke", PAGE).status_code == 404
    log = [(each.event, each.said["name"]) for each in db_session.query(AuditEvent) if "token" in each.event]
    assert log == [("token_made", "Newsroom CMS"), ("token_ended", "Newsroom CMS")]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_wrong_entries_are_marked_and_make_no_token(desk: FlaskClient, db_session: Session) -> None:
    for given, field in (
        ({"name": ""}, "token-name"), ({"name": "\u200b"}, "token-name"), ({"days": "0"}, "token-days"),
        ({"days": "x"}, "token-days"), ({"role": "owner"}, "token-role"), ({"manage": "y"}, "token-role"),
    ):  # fmt: skip
        answer = press(desk, PAGE, PAGE, **{"name": "CMS", "role": "moderator", "days": "9"} | BOXES | given)
        control = BeautifulSoup(answer.text, "html5lib").find(id=field)
        assert (answer.status_code, control["aria-invalid"]) == (422, "true"), given
    answer = press(desk, PAGE, PAGE, name="CMS", role="moderator", days="9")
    assert answer.status_code == 422 and "Choose at least one." in answer.text
    assert not db_session.query(ApiToken).count()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_tokens_of_an_owner_who_goes_are_told(
    app: Flask, desk: FlaskClient, paper: Site, db_session: Session
) -> None:
    press(desk, PAGE, PAGE, name="Newsroom CMS", role="moderator", days="30", **BOXES)
    a_moderator(db_session, paper, "bob", Role.OWNER)
    alice = Moderator.with_email("alice@moderators.example")
    db_session.commit()
    bobs, members = at_the_desk(app, "bob"), "/sites/paper/moderators"
    for path, fields, told in (
        (f"{members}/{alice.id}/role", {"role": "owner"}, False),
        (f"{members}/{alice.id}/role", {"role": "admin"}, True),
        (f"{members}/{alice.id}/remove", {}, True),
        (members, {"email": "carol@moderators.example", "role": "owner"}, False),
    ):
        db_session.commit()
        assert press(bobs, path, members, **fields).status_code == 303
        page = bobs.get(members, headers=ENGLISH).text
        assert ("Alice made 1 API token, which still works." in page) is told, path


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_program_is_no_moderator_on_the_pages(app: Flask, desk: FlaskClient, db_session: Session) -> None:
    press(desk, PAGE, PAGE, name="Newsroom CMS", role="admin", days="", **BOXES)
    assert "Newsroom CMS" not in desk.get("/sites/paper/moderators").text
    program = db_session.query(Moderator).filter_by(is_program=True).one()
    db_session.commit()
    assert press(desk, f"/sites/paper/moderators/{program.id}/role", PAGE, role="owner").status_code == 404


def test_the_operator_makes_lists_and_revokes_tokens(app: Flask, paper: Site) -> None:
    def run(*words: str, code: int = 0) -> str:
        done = app.test_cli_runner().invoke(args=["token", *words])
        assert done.exit_code == code, done.output
        return done.output.strip()

    secret = run("add", "paper", "--name", "CMS", "--role", "admin", "--scope", "read", "--expires", "30d")
    program = Program(app.test_client(), secret)
    assert program.get("/token").json["scopes"] == ["read"]
    (listed,) = json.loads(run("list", "paper", "--json"))
    assert listed["used_at"] and listed["expires_at"] and "token" not in listed and secret not in run("list", "paper")
    made = json.loads(run("add", "paper", "--name", "Other", "--expires", "never", "--json"))
    assert made["token"].startswith("kw_") and made["expires_at"] is None
    assert "revoked" in run("revoke", "paper", str(listed["id"]))
    assert program.get("/token").status_code == 401
    assert "No token" in run("revoke", "paper", str(listed["id"]), code=1)
    for wrong in (["--expires", "90"], ["--expires", "0d"], ["--role", "owner"], ["--scope", "all"]):
        run("add", "paper", "--name", "CMS", *wrong, code=2)
    assert "administrators" in run("add", "paper", "--name", "CMS", "--scope", "manage", code=1)
    assert "No site" in run("list", "nosuch", code=1)
    assert "CMS" not in app.test_cli_runner().invoke(args=["moderator", "list"]).output

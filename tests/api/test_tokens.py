"""Access tokens: what they open, until when, and what the database keeps of them."""

from datetime import timedelta

import pytest
from flask import Flask, Response, g
from flask.testing import FlaskClient
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from app.api import access
from app.api.contract import operations
from app.desk import first_run, tokens
from app.errors import Refused
from app.lib.clock import now
from app.models import ApiToken, Membership, Moderator, Rate, Role, Scope, Site
from app.models.audit import Who
from tests.cast import PASSWORD, Program, Reader, a_moderator, a_site, a_token
from tests.web.test_queue import at_the_desk, hidden


def the_token(db_session: Session) -> ApiToken:
    db_session.expire_all()
    found = db_session.query(ApiToken).one()
    db_session.commit()
    return found


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_token_names_its_site_role_and_scopes(program: Program, helper: Program, paper: Site) -> None:
    shown = program.get("/token").json
    assert (shown["name"], shown["site"], shown["role"]) == ("CMS", paper.key, "admin")
    assert shown["scopes"] == ["read", "moderate", "comment", "manage", "transfer"]
    assert helper.get("/token").json["scopes"] == ["read", "moderate", "comment"]
    for scheme in ("bearer", "BEARER"):
        with_scheme = {"Authorization": f"{scheme} {program.secret}"}
        assert program.client.get("/api/v1/token", headers=with_scheme).status_code == 200, scheme


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_a_hash_of_the_token_is_stored(app: Flask, program: Program, db_session: Session) -> None:
    program.get("/token")
    everything = str([db_session.execute(text(f"SELECT * FROM {name}")).all() for name in ("api_token", "moderator")])  # noqa: S608
    db_session.commit()
    assert program.secret.startswith("kw_") and len(program.secret) == 46
    assert program.secret not in everything and program.secret[3:] not in everything
    assert ApiToken.hash_of(program.secret) in everything


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_a_valid_token_every_operation_answers_401(
    app: Flask, client: FlaskClient, program: Program, db_session: Session
) -> None:
    Reader(client).post("words")
    flipped = program.secret[:-1] + ("A" if program.secret[-1] != "A" else "B")
    wrong = ("", "Bearer", "Bearer ", f"Basic {program.secret}", f"bearer{program.secret}", f"Bearer {flipped}",
             f"Bearer {program.secret} ", f"Bearer {program.secret.upper()}", f"Bearer {'a' * 5000}",
             "Bearer kw_é")  # fmt: skip
    with app.test_request_context():
        asked = [(rule, method) for rule, method, about, also in operations() if about.scope or also]
    assert len(asked) > 30
    for rule, method in asked:
        path = rule.rule.replace("<int:id>", "1")
        for header in wrong if rule.rule.endswith("/token") else wrong[:6:5]:
            headers = {"Authorization": header} if header else {}
            answer = client.open(path, method=method.upper(), headers=headers, json=None if method == "get" else {})
            assert (answer.status_code, answer.content_type) == (401, "application/problem+json"), (path, header)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer "), path
    # In the address it would be in logs.
    assert client.get("/api/v1/token", query_string={"access_token": program.secret}).status_code == 401


def test_a_token_ends_when_it_is_revoked_or_has_expired(app: Flask, program: Program, db_session: Session) -> None:
    assert program.get("/token").status_code == 200
    db_session.execute(update(ApiToken).values(expires_at=now() - timedelta(seconds=1)))
    db_session.commit()
    assert program.get("/token").json["code"] == "invalid_token"
    db_session.execute(update(ApiToken).values(expires_at=now() + timedelta(days=1)))
    db_session.commit()
    assert program.get("/token").status_code == 200
    tokens.revoke(the_token(db_session), by=Who.OPERATOR)
    db_session.commit()
    assert program.get("/token").status_code == 401


def test_the_last_use_is_written_once_a_minute(program: Program, db_session: Session) -> None:
    assert the_token(db_session).used_at is None
    program.get("/token")
    first = the_token(db_session).used_at
    program.get("/queue")
    assert first is not None and the_token(db_session).used_at == first
    db_session.execute(update(ApiToken).values(used_at=now() - timedelta(seconds=61)))
    db_session.commit()
    program.post("/settings", {"max_links": 3})
    assert the_token(db_session).used_at > first - timedelta(seconds=1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_operation_asks_for_its_scope(app: Flask, db_session: Session, paper: Site) -> None:
    with app.test_request_context():
        asked = [
            (rule, method, about.scope) for rule, method, about, _also in operations() if isinstance(about.scope, Scope)
        ]
    # A comment on behalf of a member is a field of a public operation (test_members.py).
    scopes = set(Scope) - {Scope.COMMENT}
    assert {scope for _rule, _method, scope in asked} == scopes
    for scope in scopes:
        others = [each for each in Scope if each != scope]
        program = Program(app.test_client(), a_token(db_session, paper, Role.ADMIN, *others, name=scope))
        for rule, method, needed in asked:
            path = rule.rule.replace("<int:id>", "1")
            body = None if method == "get" else {}
            headers = program.headers
            answer = program.client.open(path, method=method.upper(), headers=headers, json=body, buffered=True)
            assert (answer.status_code == 403) == (needed == scope), (path, scope, answer.status_code)
            if needed == scope:
                assert answer.json["code"] == "insufficient_scope"
                assert f'scope="{scope}"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_scope_ends_with_the_role(app: Flask, program: Program, db_session: Session) -> None:
    assert program.get("/settings").status_code == 200
    the_token(db_session).moderator.memberships[0].role = Role.MODERATOR
    db_session.commit()
    assert program.get("/settings").status_code == 403 and program.get("/queue").status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_token_cannot_have_a_scope_beyond_its_role(db_session: Session, paper: Site) -> None:
    with pytest.raises(Refused, match="scope_beyond_role"):
        tokens.make(paper, name="x", role=Role.MODERATOR, scopes=[Scope.READ, Scope.MANAGE], by=Who.OPERATOR)
    assert not db_session.query(ApiToken).count()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_password_logs_in_as_a_program(client: FlaskClient, program: Program, db_session: Session) -> None:
    account = the_token(db_session).moderator
    assert account.is_program and account.email.endswith("@programs.invalid")
    assert Moderator.with_email(account.email) is None
    db_session.commit()
    for password in ("", "-", PASSWORD, account.password_hash, program.secret):
        fields = {
            "email": account.email,
            "password": password,
            "csrf_token": hidden(client.get("/login"), "csrf_token"),
        }
        assert client.post("/login", data=fields).status_code == 422


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_program_is_no_member_and_gets_no_email(
    app: Flask, program: Program, db_session: Session, paper: Site
) -> None:
    assert Membership.of_site(paper) == [] and Moderator.all() == []
    assert list(Moderator.digests_of(paper)) == []
    assert first_run.is_needed(), "the first person still gets a link"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_token_has_a_limit_and_tells_it(
    app: Flask, program: Program, db_session: Session, paper: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = program.get("/token")
    assert first.headers["RateLimit-Policy"] == '"token";q=600;w=60'
    assert first.headers["RateLimit"] == '"token";r=599;t=1'
    with app.test_request_context():
        for used in range(access.MOST + 1):
            g.used = used * 100 / 60_000
            told = access.tell_limits(Response()).headers["RateLimit"]
            assert told == f'"token";r={600 - used};t={-(-used // 10)}'
    monkeypatch.setattr(access, "RATE", Rate(3, 20))
    other = Program(program.client, a_token(db_session, paper, name="Other"))
    assert [other.get("/token").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = other.get("/queue")
    assert refused.status_code == 429 and 1 <= int(refused.headers["Retry-After"]) <= 20
    assert refused.headers["RateLimit"].startswith('"token";r=0;')
    # Another token has its own.
    monkeypatch.undo()
    assert program.get("/token").status_code == 200


def test_tokens_of_a_removed_site_go_with_it(app: Flask, program: Program, db_session: Session, paper: Site) -> None:
    done = app.test_cli_runner().invoke(args=["site", "remove", "paper", "--yes"])
    assert done.exit_code == 0, done.output
    assert db_session.query(ApiToken).count() == db_session.query(Moderator).count() == 0
    db_session.commit()
    assert program.get("/token").status_code == 401


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_token_opens_no_page_of_moderators(app: Flask, program: Program, db_session: Session, paper: Site) -> None:
    a_moderator(db_session, paper)
    for path in ("/moderate/", "/sites/", "/sites/paper/settings"):
        answer = program.client.get(path, headers=program.headers)
        assert answer.status_code == 303 and "/login" in answer.location


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_log_in_opens_no_operation(app: Flask, db_session: Session) -> None:
    a_moderator(db_session, a_site(db_session), "alice", Role.OWNER)
    assert at_the_desk(app).get("/api/v1/queue").status_code == 401

"""A program of the publisher writes comments on behalf of members, as the form of a member does."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.models import Author, Comment, Role, Scope, Site
from tests.cast import PAGE, Program, a_site, a_token, the_comment
from tests.signed_members import Publisher, logged_in

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HANAKO = {"sub": "4711", "name": "Hanako", "badge": "Subscriber", "email": "hanako@readers.example"}
HERE = {"site": "paper", "url": PAGE}


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en", commenters="members", min_seconds=2, flood_per_address=1)


@pytest.fixture
def app_server(client: FlaskClient, db_session: Session, paper: Site) -> Program:
    return Program(client, a_token(db_session, paper, Role.MODERATOR, Scope.COMMENT))


def write(program: Program, body: str, member: Any = HANAKO, headers: dict[str, str] | None = None, **more: str) -> Any:
    return program.post("/comments", HERE | {"body": body, "member": member} | more, **(headers or {}))


def test_a_member_of_the_widget_and_of_the_program_is_one_author(
    client: FlaskClient, db_session: Session, app_server: Program, paper: Site
) -> None:
    publisher = Publisher(db_session, paper)
    assert logged_in(client, publisher).post("by the widget").status_code in (201, 202)
    answer = write(app_server, "by a program", name="Another", email="other@readers.example")
    assert answer.status_code == 201 and answer.json["comment"]["member_badge"] == "Subscriber"
    assert (answer.json["comment"]["badge"], answer.json["author"]) == (None, "")
    assert "readers.example" not in answer.text
    comment = the_comment(db_session, "by a program")
    assert (comment.name, comment.address, comment.author.email) == ("Hanako", "", HANAKO["email"])
    assert db_session.query(Author).count() == 1
    db_session.commit()
    others = [write(app_server, f"number {at}", HANAKO | {"sub": f"{at}"}).status_code for at in range(4)]
    assert others == [201] * 4, "the server's network is not the members'"


@ONE_DATABASE
def test_a_request_key_gives_the_same_comment_again(db_session: Session, app_server: Program) -> None:
    key = {"Idempotency-Key": "one"}
    first, again = write(app_server, "once", headers=key), write(app_server, "once", headers=key)
    assert first.json["comment"]["id"] == again.json["comment"]["id"] and db_session.query(Comment).count() == 1
    db_session.commit()
    assert write(app_server, "once", HANAKO | {"sub": "4712"}, headers=key).status_code == 422


@ONE_DATABASE
def test_it_needs_a_token_of_the_site_with_the_scope(
    client: FlaskClient, db_session: Session, app_server: Program, paper: Site
) -> None:
    other = a_site(db_session, "other")
    without = [
        (Program(client, "kw_" + "x" * 43), 401), (Program(client, ""), 401),
        (Program(client, a_token(db_session, paper, Role.ADMIN, Scope.READ, Scope.MODERATE)), 403),
        (Program(client, a_token(db_session, other)), 404),
    ]  # fmt: skip
    for program, status in without:
        assert write(program, "no").status_code == status
    for member in ({}, "4711", [], {"sub": "4711"}, HANAKO | {"sub": 1}, HANAKO | {"name": "аdmin"},
                   HANAKO | {"badge": "Staff"}, HANAKO | {"sub": "a@b.example"}, {"name": "Hanako"}):  # fmt: skip
        assert write(app_server, "no", member).status_code == 422, member
    assert app_server.post("/comments", HERE | {"body": "no", "name": "H", "email": "h@b.example"}).status_code == 403
    assert not db_session.query(Comment).count()


@ONE_DATABASE
def test_checks_apply_as_to_other_readers(db_session: Session, app_server: Program, paper: Site) -> None:
    paper.approvals_needed = 1
    db_session.commit()
    assert write(app_server, "first").status_code == 202
    assert write(app_server, "", HANAKO).status_code == 422
    author = the_comment(db_session, "first").author_id
    program = Program(app_server.client, a_token(db_session, paper))
    shown = program.get(f"/authors/{author}").json
    assert (shown["member"], shown["member_badge"]) == ("4711", "Subscriber")

"""The same button or link, pressed twice at once, acts once, and no answer is an error."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.desk import members
from app.lib.signing import sign
from app.models import Comment, Invitation, Moderator, Role, Site, Snooze, Unsubscribe
from app.notify import signed_links
from tests.cast import PASSWORD, Reader, a_moderator, a_site, the_comment
from tests.web.test_queue import at_the_desk, hidden

AT_ONCE = 6


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, hold_all=True)


@pytest.fixture
def alice(db_session: Session, paper: Site) -> Moderator:
    return a_moderator(db_session, paper, role=Role.OWNER)


@pytest.fixture
def comment(app: Flask, db_session: Session, paper: Site) -> Comment:
    Reader(app.test_client()).post("twice")
    return the_comment(db_session, "twice")


def statuses(press: Callable[[FlaskClient], int], clients: list[FlaskClient]) -> set[int]:
    with ThreadPoolExecutor(len(clients)) as pool:
        return set(pool.map(press, clients))


def test_a_comment_is_snoozed_once(app: Flask, alice: Moderator, comment: Comment, db_session: Session) -> None:
    desks = [at_the_desk(app) for _ in range(AT_ONCE)]
    tokens = {id(desk): hidden(desk.get("/moderate/log"), "csrf_token") for desk in desks}
    path = f"/moderate/comments/{comment.id}/defer"
    db_session.commit()
    found = statuses(lambda desk: desk.post(path, data={"csrf_token": tokens[id(desk)]}).status_code, desks)
    assert found == {303}
    assert db_session.query(Snooze).count() == 1


def test_an_address_unsubscribes_once(app: Flask, comment: Comment, db_session: Session) -> None:
    with app.test_request_context():
        path = "/mail/stop/" + signed_links.stop_link(comment.author).rpartition("/")[2]
    db_session.commit()
    mailboxes = [app.test_client() for _ in range(AT_ONCE)]
    data = {"List-Unsubscribe": "One-Click"}
    assert statuses(lambda client: client.post(path, data=data).status_code, mailboxes) == {303}
    assert db_session.query(Unsubscribe).count() == 1


def test_an_invitation_is_accepted_once(app: Flask, alice: Moderator, paper: Site, db_session: Session) -> None:
    members.invite(paper, "new@moderators.example", Role.MODERATOR, by=alice)
    db_session.commit()
    with app.test_request_context():
        path = "/invitation/" + sign("invitation", db_session.scalars(select(Invitation.id)).one())
    db_session.commit()
    people = [app.test_client() for _ in range(AT_ONCE)]
    tokens = {id(person): hidden(person.get(path), "csrf_token") for person in people}

    def accept(person: FlaskClient) -> int:
        fields = {"name": "New", "password": PASSWORD, "csrf_token": tokens[id(person)]}
        return person.post(path, data=fields).status_code

    assert statuses(accept, people) == {303, 410}
    assert db_session.query(Moderator).count() == 2

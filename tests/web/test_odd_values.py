"""A number, date or byte that no column takes, in any parameter of any route, is answered and never a server error."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import cycle, product

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import read_only
from app.desk import members
from app.extensions import db
from app.lib.signing import sign
from app.models import Decision, Invitation, Moderator, Role, Status
from app.notify import signed_links
from tests.cast import Reader, a_site, move, the_comment
from tests.web import texts as table
from tests.web.test_texts import Attacker, Text, texts

# SQLite takes no number of more than 64 bits and any text; PostgreSQL takes any number and no NUL.
ODD = {"sqlite": ("9" * 20, "-" + "9" * 20, "9999-12-31", "0001-01-01"), "postgresql": ("a\0b@c.example", "9" * 20)}


@pytest.fixture
def attacker(app: Flask, db_session: Session, monkeypatch: pytest.MonkeyPatch) -> Attacker:
    """With real tokens for the routes that need one."""
    attacker = Attacker(app, db_session)
    for endpoint, token in tokens(app, db_session).items():
        monkeypatch.setitem(table.INPUTS, endpoint, replace(table.INPUTS[endpoint], path={"token": token}))
    return attacker


def tokens(app: Flask, db_session: Session) -> dict[str, str]:
    a_site(db_session, "other")
    Reader(app.test_client(), site="other").post("rejected")
    comment = the_comment(db_session, "rejected")
    move(db_session, comment, Status.REJECTED)
    rejected = db_session.scalars(select(Decision).order_by(Decision.id.desc())).first()
    assert rejected and rejected.to_status == Status.REJECTED
    alice = db_session.query(Moderator).filter_by(is_program=False).one()
    members.invite(alice.memberships[0].site, "new@moderators.example", Role.MODERATOR, by=alice)
    with app.test_request_context():
        links = {
            "emails.send_appeal": signed_links.appeal_link(rejected),
            "emails.confirm": signed_links.confirm_link(comment.author),
            "emails.stop": signed_links.stop_link(comment.author),
            "own_comment.edit": signed_links.own_link(comment),
            "emails.unfollow": signed_links.unfollow_link(comment.author, comment, "page"),
            "invitation.accept": sign("invitation", db_session.query(Invitation).one().id),
        }
    db_session.commit()
    return {endpoint: link.rpartition("/")[2] for endpoint, link in links.items()}


def parameters(app: Flask) -> Iterator[Text]:
    return (text for text in texts(app) if not text.accepted and text.where != "path")


def broken(attacker: Attacker, sent: Iterable[tuple[Text, str]]) -> Iterator[str]:
    for text, odd in sent:
        client, path, request = attacker.request(text, odd)
        answer = client.open(path, method=text.method, buffered=True, **request)
        if answer.status_code >= 500:
            yield f"{text}: {odd!a} is answered with {answer.status_code}"


def test_no_number_date_or_byte_in_any_parameter_is_an_error(app: Flask, attacker: Attacker) -> None:
    """One of the values for each parameter, in turn."""
    every = list(parameters(app))
    assert len(every) > 300
    assert not list(broken(attacker, zip(every, cycle(ODD[dialect(app)]), strict=False)))


@pytest.mark.torture
def test_no_number_date_or_byte_at_all_in_any_parameter_is_an_error(app: Flask, attacker: Attacker) -> None:
    assert not list(broken(attacker, product(list(parameters(app)), ODD[dialect(app)])))


def dialect(app: Flask) -> str:
    with app.app_context():
        read_only()
        return db.engine.dialect.name

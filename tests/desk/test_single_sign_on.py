"""Accounts and roles of single sign-on, on both databases; and what happens at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.database import write_transaction
from app.desk import single_sign_on
from app.desk.single_sign_on import Person
from app.errors import Refused
from app.extensions import db
from app.models import AuditEvent, Identity, Login, Membership, Moderator, Site
from app.models.audit import Who
from app.models.login import Lasts
from tests.cast import a_moderator
from tests.web.test_account import ALICE

ISSUER = "https://id.example"


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return settings | {"OIDC_ISSUER": ISSUER, "OIDC_CLIENT_ID": "kaiwa", "OIDC_GROUPS": "chiefs=paper:owner"}


def alice_there(subject: str = "4711", **more: object) -> Person:
    person = Person(ISSUER, subject, ALICE, "Alice", {"paper": "owner", "gone": "owner"}, has_factor=False)
    return person._replace(**more)


def test_an_account_is_made_linked_and_unlinked_with_the_roles_of_its_groups(
    app: Flask, paper: Site, db_session: Session
) -> None:
    moderator, is_first = single_sign_on.account_of(alice_there())
    assert not is_first
    single_sign_on.settle(moderator, alice_there())
    db_session.commit()
    found = single_sign_on.account_of(alice_there(email=""))
    assert found == (moderator, False)
    assert [(each.site.key, each.role, each.by_group) for each in moderator.memberships] == [("paper", "owner", True)]
    lasts = Lasts(*[app.permanent_session_lifetime] * 3)
    token = Login.start(moderator, lasts, single_sign_on=True)
    db_session.commit()
    assert Login.with_token(token, lasts)
    assert single_sign_on.unlink(moderator, by=Who.OPERATOR) and not single_sign_on.unlink(moderator, by=Who.OPERATOR)
    db_session.commit()
    assert Login.with_token(token, lasts) is None
    assert db_session.query(Membership).count() == db_session.query(Identity).count() == 0
    said = [each.event for each in db_session.query(AuditEvent).order_by(AuditEvent.id)]
    assert said == ["account_made", "identity_linked", "role_given", "member_removed", "identity_unlinked"]


def test_a_link_to_an_earlier_provider_is_replaced(alice: Moderator, db_session: Session) -> None:
    db_session.add(Identity(moderator_id=alice.id, issuer="https://old.example", subject="4711"))
    db_session.commit()
    assert single_sign_on.account_of(alice_there()) == (alice, True)
    single_sign_on.settle(alice, alice_there())
    db_session.commit()
    assert [each.issuer for each in db_session.query(Identity)] == [ISSUER]


def test_a_link_is_of_one_account_and_one_identity(alice: Moderator, paper: Site, db_session: Session) -> None:
    bob = a_moderator(db_session, paper, "bob")
    single_sign_on.link(alice, alice_there())
    db_session.commit()
    for account, person in ((bob, alice_there()), (alice, alice_there("4712"))):
        with pytest.raises(Refused, match="taken"):
            single_sign_on.link(account, person)
        with pytest.raises(Refused, match="taken"):
            single_sign_on.settle(account, person)
        db_session.rollback()
    assert [(each.moderator_id, each.subject) for each in db_session.query(Identity)] == [(alice.id, "4711")]


def test_of_two_first_log_ins_at_once_one_account_is_left(app: Flask, paper: Site, db_session: Session) -> None:
    db_session.commit()
    together = Barrier(2)

    def log_in(_number: int) -> str:
        with app.test_request_context(method="POST"):
            together.wait(30)
            try:
                with write_transaction():
                    moderator, _first = single_sign_on.account_of(alice_there())
                    single_sign_on.settle(moderator, alice_there())
                return "in"
            except Refused as no:
                return no.code
            finally:
                db.session.remove()

    with ThreadPoolExecutor(2) as threads:
        told = set(threads.map(log_in, range(2)))
    assert "in" in told and told <= {"in", "again", "taken"}
    assert db_session.query(Moderator).count() == db_session.query(Identity).count() == 1
    assert db_session.query(Membership).count() == 1

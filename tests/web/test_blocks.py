"""Blocks: the permissions of moderators, administrators and owners; listing and ending blocks."""

from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Comment, Effect, Moderator, Role, Rule, Site, Status, Subject
from app.screening import rules
from tests.cast import a_moderator, a_site
from tests.web.test_desk import said, sends
from tests.web.test_queue import ENGLISH, at_the_desk, paper, status_of

__all__ = ["paper"]

AUTHOR, EMAIL = "author", "email"
FOR_ADMINS = ("email_domain", "address", "link_domain")


@pytest.fixture
def comment(app: Flask, alice: Moderator, db_session: Session) -> Comment:
    (found,) = said(app, db_session, "see https://casino.example")
    db_session.commit()
    return found


def choices(comment: Comment, db_session: Session) -> dict[str, str]:
    found = {
        AUTHOR: f"author {comment.author_id}", EMAIL: "email hanako@readers.example",
        "email_domain": "email_domain readers.example", "address": f"address {comment.address}",
        "link_domain": "link_domain casino.example",
    }  # fmt: skip
    db_session.commit()
    return found


def standing(db_session: Session) -> list[Rule]:
    db_session.expire_all()
    found = list(db_session.scalars(select(Rule).where(Rule.ended_at.is_(None))))
    db_session.commit()
    return found


def path_of(comment: Comment) -> str:
    return f"/moderate/comments/{comment.id}/block"


@pytest.mark.parametrize("subject", [AUTHOR, EMAIL])
def test_a_moderator_blocks_one_person_for_a_while(
    app: Flask, comment: Comment, alice: Moderator, db_session: Session, subject: str
) -> None:
    desk, what = at_the_desk(app), choices(comment, db_session)[subject]
    answer = sends(desk, path_of(comment), fetch=True, what=what, days="7", clear="1")
    assert answer.status_code == 200 and "Blocked until" in answer.text and "Comments marked as spam: 1." in answer.text
    (rule,) = standing(db_session)
    assert (rule.subject, rule.made_by_id) == (subject, alice.id)
    assert rule.expires_at and (rule.expires_at - rule.made_at).days in (6, 7)


@pytest.mark.parametrize("email", ["none", "none@", "@none", "a b@readers.example", "a@localhost"])
def test_a_comment_with_an_address_that_is_none_can_be_blocked(
    app: Flask, comment: Comment, alice: Moderator, db_session: Session, email: str
) -> None:
    """Other programs took such addresses, and imports keep them."""
    alice.memberships[0].role, comment.author.email = Role.OWNER, email
    db_session.commit()
    desk, what = at_the_desk(app), choices(comment, db_session)[AUTHOR]
    page = desk.get(path_of(comment))
    assert page.status_code == 200 and what in page.text and f"email {email}" not in page.text
    assert sends(desk, path_of(comment), what=f"email {email}", days="7").status_code == 422
    assert sends(desk, path_of(comment), what=what, days="7").status_code == 303


@pytest.mark.parametrize("subject", FOR_ADMINS)
@pytest.mark.parametrize("role", [Role.MODERATOR, Role.ADMIN])
def test_domains_and_networks_are_for_administrators(
    app: Flask, comment: Comment, alice: Moderator, db_session: Session, subject: str, role: Role
) -> None:
    alice.memberships[0].role = role
    may = role != Role.MODERATOR
    what = choices(comment, db_session)[subject]
    desk = at_the_desk(app)
    page = BeautifulSoup(desk.get(path_of(comment)).text, "html.parser")
    assert bool(page.select_one(f'[value="{what}"]')) is may
    answer = sends(desk, path_of(comment), what=what, days="7", clear="1")
    assert (answer.status_code, len(standing(db_session))) == ((303, 1) if may else (403, 0))
    assert (status_of(db_session, comment) == Status.SPAM) is may


@pytest.mark.parametrize("days", ["", "0", "91", "-1", "x"])
def test_a_moderators_block_has_an_end(app: Flask, comment: Comment, db_session: Session, days: str) -> None:
    what = choices(comment, db_session)[AUTHOR]
    desk = at_the_desk(app)
    page = BeautifulSoup(desk.get(path_of(comment)).text, "html.parser")
    assert page.select_one("[name=days][required][min='1'][max='90']")
    assert sends(desk, path_of(comment), what=what, days=days, clear="1").status_code in (400, 422)
    assert standing(db_session) == [] and status_of(db_session, comment) == Status.PENDING


def test_an_owners_block_needs_no_end(app: Flask, comment: Comment, alice: Moderator, db_session: Session) -> None:
    alice.memberships[0].role = Role.OWNER
    what = choices(comment, db_session)[AUTHOR]
    assert sends(at_the_desk(app), path_of(comment), what=what).status_code == 303
    (rule,) = standing(db_session)
    assert rule.expires_at is None


@pytest.mark.parametrize("effect", ["allow", "hold"])
@pytest.mark.parametrize("role", [Role.MODERATOR, Role.ADMIN])
def test_trust_and_always_hold_by_a_moderator_expire(
    app: Flask, comment: Comment, alice: Moderator, db_session: Session, effect: str, role: Role
) -> None:
    alice.memberships[0].role = role
    db_session.commit()
    path, desk = f"/moderate/comments/{comment.id}/author", at_the_desk(app)
    answer = sends(desk, path, fetch=True, effect=effect)
    (rule,) = standing(db_session)
    days = rule.expires_at and round((rule.expires_at - rule.made_at) / timedelta(days=1))
    assert (rule.effect, days) == (effect, 90 if role == Role.MODERATOR else None)
    assert ("until" in answer.text) is (role == Role.MODERATOR)


def test_a_moderator_does_not_shorten_what_an_administrator_trusts(
    app: Flask, comment: Comment, paper: Site, db_session: Session
) -> None:
    owner = a_moderator(db_session, paper, "bob", Role.OWNER)
    (made,) = rules.create([rules.draft(paper, Subject.AUTHOR, Effect.ALLOW, str(comment.author_id))], by=owner)
    db_session.commit()
    answer = sends(at_the_desk(app), f"/moderate/comments/{comment.id}/author", fetch=True, effect="allow")
    assert answer.status_code == 200 and "is now trusted." in answer.text
    assert [rule.id for rule in standing(db_session)] == [made.id]


@pytest.mark.parametrize("act", ["block", "trust", "hold"])
@pytest.mark.parametrize("maker", ["owner", "operator", "colleague"])
def test_a_moderator_does_not_replace_others_blocks(
    app: Flask, comment: Comment, alice: Moderator, paper: Site, db_session: Session, act: str, maker: str
) -> None:
    role = Role.OWNER if maker == "owner" else Role.MODERATOR
    by = None if maker == "operator" else a_moderator(db_session, paper, "bob", role)
    author = str(comment.author_id)
    (made,) = rules.create([rules.draft(paper, Subject.AUTHOR, Effect.SPAM, author)], by=by)
    db_session.commit()
    desk = at_the_desk(app)
    if act == "block":
        answer = sends(desk, path_of(comment), what=f"author {author}", days="1", clear="1")
    else:
        path = f"/moderate/comments/{comment.id}/author"
        answer = sends(desk, path, effect="allow" if act == "trust" else "hold")
    assert answer.status_code == 409 and [rule.id for rule in standing(db_session)] == [made.id]
    assert status_of(db_session, comment) == Status.PENDING


def test_moderators_see_and_end_their_own(
    app: Flask, comment: Comment, alice: Moderator, paper: Site, db_session: Session
) -> None:
    a_moderator(db_session, paper, "bob")
    a_moderator(db_session, a_site(db_session, "other"), "carol", Role.OWNER)
    desk = at_the_desk(app)
    assert "You haven’t blocked anyone." in desk.get("/moderate/blocks", headers=ENGLISH).text
    sends(desk, path_of(comment), what=choices(comment, db_session)[EMAIL], days="7", reason="rude")
    (rule,) = standing(db_session)
    page = desk.get("/moderate/blocks", headers=ENGLISH).text
    assert "hanako@readers.example" in page and "rude" in page and page.count("<time") == 2
    end = f"/moderate/blocks/{rule.id}/end"
    for name in ("bob", "carol"):
        other = at_the_desk(app, name)
        assert "hanako" not in other.get("/moderate/blocks").text
        assert sends(other, end).status_code == 404
    assert [each.id for each in standing(db_session)] == [rule.id]
    assert sends(desk, end).status_code == 303
    assert standing(db_session) == [] and "hanako" not in desk.get("/moderate/blocks").text

"""Signed links in emails: opening shows a page, only its button acts, once, and only unmodified."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.lib.signing import sign
from app.models import Comment, Decision, Moderator, Status
from app.notify import decision_links
from tests.cast import a_moderator, a_site, move
from tests.web.test_queue import comment, hidden, let_go, paper, status_of

__all__ = ["comment", "paper"]


@pytest.fixture
def link(alice: Moderator, comment: Comment) -> str:
    return path_of(comment, alice)


def path_of(comment: Comment, moderator: Moderator) -> str:
    link = decision_links.link_for(comment, Status.APPROVED, moderator)
    let_go(comment)
    return link.removeprefix("http://localhost")


def test_looking_at_a_link_does_nothing_however_often(
    app: Flask, link: str, comment: Comment, db_session: Session
) -> None:
    scanner = app.test_client()
    before = db_session.scalar(select(func.count()).select_from(Decision))
    db_session.commit()
    for method in ("GET", "HEAD", "OPTIONS") * 3:
        answer = scanner.open(link, method=method)
        assert answer.status_code == 200
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "First!" in scanner.get(link).text
    assert status_of(db_session, comment) == Status.PENDING
    assert db_session.scalar(select(func.count()).select_from(Decision)) == before


def test_its_button_acts_in_the_name_of_its_moderator_and_once(
    app: Flask, link: str, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    phone = app.test_client()
    token = hidden(phone.get(link), "csrf_token")
    answer = phone.post(link, data={"csrf_token": token})
    assert (answer.status_code, answer.location) == (303, link)
    assert "Alice: Approved" in phone.get(link, headers={"Accept-Language": "en"}).text
    assert status_of(db_session, comment) == Status.APPROVED
    newest = Decision.newest_of(comment)
    assert newest and newest.moderator_id == alice.id
    move(db_session, comment, Status.SPAM, by=alice)
    assert phone.post(link, data={"csrf_token": token}).status_code == 409
    assert status_of(db_session, comment) == Status.SPAM


def test_a_link_is_no_log_in(app: Flask, link: str) -> None:
    phone = app.test_client()
    phone.post(link, data={"csrf_token": hidden(phone.get(link), "csrf_token")})
    assert phone.get("/moderate/").status_code == 303


def test_its_button_needs_the_pages_token(app: Flask, link: str, comment: Comment, db_session: Session) -> None:
    assert app.test_client().post(link).status_code == 400
    assert status_of(db_session, comment) == Status.PENDING


def test_a_changed_link_opens_nothing(app: Flask, link: str) -> None:
    visitor = app.test_client()
    assert visitor.get(link).status_code == 200
    path, token = link.rsplit("/", 1)
    # Only some bits of the last character count.
    for at in range(len(token) - 1):
        other = "A" if token[at] != "A" else "B"
        changed = token[:at] + other + token[at + 1 :]
        assert visitor.get(f"{path}/{changed}").status_code == 410, at


def test_a_token_of_another_purpose_opens_nothing(app: Flask, alice: Moderator, comment: Comment) -> None:
    claim = [comment.id, comment.site_id, "approved", comment.version, alice.id]
    let_go(comment)
    assert app.test_client().get(f"/act/{sign('edit', claim)}").status_code == 410
    assert app.test_client().get(f"/act/{sign('decide', claim)}").status_code == 200


def test_a_link_ends_with_its_time_and_with_its_moderators_role(
    app: Flask, link: str, alice: Moderator, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as played:
        played.setattr(decision_links, "LASTS", timedelta(seconds=-1))
        assert app.test_client().get(link).status_code == 410
    assert app.test_client().get(link).status_code == 200
    alice.memberships.clear()
    db_session.commit()
    assert app.test_client().get(link).status_code == 410


def test_bobs_link_does_not_reach_alices_site(
    app: Flask, comment: Comment, alice: Moderator, db_session: Session
) -> None:
    bob = a_moderator(db_session, a_site(db_session, "other"), "bob")
    assert app.test_client().get(path_of(comment, bob)).status_code == 410

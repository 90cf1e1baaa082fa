"""The log: every decision with who, what and when, and the way back."""

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy.orm import Session

from app.models import Comment, Moderator, Status
from app.moderation import history
from app.moderation.decide import decide, undo
from tests.cast import a_moderator, move
from tests.web.test_queue import ENGLISH, _readable, alice, at_the_desk, comment, paper, status_of

__all__ = ["_readable", "alice", "comment", "paper"]


def rows(answer) -> list[str]:
    found = BeautifulSoup(answer.text, "html.parser").select("[data-decision-id]")
    return [" ".join(row.select_one(".what").text.split()) for row in found]


def test_the_log_has_every_decision_newest_first(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    decision = decide(comment, Status.REJECTED, seen=comment.version, by=alice)
    undo(decision, by=alice)
    db_session.commit()
    shown = rows(at_the_desk(app).get("/moderate/log", headers=ENGLISH))
    assert [row.split()[0] for row in shown] == ["Pending", "Rejected", "Pending"]
    assert shown[0].endswith("Undone") and "Alice" in shown[1] and "Screening" in shown[2]


def test_the_log_is_narrowed_by_status_and_by_moderator(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    bob = a_moderator(db_session, comment.site, "bob")
    move(db_session, comment, Status.SPAM, by=bob)
    move(db_session, comment, Status.APPROVED, by=alice)
    bobs = bob.id
    db_session.commit()
    desk = at_the_desk(app)
    for query, expected in (
        (f"moderator={bobs}", ["Spam"]),
        ("status=approved", ["Approved"]),
        (f"moderator={bobs}&status=approved", []),
        ("status=&moderator=", ["Approved", "Spam", "Pending"]),
    ):
        shown = rows(desk.get(f"/moderate/log?{query}", headers=ENGLISH))
        assert [row.split()[0] for row in shown] == expected
    assert desk.get("/moderate/log?status=x").status_code == 404


def test_only_what_still_stands_can_be_taken_back_from_the_log(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    move(db_session, comment, Status.SPAM, by=alice)
    move(db_session, comment, Status.APPROVED, by=alice)
    desk = at_the_desk(app)
    (form,) = BeautifulSoup(desk.get("/moderate/log").text, "html.parser").select("ol form")
    desk.post(form["action"], data={each["name"]: each["value"] for each in form.select("input")})
    assert status_of(db_session, comment) == Status.SPAM


def test_the_log_goes_on_page_by_page(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PAGE", 2)
    for status in (Status.SPAM, Status.APPROVED, Status.REJECTED, Status.PENDING):
        move(db_session, comment, status, by=alice)
    desk, path, seen = at_the_desk(app), "/moderate/log", []
    while path:
        page = desk.get(path, headers=ENGLISH)
        seen += rows(page)
        link = BeautifulSoup(page.text, "html.parser").select_one("a[rel=next]")
        path = link and link["href"]
    assert [row.split()[0] for row in seen] == ["Pending", "Rejected", "Approved", "Spam", "Pending"]

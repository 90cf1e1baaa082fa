"""One request can decide, undo or show five hundred comments."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from app.abuse.bounds import MOST_FIELDS
from app.desk import batch
from app.desk.queue import PAGE
from app.models import Comment, Decision, Lease, Moderator, Status
from tests.web.test_desk import said, sends
from tests.web.test_queue import at_the_desk, paper

__all__ = ["paper"]

TOO_MANY = f"Select {batch.MOST} comments or fewer."
ROUTES = ["/moderate/decisions", "/moderate/decisions/undo", "/moderate/leases"]


@pytest.fixture
def rows(app: Flask, alice: Moderator, db_session: Session) -> list[str]:
    """The maximum number of pending comments in a batch, as form values."""
    (first,) = said(app, db_session, "one")
    table: Any = Comment.__table__
    given = db_session.execute(select(table).where(table.c.id == first.id)).mappings().one()
    copies = [
        dict(given) | {"id": first.id + at, "path": f"{at:06d}", "request_key": None, "text_key": None}
        for at in range(1, batch.MOST)
    ]
    db_session.execute(insert(table), copies)
    db_session.commit()
    return [f"{first.id + at}.{first.version}" for at in range(batch.MOST)]


def count(db_session: Session, status: Status) -> int:
    db_session.expire_all()
    found = db_session.scalar(select(func.count()).select_from(Comment).where(Comment.status == status)) or 0
    db_session.commit()
    return found


def test_five_hundred_are_decided_and_undone_in_one_request_each(
    app: Flask, rows: list[str], alice: Moderator, db_session: Session
) -> None:
    desk = at_the_desk(app)
    # Does not train the filter, which would take longer than the rest of the test.
    answer = sends(desk, "/moderate/decisions", fetch=True, status="rejected", comment=rows)
    assert answer.status_code == 200 and f"{batch.MOST} comments" in answer.text
    assert count(db_session, Status.REJECTED) == batch.MOST
    made = list(db_session.scalars(select(Decision.id).where(Decision.moderator_id == alice.id)))
    db_session.commit()
    answer = sends(desk, "/moderate/decisions/undo", fetch=True, decision=[str(id) for id in made])
    assert answer.status_code == 200
    assert count(db_session, Status.PENDING) == batch.MOST


@pytest.mark.parametrize("field", ["comment", "shown"])
def test_one_more_than_five_hundred_is_refused_with_the_sentence(
    app: Flask, alice: Moderator, db_session: Session, field: str
) -> None:
    (one,) = said(app, db_session, "one")
    given = [f"{one.id + at}.{one.version}" for at in range(batch.MOST + 1)]
    db_session.commit()
    answer = sends(at_the_desk(app), "/moderate/decisions", status="spam", **{field: given})
    assert answer.status_code == 422 and TOO_MANY in answer.text
    assert count(db_session, Status.PENDING) == 1


def test_an_undo_of_more_than_five_hundred_is_refused_and_not_cut(app: Flask, alice: Moderator) -> None:
    given = [str(id) for id in range(1, batch.MOST + 2)]
    answer = sends(at_the_desk(app), "/moderate/decisions/undo", decision=given)
    assert answer.status_code == 422 and TOO_MANY in answer.text


def test_a_page_without_a_script_may_send_each_comment_as_marked_and_as_shown(app: Flask, alice: Moderator) -> None:
    given = [f"{at}.1" for at in range(1, batch.MOST + 1)]
    answer = sends(at_the_desk(app), "/moderate/decisions", status="spam", comment=given, shown=given)
    assert answer.status_code == 303


def test_all_cards_on_the_screen_can_be_leased_after_a_large_undo(
    app: Flask, rows: list[str], db_session: Session
) -> None:
    ids = [row.split(".")[0] for row in rows]
    assert sends(at_the_desk(app), "/moderate/leases", fetch=True, comment=ids).status_code == 200
    assert db_session.scalar(select(func.count()).select_from(Lease)) == 4 * PAGE
    db_session.commit()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("form", ["urlencoded", "multipart"])
@pytest.mark.parametrize("path", ROUTES)
def test_only_a_moderator_who_is_logged_in_may_send_so_many(app: Flask, alice: Moderator, path: str, form: str) -> None:
    fields = {"comment": ["1.1"] * (MOST_FIELDS + 1)}
    more = {"content_type": "multipart/form-data"} if form == "multipart" else {}
    stranger = app.test_client()
    assert stranger.post(path, data=fields, **more).status_code == 413
    stranger.set_cookie(app.config["SESSION_COOKIE_NAME"], "forged.by.a.stranger")
    assert stranger.post(path, data=fields, **more).status_code == 413
    desk = at_the_desk(app)
    assert desk.post(path, data=fields, **more).status_code == 400, "read, and without the token"
    assert desk.post("/account/language", data=fields, **more).status_code == 413
    fields = {"comment": ["1.1"] * 3 * batch.MOST}
    assert desk.post(path, data=fields, **more).status_code == 413

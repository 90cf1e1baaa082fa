"""Authors edit or withdraw their comment within a time limit, with their token."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.models import Actor, Comment, Revision, Status
from app.moderation.decide import decide
from tests.cast import Reader, a_moderator, a_site, move, the_comment


def amends(reader: Reader, id: int, action: str, **more: str) -> TestResponse:
    return reader.client.post(f"/embed/comments/{id}/{action}", data=reader.fields(token=reader.token) | more)


def test_an_edit_is_shown_and_the_earlier_text_is_kept(hanako: Reader, db_session: Session) -> None:
    a_site(db_session)
    hanako.post("before")
    id = the_comment(db_session, "before").id
    assert amends(hanako, id, "edit", body="after").status_code == 200
    assert "after" in hanako.get_thread().text and "before" not in hanako.get_thread().text
    db_session.expire_all()
    assert [revision.body for revision in db_session.query(Revision)] == ["before"]


def test_an_edit_that_gains_links_goes_back_to_the_queue(hanako: Reader, db_session: Session) -> None:
    a_site(db_session)
    hanako.post("harmless")
    id = the_comment(db_session, "harmless").id
    amends(hanako, id, "edit", body="https://a.example https://b.example")
    assert the_comment(db_session, "https://a.example https://b.example").status == Status.PENDING
    assert "a.example" not in hanako.get_thread().text


def test_a_withdrawn_comment_leaves_a_place_where_others_answered(hanako: Reader, db_session: Session) -> None:
    a_site(db_session)
    hanako.post("root")
    id, token = the_comment(db_session, "root").id, hanako.token
    hanako.post("answer", parent=id)
    hanako.token = token
    assert amends(hanako, id, "withdraw").status_code == 200
    page = hanako.get_thread().text
    assert "root" not in page and "answer" in page and f'id="comment-{id}"' in page
    assert 'data-total="1"' in page


def test_a_withdrawn_comment_without_answers_is_gone(hanako: Reader, db_session: Session) -> None:
    a_site(db_session)
    hanako.post("alone")
    id = the_comment(db_session, "alone").id
    amends(hanako, id, "withdraw")
    assert f"comment-{id}" not in hanako.get_thread().text


def test_other_readers_may_not_amend_it(hanako: Reader, db_session: Session, app: Flask) -> None:
    a_site(db_session)
    hanako.post("mine")
    id = the_comment(db_session, "mine").id
    thief = Reader(app.test_client(), token="forged")
    assert amends(thief, id, "edit", body="stolen").status_code == 403
    hanako.post("another of mine")
    assert amends(hanako, id, "withdraw").status_code == 403
    assert "mine" in hanako.get_thread().text


def test_the_window_closes(hanako: Reader, db_session: Session) -> None:
    a_site(db_session)
    hanako.post("old")
    comment = the_comment(db_session, "old")
    comment.created_at -= timedelta(minutes=16)
    db_session.commit()
    assert amends(hanako, comment.id, "edit", body="late").status_code == 403
    assert "late" not in hanako.get_thread().text


def test_a_judged_comment_is_not_polished(hanako: Reader, db_session: Session) -> None:
    a_site(db_session)
    hanako.post("bad")
    comment = the_comment(db_session, "bad")
    move(db_session, comment, Status.REJECTED)
    assert amends(hanako, comment.id, "edit", body="good").status_code == 403


def edited(reader: Reader, db_session: Session, comment: Comment, body: str) -> tuple[str, list[str]]:
    """The status after an edit, and the checks that are told."""
    assert amends(reader, comment.id, "edit", body=body).status_code == 200
    found = the_comment(db_session, body)
    return found.status, [reason["check"] for reason in found.reasons]


@pytest.mark.parametrize(
    ("asks", "check"),
    [({"min_seconds": 2}, "timing"), ({"flood_per_site": 1}, "flood")],
    ids=["without our form", "in a burst"],
)
def test_an_edit_does_not_lift_a_hold_that_is_not_about_the_text(
    hanako: Reader, db_session: Session, asks: dict[str, int], check: str
) -> None:
    site = a_site(db_session, **asks)
    if check == "flood":
        Reader(hanako.client, "Taro", "taro@readers.example").post("the first of the burst")
    assert hanako.post("held").status_code == 202
    comment = the_comment(db_session, "held")
    site.pressed_until, site.flood_per_site = None, 0
    db_session.commit()
    for body in ("held, edited", "held, edited again"):
        assert edited(hanako, db_session, comment, body) == (Status.PENDING, [check])


def test_an_edit_does_not_lift_the_hold_of_another_name(hanako: Reader, db_session: Session) -> None:
    site = a_site(db_session, approvals_needed=1)
    hanako.post("approved")
    move(db_session, the_comment(db_session, "approved"), Status.APPROVED, by=a_moderator(db_session, site))
    assert hanako.post("as another", name="Bank", website="https://bank.example").status_code == 202
    comment = the_comment(db_session, "as another")
    assert edited(hanako, db_session, comment, "as another one") == (Status.PENDING, ["changed"])


def test_a_second_edit_does_not_publish_the_link_of_the_first(hanako: Reader, db_session: Session) -> None:
    a_site(db_session)
    hanako.post("harmless")
    comment = the_comment(db_session, "harmless")
    assert edited(hanako, db_session, comment, "see https://a.example")[0] == Status.PENDING
    assert edited(hanako, db_session, comment, "look: https://a.example") == (Status.PENDING, ["gained_links"])
    assert edited(hanako, db_session, comment, "harmless again") == (Status.APPROVED, [])


@pytest.mark.parametrize("held_by", ["moderator", "reports", "appeal"])
def test_an_edit_does_not_publish_what_people_put_into_the_queue(
    hanako: Reader, db_session: Session, held_by: str
) -> None:
    alice = a_moderator(db_session, a_site(db_session))
    hanako.post("public")
    comment = the_comment(db_session, "public")
    if held_by == "appeal":
        move(db_session, comment, Status.REJECTED, by=alice)
    actor = {"moderator": Actor.MODERATOR, "reports": Actor.SYSTEM, "appeal": Actor.AUTHOR}[held_by]
    by = alice if held_by == "moderator" else None
    decide(comment, Status.PENDING, seen=comment.version, by=by, actor=actor)
    db_session.commit()
    for body in ("public, edited", "public, edited again"):
        assert edited(hanako, db_session, comment, body) == (Status.PENDING, ["edited"])
    assert "edited" not in hanako.get_thread().text
    move(db_session, comment, Status.APPROVED, by=alice)
    assert edited(hanako, db_session, comment, "after a look") == (Status.APPROVED, [])

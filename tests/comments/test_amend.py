"""Authors edit or withdraw their comment within a time limit, with their token."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.models import Revision, Status
from tests.cast import Reader, a_site, move, the_comment


@pytest.fixture
def hanako(client: FlaskClient) -> Reader:
    return Reader(client)


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

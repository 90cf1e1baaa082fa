"""A page is moved, merged, closed or removed between the moment a request reads its thread and the moment it writes."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from time import sleep
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from app.database import write_transaction
from app.extensions import db
from app.models import Comment, Site, State, Status, Thread
from app.moderation import decide as deciding
from app.transfer import moves
from tests.cast import ORIGIN, PAGE, Reader, move, the_comment

API = "/api/v1/comments"
WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


pytestmark = pytest.mark.usefixtures("paper")


@pytest.fixture
def concurrently(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Run a function in another transaction, between a request's first read and its write lock."""

    def install(act: Callable[[], Any]) -> None:
        left = [act]

        @contextmanager
        def interrupted() -> Iterator[None]:
            if left:
                with ThreadPoolExecutor(1) as other:
                    other.submit(_in_a_transaction, app, left.pop()).result()
            with write_transaction():
                yield

        for view in ("app.web.comments", "app.api.comments"):
            monkeypatch.setattr(f"{view}.write_transaction", interrupted)

    return install


def _in_a_transaction(app: Flask, act: Callable[[], Any]) -> None:
    with app.app_context():
        act()
        db.session.commit()
        db.session.remove()


def site() -> Site:
    found = Site.with_key("paper")
    assert found
    return found


def remap(old: str, new: str) -> None:
    moves.remap(site(), [(old, new)])


def the_thread() -> Thread:
    return db.session.scalars(select(Thread)).one()


def close() -> None:
    the_thread().state = State.CLOSED


def hide() -> None:
    the_thread().state = State.HIDDEN


def close_site() -> None:
    site().open = False


def withdraw_parent() -> None:
    parent = db.session.scalars(select(Comment)).one()
    deciding.decide(parent, Status.DELETED, seen=parent.version)


def remove_site() -> None:
    db.session.execute(delete(Comment))
    db.session.execute(delete(Site))


def assert_counted(db_session: Session) -> None:
    """Each thread's counter is the number of its approved comments."""
    db_session.expire_all()
    approved = select(func.count()).where(Comment.thread_id == Thread.id, Comment.status == Status.APPROVED)
    counts = db_session.execute(select(Thread.approved_count, approved.scalar_subquery())).all()
    assert all(kept == counted for kept, counted in counts), counts
    db_session.commit()


@pytest.mark.parametrize("there_already", [False, True], ids=["move", "merge"])
@pytest.mark.parametrize("program", [False, True], ids=["form", "api"])
def test_a_comment_goes_where_its_page_went(
    hanako: Reader, db_session: Session, concurrently: Callable[..., None], there_already: bool, program: bool
) -> None:
    hanako.post("first")
    if there_already:
        Reader(hanako.client, url=f"{ORIGIN}/new").post("there already")
    concurrently(lambda: remap("/story", "/new"))
    given = {"site": "paper", "url": PAGE, "body": "late", "name": "Hanako", "email": "hanako@readers.example"}
    answer = hanako.client.post(API, json=given) if program else hanako.post("late")
    assert answer.status_code == 201
    assert the_comment(db_session, "late").thread.key == f"{ORIGIN}/new"
    assert "late" in hanako.get_thread(url=f"{ORIGIN}/new").text and "late" in hanako.get_thread().text
    assert_counted(db_session)


def test_a_first_comment_finds_the_page_that_moved_there(
    hanako: Reader, db_session: Session, concurrently: Callable[..., None]
) -> None:
    Reader(hanako.client, url=f"{ORIGIN}/old").post("first")
    concurrently(lambda: remap("/old", "/story"))
    assert hanako.post("late").status_code == 201
    assert db_session.query(Thread).count() == 1
    assert_counted(db_session)


@pytest.mark.parametrize("act", [close, hide, close_site])
def test_a_page_that_was_closed_takes_nothing_more(
    hanako: Reader, db_session: Session, concurrently: Callable[..., None], act: Callable[[], None]
) -> None:
    hanako.post("first")
    concurrently(act)
    answer = hanako.post("late")
    assert answer.status_code == 403 and "受け付けていません" in answer.text
    assert db_session.query(Comment).count() == 1


def test_a_reply_to_a_withdrawn_comment_is_refused(
    hanako: Reader, db_session: Session, concurrently: Callable[..., None]
) -> None:
    hanako.post("first")
    parent = the_comment(db_session, "first").id
    concurrently(withdraw_parent)
    assert hanako.post("late", parent=parent).status_code == 422
    assert db_session.query(Comment).count() == 1


@pytest.mark.parametrize("first", [True, False], ids=["page with comments", "page without"])
def test_a_site_that_was_removed_is_not_found(
    hanako: Reader, db_session: Session, concurrently: Callable[..., None], first: bool
) -> None:
    if first:
        hanako.post("first")
    concurrently(remove_site)
    assert hanako.post("late").status_code == 404
    assert db_session.query(Comment).count() == 0


@pytest.mark.parametrize("act", ["edit", "withdraw", "decide", "report"])
def test_a_change_to_a_moved_comment_reaches_its_new_page(
    hanako: Reader, db_session: Session, app: Flask, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    """The comment was read with its thread; the merge is committed before the comment is changed."""
    Reader(hanako.client, url=f"{ORIGIN}/new").post("there already")
    hanako.post("first")
    comment = the_comment(db_session, "first")
    move_to, moving = Comment.move_to, list[Future[None]]()
    other = ThreadPoolExecutor(1)
    postgres = db_session.get_bind().dialect.name == "postgresql"

    def interrupted(self: Comment, *given: Any, **more: Any) -> bool:
        assert self.thread.id
        # SQLite serialises writers, so the merge cannot run in between.
        if not moving and postgres and act != "edit":
            moving.append(other.submit(_in_a_transaction, app, lambda: remap("/story", "/new")))
            # Where the request already holds the comment's lock, the merge waits for it.
            while not moving[0].done() and not _waits_for_a_lock():
                sleep(0.01)
        return move_to(self, *given, **more)

    if act == "edit" or not postgres:
        with app.app_context():
            remap("/story", "/new")
            db.session.commit()
    monkeypatch.setattr(Comment, "move_to", interrupted)
    path = f"/embed/comments/{comment.id}"
    if act == "edit":
        answer = hanako.client.post(f"{path}/edit", data=hanako.fields(token=hanako.token, body="changed"))
    elif act == "withdraw":
        answer = hanako.client.post(f"{path}/withdraw", data=hanako.fields(token=hanako.token))
    elif act == "report":
        given = {"reason": "spam"}
        answer = hanako.client.post(f"/embed/report/{comment.id}", data=given)
    else:
        with app.app_context():
            move(db.session(), db.session.get_one(Comment, comment.id), Status.SPAM)
        answer = None
    assert answer is None or answer.status_code == 200
    other.shutdown()
    assert all(each.exception() is None for each in moving)
    assert_counted(db_session)
    assert db_session.query(Thread).count() == 1


def _waits_for_a_lock() -> bool:
    with db.engine.connect() as connection:
        return bool(connection.scalar(WAITING))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("thinks_s", [0, 1.5 * moves.LOCK_TIMEOUT_MS / 1000])
def test_a_move_lets_a_decision_go_first(hanako: Reader, db_session: Session, app: Flask, thinks_s: float) -> None:
    """In the other order PostgreSQL would detect a deadlock and abort one transaction.

    If the decision takes longer than the move waits, the move starts again.
    """
    Reader(hanako.client, url=f"{ORIGIN}/new").post("there already")
    hanako.post("first")
    comment = db_session.query(Comment).filter_by(body="first").one()
    db_session.refresh(comment, with_for_update=True)
    with ThreadPoolExecutor(1) as other:
        moving = other.submit(_in_a_transaction, app, lambda: remap("/story", "/new"))
        while not db_session.scalar(WAITING):
            assert not moving.done()
        sleep(thinks_s)
        move(db_session, comment, Status.SPAM)
        moving.result()
    assert_counted(db_session)
    assert db_session.query(Thread).count() == 1

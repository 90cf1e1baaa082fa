"""A comment is inserted with its author and first decision or not at all; concurrent inserts too."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.database import new_ids
from app.extensions import db
from app.models import Actor, Author, Comment, Decision, DuplicateComment, Status, Thread, insert_comment, insert_record
from app.models.path import place_of

AT_ONCE = 8
OWN = {"id", "author_id", "comment_id", "root_id", "path", "created_at", "made_at"}


def records(
    thread: Thread, status: Status = Status.APPROVED, parent: Comment | None = None, **more: Any
) -> tuple[Comment, Decision]:
    """A comment with its place, and its first decision."""
    ours: dict[str, Any] = {"site_id": thread.site_id}
    author = more.pop("author", None) or Author(**ours, name="花子", email="hanako@readers.example", website="")
    said = {"body": "Said", "html": "<p>Said</p>", "renderer": 1, "reasons": [{"check": "words"}], "score": 0.25}
    comment = Comment.new(**ours, **said, author=author, name="花子", **more)
    comment.attach(thread, parent, 3)
    comment.begin(status, lane=0)
    decision = Decision(**ours, comment=comment, to_status=status, version=2, actor=Actor.SCREENING, reason="words")
    return comment, decision


def bare_records(thread: Thread) -> tuple[Author, Comment, Decision]:
    """One of each, with no more than they must have."""
    ours: dict[str, Any] = {"site_id": thread.site_id}
    author = Author(**ours, site=thread.site, name="花子", email="hanako@readers.example")
    comment = Comment(**ours, thread_id=thread.id, author=author, body="Said", html="<p>Said</p>", renderer=1)
    decision = Decision(**ours, comment=comment, to_status=Status.PENDING, version=2, actor=Actor.SCREENING)
    return author, comment, decision


def written(db_session: Session, record: Any) -> dict[str, Any]:
    """The row without ids and times."""
    table = type(record).__table__
    row = db_session.execute(select(table).where(table.c.id == record.id)).one()
    return {name: value for name, value in row._mapping.items() if name not in OWN}


def counts(db_session: Session) -> tuple[int, int, int, int]:
    """Authors, comments, decisions, and what the thread says that the public sees."""
    kinds = (Author, Comment, Decision)
    rows = [db_session.scalar(select(func.count()).select_from(kind)) for kind in kinds]
    return *rows, db_session.scalar(select(Thread.__table__.c.approved_count))


def until_a_lock_is_awaited(db_session: Session) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    for _ in range(600):
        if db_session.scalar(waiting):
            return
        time.sleep(0.05)
    raise AssertionError("nobody waits for a lock")


@pytest.mark.parametrize("status", [Status.APPROVED, Status.PENDING])
def test_the_rows_are_those_that_the_unit_of_work_writes(db_session: Session, thread: Thread, status: Status) -> None:
    usual = records(thread, status)
    db_session.add(usual[0].author)
    db_session.flush()
    usual[0].author_id = usual[0].author.id
    usual[0].number(*new_ids(Comment, 1))
    db_session.add_all(usual)
    db_session.flush()
    comment, decision = records(thread, status)
    insert_comment(comment, decision)
    db_session.commit()
    for kept, other in ((comment.author, usual[0].author), (comment, usual[0]), (decision, usual[1])):
        assert kept.id > other.id and written(db_session, kept) == written(db_session, other)
    assert (comment.author_id, decision.comment_id) == (comment.author.id, comment.id)
    db_session.refresh(thread)
    assert (thread.approved_count, thread.version) == ((1, 2) if status == Status.APPROVED else (0, 1))


def test_a_reply_has_its_place_below_what_it_answers(db_session: Session, thread: Thread) -> None:
    above, _ = kept = records(thread)
    insert_comment(*kept)
    reply, _ = answered = records(thread, parent=above)
    insert_comment(*answered)
    db_session.commit()
    for comment, path in ((above, ""), (reply, above.path)):
        place = place_of(comment.id, path, 3)
        assert {name: getattr(comment, name) for name in place} == place


def test_an_author_who_is_known_stays_the_same(db_session: Session, thread: Thread) -> None:
    first, _ = kept = records(thread)
    insert_comment(*kept)
    db_session.commit()
    again, _ = more = records(thread, author=first.author)
    insert_comment(*more)
    db_session.commit()
    assert again.author_id == first.author_id and counts(db_session) == (1, 2, 2, 2)


@pytest.mark.parametrize("known", [False, True])
def test_a_duplicate_insert_leaves_no_rows(db_session: Session, thread: Thread, known: bool) -> None:
    first, _ = kept = records(thread, text_key="same")
    insert_comment(*kept)
    db_session.commit()
    before = counts(db_session)
    with pytest.raises(DuplicateComment):
        insert_comment(*records(thread, text_key="same", author=first.author if known else None))
    db_session.commit()
    assert counts(db_session) == before == (1, 1, 1, 1)


def test_a_reply_that_is_there_already_is_not_counted_again(db_session: Session, thread: Thread) -> None:
    above, _ = kept = records(thread)
    insert_comment(*kept)
    insert_comment(*records(thread, parent=above, text_key="same"))
    db_session.commit()
    with pytest.raises(DuplicateComment):
        insert_comment(*records(thread, parent=above, text_key="same"))
    db_session.commit()
    db_session.refresh(above)
    assert above.approved_descendants == 2 and counts(db_session) == (2, 2, 2, 2)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_reply_and_a_decision_about_what_it_answers_do_not_wait_for_each_other(
    app: Flask, db_session: Session, thread: Thread
) -> None:
    """A decision has its comment, then those above it, and then the thread; so must who comes with a reply."""
    above, _ = kept = records(thread)
    insert_comment(*kept)
    db_session.commit()
    id = above.id
    db_session.rollback()

    def reply() -> None:
        with app.app_context():
            answered = db.session.get_one(Comment, id)
            insert_comment(*records(answered.thread, parent=answered))
            db.session.commit()
            db.session.remove()

    with ThreadPoolExecutor(1) as people:
        above.lock()
        replying = people.submit(reply)
        until_a_lock_is_awaited(db_session)
        above.thread.changed()
        db_session.commit()
        replying.result()
    db_session.refresh(above)
    assert above.approved_descendants == 2 and counts(db_session) == (2, 2, 2, 2)


@pytest.mark.parametrize("same", [False, True])
def test_those_who_come_at_once_are_all_counted_and_the_same_one_once(
    app: Flask, db_session: Session, thread: Thread, same: bool
) -> None:
    id = thread.id
    db_session.rollback()

    def say(number: int) -> bool:
        with app.app_context():
            comment, decision = records(db.session.get_one(Thread, id), text_key="same" if same else str(number))
            try:
                insert_comment(comment, decision)
            except DuplicateComment:
                return False
            finally:
                db.session.commit()
                db.session.remove()
            return True

    with ThreadPoolExecutor(AT_ONCE) as people:
        told = list(people.map(say, range(5 * AT_ONCE)))
    most = 1 if same else len(told)
    assert told.count(True) == most and counts(db_session) == (most,) * 4


def test_one_record_has_the_row_that_the_unit_of_work_writes(db_session: Session, thread: Thread) -> None:
    usual = bare_records(thread)
    db_session.add_all(usual)
    db_session.flush()
    author, comment, decision = at_once = bare_records(thread)
    insert_record(author)
    comment.author_id = author.id
    insert_record(comment)
    decision.comment_id = comment.id
    insert_record(decision)
    assert [written(db_session, each) for each in at_once] == [written(db_session, each) for each in usual]


def test_the_session_has_an_inserted_record_and_writes_its_changes(db_session: Session, thread: Thread) -> None:
    author = bare_records(thread)[0]
    insert_record(author)
    assert db_session.get(Author, author.id) is author and not db_session.dirty and not db_session.new
    author.name = "太郎"
    db_session.commit()
    assert db_session.scalar(select(Author.__table__.c.name)) == "太郎"

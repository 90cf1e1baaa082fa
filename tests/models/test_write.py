"""A directly inserted record equals the one of the unit of work, and the session contains it."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Actor, Author, Comment, Decision, Status, Thread
from app.models.write import write

OWN = {"id", "author_id", "comment_id", "root_id", "path", "created_at", "made_at"}


def records(thread: Thread) -> tuple[Author, Comment, Decision]:
    """One record of each class, with the required columns."""
    ours: dict[str, Any] = {"site_id": thread.site_id}
    author = Author(**ours, site=thread.site, name="花子", email="hanako@readers.example")
    comment = Comment(**ours, thread_id=thread.id, author=author, body="Said", html="<p>Said</p>", renderer=1)
    decision = Decision(**ours, comment=comment, to_status=Status.PENDING, version=2, actor=Actor.SCREENING)
    return author, comment, decision


def written(db_session: Session, record: Any) -> dict[str, Any]:
    """The raw row, without encrypted values, which differ each time."""
    table = type(record).__table__
    row = db_session.execute(select(table).where(table.c.id == record.id)).one()
    return {name: value for name, value in row._mapping.items() if name not in OWN}


def test_the_row_is_the_one_that_the_unit_of_work_writes(db_session: Session, thread: Thread) -> None:
    usual = records(thread)
    db_session.add_all(usual)
    db_session.flush()
    author, comment, decision = at_once = records(thread)
    write(author)
    comment.author_id = author.id
    write(comment)
    decision.comment_id = comment.id
    write(decision)
    assert [written(db_session, each) for each in at_once] == [written(db_session, each) for each in usual]


def test_the_session_has_it_and_writes_what_becomes_of_it(db_session: Session, thread: Thread) -> None:
    author = records(thread)[0]
    write(author)
    assert db_session.get(Author, author.id) is author and not db_session.dirty and not db_session.new
    author.name = "太郎"
    db_session.commit()
    assert db_session.scalar(select(Author.__table__.c.name)) == "太郎"

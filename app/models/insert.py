"""Insert new records with SQLAlchemy Core: the unit of work took a quarter of a comment's time."""

from typing import Any

from sqlalchemy import Insert, delete, insert, inspect, select
from sqlalchemy.dialects import postgresql, sqlite

from app.database import attach, next_id
from app.extensions import db
from app.lib.clock import now
from app.lib.secrets import candidates
from app.models.author import Author
from app.models.chain_entry import note_first, note_made
from app.models.comment import Comment, Status
from app.models.decision import Decision
from app.models.duplicates import SAME_FOR, same_text

_COMMENT: dict[str, Insert] = {
    name: dialect(Comment.__table__).on_conflict_do_nothing().returning(Comment.__table__.c.id)
    for name, dialect in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
# The next id; no row if this person has posted the same text here.
_NEXT = select(next_id(Comment.__table__)).where(~same_text().exists())

_AUTHOR = insert(Author.__table__).returning(Author.__table__.c.id, _NEXT.scalar_subquery())


class DuplicateComment(Exception):
    """The comment is stored already: same request key, or same person, text and page within a day."""


def insert_comment(comment: Comment, decision: Decision) -> None:
    """Insert a comment, its author if new, and its first decision. Raises DuplicateComment without writing anything.

    The comment has a parent and a status; it gets id and path here. A public one is counted in its thread.
    """
    new: bool = inspect(comment.author).transient
    id = _new_author_and_id(comment) if new else _next_id(comment)
    comment.author_id = comment.author.id
    if id is None or not _insert_comment(comment, id):
        if new:
            db.session.execute(delete(Author.__table__).where(Author.__table__.c.id == comment.author_id))
        raise DuplicateComment
    decision.comment_id = id
    _insert(decision)
    note_first(decision, comment)
    attach(decision, comment, *([comment.author] if new else []))
    if comment.status == Status.APPROVED:
        # Comments before the thread, in the lock order of decisions, to avoid deadlocks.
        comment.count_above(1)
        comment.thread.changed(approved=1)


def insert_record(record: Any) -> None:
    """Insert one record and attach it to the session.

    References need ids. A column without a value gets its default.
    """
    _insert(record)
    attach(record)
    if isinstance(record, Decision):
        note_made(record.id)


def _next_id(comment: Comment) -> int | None:
    """None for a committed duplicate; `ON CONFLICT` detects concurrent ones."""
    return db.session.connection().scalar(_NEXT, _marks(comment))


def _new_author_and_id(comment: Comment) -> int | None:
    """The same in the statement that inserts the author, to save a round trip."""
    given = _row(comment.author) | _marks(comment)
    id: int | None
    comment.author.id, id = db.session.connection().execute(_AUTHOR, given).one()
    return id


def _marks(comment: Comment) -> dict[str, Any]:
    return {
        "words": candidates([comment.fingerprint]),
        "person": candidates([comment.typed_by]),
        "author": comment.author.id,
        "since": now() - SAME_FOR,
    }


def _insert_comment(comment: Comment, id: int) -> bool:
    comment.number(id)
    return db.session.connection().scalar(_COMMENT[db.engine.dialect.name], _row(comment)) is not None


def _insert(record: Any) -> None:
    inserted = db.session.connection().execute(insert(type(record).__table__), _row(record))
    assert inserted.inserted_primary_key  # noqa: S101
    record.id = inserted.inserted_primary_key[0]


def _row(record: Any) -> dict[str, Any]:
    """The columns with a value. The record also gets its defaults, so nothing needs to be loaded."""
    given, columns = vars(record), type(record).__table__.columns
    for column in columns:
        if column.key not in given:
            given[column.key] = _default(column.default)
    return {column.key: given[column.key] for column in columns if given[column.key] is not None}


def _default(default: Any) -> Any:
    if default is None:
        return None
    return default.arg(None) if default.is_callable else default.arg

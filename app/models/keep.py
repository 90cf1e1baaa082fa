"""Keep a new comment with its author, where she is new, and its first decision: all of it or nothing."""

from functools import lru_cache
from typing import Any

from sqlalchemy import CTE, Insert, Select, bindparam, delete, func, insert, inspect, select
from sqlalchemy.dialects import postgresql, sqlite

from app.extensions import constant, db, sequence
from app.models.author import Author
from app.models.comment import Comment, Status
from app.models.decision import Decision
from app.models.held import hold
from app.models.thread import Thread, changing
from app.models.write import put, values


class KeptAlready(Exception):
    """The same comment came twice at once, and the other one was faster."""


def keep(comment: Comment, decision: Decision) -> None:
    """Write them in the session's transaction, and count the comment where it is public. Raises KeptAlready.

    It has an id, a place and a status, and so far nobody knows of it.
    """
    decision.comment_id = comment.id
    new: bool = inspect(comment.author).transient
    public, at_once = comment.status == Status.APPROVED, db.engine.dialect.name == "postgresql"
    # Whoever decides locks comments first, and then the thread; so does a reply, or both could wait for ever.
    counted = at_once and public and comment.parent_id is None
    kept = _at_once(comment, decision, new, counted) if at_once else _one_after_another(comment, decision, new)
    if not kept:
        raise KeptAlready
    if public and not counted:
        comment.count_above(1)
        comment.thread.changed(approved=1)


def _one_after_another(comment: Comment, decision: Decision, new: bool) -> bool:
    """SQLite has no statement that writes into several tables, and no way to a server that it would save."""
    connection = db.session.connection()
    if new:
        put(comment.author, connection)
    comment.author_id = comment.author.id
    if connection.execute(_once(), values(comment)).rowcount != 1:
        if new:
            connection.execute(delete(Author.__table__).where(Author.__table__.c.id == comment.author_id))
        return False
    put(decision, connection)
    _hold(comment, decision, new)
    return True


def _hold(comment: Comment, decision: Decision, new: bool) -> None:
    hold(decision, comment, *([comment.author] if new else []))


@lru_cache
def _once() -> Insert:
    once = sqlite.insert(Comment.__table__).on_conflict_do_nothing()
    return once.execution_options(preserve_rowcount=True)


def _at_once(comment: Comment, decision: Decision, new: bool, counted: bool) -> bool:
    """In one statement, which is one way to the server and back instead of four."""
    records = (comment.author, comment, decision) if new else (comment, decision)
    if not new:
        comment.author_id = comment.author.id
    given = {_name(each.__tablename__, column): value for each in records for column, value in values(each).items()}
    ids = db.session.connection().execute(_statement(tuple(given), new, counted), given).one_or_none()
    if ids is None:
        return False
    decision.id, comment.author_id = ids
    comment.author.id = comment.author_id
    _hold(comment, decision, new)
    if counted:
        comment.thread.has_changed()
    return True


@lru_cache
def _statement(given: tuple[str, ...], new: bool, counted: bool) -> Insert:
    """The comment first, for it may be there already; whatever else is written hangs on its row.

    Only what is `given` is named: psycopg reads a statement of more than fifty values anew each time.
    """
    comment, author, decision = (_parameters(each, given) for each in (Comment, Author, Decision))
    kept = _kept(comment | {"author_id": func.nextval(sequence(Author))} if new else comment)
    parts = [_introduced(author, kept)] if new else []
    parts += [_counted(kept)] if counted else []
    decided = insert(Decision.__table__).from_select(list(decision), _where_kept(decision, kept))
    return decided.add_cte(kept, *parts).returning(Decision.__table__.c.id, select(kept.c.author_id).scalar_subquery())


def _kept(comment: dict[str, Any]) -> CTE:
    comments = Comment.__table__
    once = postgresql.insert(comments).values(comment).on_conflict_do_nothing()
    return once.returning(comments.c.author_id, comments.c.thread_id).cte("kept")


def _introduced(author: dict[str, Any], kept: CTE) -> CTE:
    row = _where_kept(author, kept).add_columns(kept.c.author_id)
    return insert(Author.__table__).from_select([*author, "id"], row).cte("introduced")


def _counted(kept: CTE) -> CTE:
    return changing(approved=constant(1)).where(Thread.__table__.c.id == kept.c.thread_id).cte("counted")


def _where_kept(row: dict[str, Any], kept: CTE) -> Select[Any]:
    """This row, if the comment is kept."""
    return select(*row.values()).select_from(kept)


def _parameters(record: Any, given: tuple[str, ...]) -> dict[str, Any]:
    """What a record's columns get that are given."""
    table = record.__table__
    names = {column: _name(table.name, column.name) for column in table.c}
    return {column.name: bindparam(name, type_=column.type) for column, name in names.items() if name in given}


def _name(table: str, column: str) -> str:
    return f"{table}__{column}"

"""Keep a new comment with its author, where she is new, and its first decision: all of it or nothing."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Insert,
    Select,
    String,
    bindparam,
    delete,
    func,
    insert,
    inspect,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite

from app.database import constant, next_id, sequence
from app.extensions import db
from app.lib.clock import now
from app.lib.secrets import BlindIndex, candidates
from app.models.arrivals import SAME_FOR, says_the_same
from app.models.author import Author
from app.models.comment import Comment, Status
from app.models.decision import Decision
from app.models.held import hold
from app.models.path import DIGITS, step_of
from app.models.thread import Thread, changing
from app.models.write import put, values

INSERT: dict[str, Callable[..., Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


# A post is recognised by its page and words, and by its sender.
SAME = ("fingerprint", "typed_by")


class KeptAlready(Exception):
    """It is there: by its request key, or because the same person has said the same at the same place lately."""


def keep(comment: Comment, decision: Decision) -> None:
    """Write them in the session's transaction, and count the comment where it is public. Raises KeptAlready.

    It has a place and a status, and so far nobody knows of it; here it gets its id.
    """
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
    given = _given(comment)
    id = connection.scalar(_once(tuple(given), new), given)
    if id is None:
        if new:
            connection.execute(delete(Author.__table__).where(Author.__table__.c.id == comment.author_id))
        return False
    _numbered(comment, decision, id)
    put(decision, connection)
    _hold(comment, decision, new)
    return True


def _at_once(comment: Comment, decision: Decision, new: bool, counted: bool) -> bool:
    """In one statement, which is one way to the server and back instead of four."""
    if not new:
        comment.author_id = comment.author.id
    given = _given(comment, decision, *([comment.author] if new else []))
    ids = db.session.connection().execute(_all(tuple(given), new, counted), given).one_or_none()
    if ids is None:
        return False
    id, comment.author_id, decision.id = ids
    comment.author.id = comment.author_id
    _numbered(comment, decision, id)
    _hold(comment, decision, new)
    if counted:
        comment.thread.has_changed()
    return True


def _numbered(comment: Comment, decision: Decision, id: int) -> None:
    comment.number(id)
    decision.comment_id = id


def _hold(comment: Comment, decision: Decision, new: bool) -> None:
    hold(decision, comment, *([comment.author] if new else []))


@lru_cache
def _once(given: tuple[str, ...], new: bool) -> Insert:
    comment = _parameters(Comment, given)
    return _unless_there("sqlite", comment, given, new).returning(Comment.__table__.c.id)


@lru_cache
def _all(given: tuple[str, ...], new: bool, counted: bool) -> Select[int, int, int]:
    """The comment first, for it may be there already; whatever else is written hangs on its row.

    Only what is `given` is named: psycopg reads a statement of more than fifty values anew each time.
    """
    comment, author, decision = (_parameters(each, given) for each in (Comment, Author, Decision))
    kept = _kept(comment | {"author_id": func.nextval(sequence(Author))} if new else comment, given, new)
    parts = [_introduced(author, kept)] if new else []
    parts += [_counted(kept)] if counted else []
    decided = _decided(decision, kept)
    return select(kept.c.id, kept.c.author_id, decided.c.id).join_from(kept, decided, true()).add_cte(*parts)


def _kept(comment: dict[str, Any], given: tuple[str, ...], new: bool) -> CTE:
    columns = Comment.__table__.c
    once = _unless_there("postgresql", comment, given, new)
    return once.returning(columns.id, columns.author_id, columns.thread_id).cte("kept")


def _unless_there(dialect: str, comment: dict[str, Any], given: tuple[str, ...], new: bool) -> Any:
    """It gets the next id, and with that its place; unless it is there, of which the first word has the index."""
    numbered = select(next_id(Comment, dialect).label("id"), literal_column(f"'{DIGITS}'", String).label("digits"))
    id, digits = numbered.subquery("next").c
    row = {"root_id": id} | comment | {"id": id, "path": comment["path"] + step_of(id, digits)}
    query = select(*row.values()).where(_is_new(comment, given, new))
    return INSERT[dialect](Comment.__table__).from_select(list(row), query).on_conflict_do_nothing()


def _is_new(comment: dict[str, Any], given: tuple[str, ...], new: bool) -> ColumnElement[bool]:
    if "fingerprint" not in comment:
        return true()
    author = None if new else comment["author_id"]
    words, person = (_under_every_key(comment, name, given) for name in SAME)
    return ~says_the_same(words, person, author, bindparam("since")).exists()


def _under_every_key(comment: dict[str, Any], name: str, given: tuple[str, ...]) -> list[BindParameter[Any]]:
    """The comment's own blind index, and the same value as it may have been stored earlier."""
    earlier = (each for each in given if each.startswith(f"{name}_"))
    return [comment[name], *(bindparam(each, type_=BlindIndex()) for each in earlier)]


def _decided(decision: dict[str, Any], kept: CTE) -> CTE:
    row = _where_kept(decision, kept).add_columns(kept.c.id)
    decided = insert(Decision.__table__).from_select([*decision, "comment_id"], row)
    return decided.returning(Decision.__table__.c.id).cte("decided")


def _introduced(author: dict[str, Any], kept: CTE) -> CTE:
    row = _where_kept(author, kept).add_columns(kept.c.author_id)
    return insert(Author.__table__).from_select([*author, "id"], row).cte("introduced")


def _counted(kept: CTE) -> CTE:
    return changing(approved=constant(1)).where(Thread.__table__.c.id == kept.c.thread_id).cte("counted")


def _where_kept(row: dict[str, Any], kept: CTE) -> Select[Any]:
    """This row, if the comment is kept."""
    return select(*row.values()).select_from(kept)


def _given(*records: Any) -> dict[str, Any]:
    """What they have, by the names of its parameters, and since when somebody may have said the same."""
    given = {_name(each.__tablename__, column): value for each in records for column, value in values(each).items()}
    comment = records[0]
    # By parameters of their own: what is given already is not sent again, see `_all`.
    for name in SAME:
        given |= {f"{name}_{at}": text for at, text in enumerate(candidates([getattr(comment, name)])[1:])}
    return given | {"since": now() - SAME_FOR}


def _parameters(record: Any, given: tuple[str, ...]) -> dict[str, Any]:
    """What a record's columns get that are given."""
    table = record.__table__
    names = {column: _name(table.name, column.name) for column in table.c}
    return {column.name: bindparam(name, type_=column.type) for column, name in names.items() if name in given}


def _name(table: str, column: str) -> str:
    """The parameter of a column. The site is the same in all three records and is sent once, see `_all`."""
    return "of_site" if column == "site_id" else f"{table[0]}_{column}"

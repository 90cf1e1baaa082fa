"""What has arrived before: the same comment again, and how many lately."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ScalarSelect, Select, String, bindparam, cast, func, or_, select

from app.extensions import Id, constant, db, next_id
from app.models.author import Author
from app.models.comment import Comment, Status
from app.models.site import Site


class Earlier(NamedTuple):
    """Ids: of the comment that came with the same request key, of one that says the same, and of the next one."""

    sent: int | None
    said: int | None
    next: int


def earlier(site: Site, key: str | None, words: str, person: str, author: Author | None, since: datetime) -> Earlier:
    """What is there of a comment before it is kept.

    `words`: what was said, at which place. They are said by the same `person`, as she described herself, or by the
    same author, whom we know.
    """
    known = author.id if author else None
    given = {"site": site.id, "key": key, "words": words, "person": person, "author": known, "since": since}
    return Earlier(*db.session.connection().execute(_earlier(db.engine.dialect.name), given).one())


class Limit(NamedTuple):
    """So many comments that have these values; `email_index` is that of their author."""

    most: int
    alike: dict[str, Any]


def reach(limits: Sequence[Limit], since: datetime) -> bool:
    """Whether one of these limits, of which there is one at least, is reached by what has arrived since then."""
    given = {f"{name}_{at}": value for at, limit in enumerate(limits) for name, value in _values(limit).items()}
    asked = _reach(tuple(tuple(limit.alike) for limit in limits))
    return bool(db.session.connection().scalar(asked, given | {"since": since}))


def more_than(most: int, site: Site, since: datetime) -> bool:
    """Whether more than `most` have arrived on the site; counts no further than that."""
    given = {"site": site.id, "since": since, "most": most}
    return db.session.connection().scalar(_more_than(), given) is not None


def busiest_minute(site: Site, since: datetime) -> int:
    """How many of those that are public today arrived in one minute, at most."""
    minute = func.substr(cast(Comment.created_at, String), 1, len("2026-11-25 12:00"))
    counted = (
        select(func.count().label("number"))
        .where(Comment.site_id == site.id, Comment.created_at > since, Comment.status == Status.APPROVED)
        .group_by(minute).subquery()
    )  # fmt: skip
    return db.session.scalar(select(func.max(counted.c.number))) or 0


@lru_cache
def _earlier(dialect: str) -> Select[Any]:
    """The question of `earlier`, put together once: it is asked for every comment, under SQLite's lock."""
    columns = Comment.__table__.c
    sent = select(columns.id).where(columns.site_id == bindparam("site"), columns.request_key == bindparam("key"))
    same_person = or_(columns.typed_by == bindparam("person"), columns.author_id == bindparam("author", type_=Id))
    said = select(func.min(columns.id)).where(
        columns.fingerprint == bindparam("words"),
        same_person,
        columns.created_at > bindparam("since"),
        columns.status != Status.DELETED,
    )
    return select(sent.scalar_subquery(), said.scalar_subquery(), next_id(Comment, dialect))


@lru_cache
def _more_than() -> Select[int]:
    """The question of `more_than`, put together once: to do that took longer than to ask it."""
    columns = Comment.__table__.c
    arrived = select(columns.id).where(columns.site_id == bindparam("site"), columns.created_at > bindparam("since"))
    return arrived.limit(constant(1)).offset(bindparam("most"))


def _values(limit: Limit) -> dict[str, Any]:
    return {"most": limit.most, **limit.alike}


@lru_cache
def _reach(limits: tuple[tuple[str, ...], ...]) -> Select[bool]:
    """The question of `reach` for limits on these columns, put together once: it is asked for every comment."""
    return select(or_(*(_count(names, at) >= bindparam(f"most_{at}") for at, names in enumerate(limits))))


def _count(names: tuple[str, ...], at: int) -> ScalarSelect[int]:
    comments, authors = Comment.__table__, Author.__table__
    query = select(func.count()).select_from(comments).where(comments.c.created_at > bindparam("since"))
    if "email_index" in names:
        query = query.join_from(comments, authors, comments.c.author_id == authors.c.id)
    columns = {**comments.c, "email_index": authors.c.email_index}
    return query.where(*(columns[name] == bindparam(f"{name}_{at}") for name in names)).scalar_subquery()

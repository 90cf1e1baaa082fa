"""What has arrived before: the same comment again, and how many lately."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, Select, String, bindparam, cast, func, or_, select

from app.extensions import Id, db
from app.models.author import Author
from app.models.comment import Comment, Status
from app.models.site import Site


def with_request_key(site: Site, key: str) -> Comment | None:
    return db.session.scalar(select(Comment).where(Comment.site_id == site.id, Comment.request_key == key))


def said_before(fingerprint: str, typed_by: str, author: Author | None, since: datetime) -> Comment | None:
    """The same words at the same place by the same person, known or as she described herself."""
    given = {"words": fingerprint, "person": typed_by, "author": author.id if author else None, "since": since}
    id = db.session.connection().scalar(_said_before(), given)
    return db.session.get(Comment, id) if id else None


def count_since(since: datetime, **alike: Any) -> int:
    """How many have arrived that have these values; `email_index` is that of their author."""
    given = {"since": since, **alike}
    return db.session.connection().scalar(_count_since(*alike), given) or 0


def more_than(most: int, site: Site, since: datetime) -> bool:
    """Whether more than `most` have arrived on the site; counts no further than that."""
    arrived = select(Comment.id).where(Comment.site_id == site.id, Comment.created_at > since)
    return db.session.scalar(arrived.limit(1).offset(most)) is not None


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
def _said_before() -> Select[Any]:
    """The question of `said_before`, put together once: it is asked for every comment, under SQLite's lock."""
    person: BindParameter[str] = bindparam("person")
    columns = Comment.__table__.c
    query = select(columns.id).where(
        columns.fingerprint == bindparam("words"),
        or_(columns.typed_by == person, columns.author_id == bindparam("author", type_=Id)),
        columns.created_at > bindparam("since"),
        columns.status != Status.DELETED,
    )
    return query.order_by(columns.id).limit(1)


@lru_cache
def _count_since(*names: str) -> Select[int]:
    """The question of `count_since` for these columns, put together once: it is asked for every comment."""
    comments, authors = Comment.__table__, Author.__table__
    query = select(func.count()).select_from(comments).where(comments.c.created_at > bindparam("since"))
    if "email_index" in names:
        query = query.join_from(comments, authors, comments.c.author_id == authors.c.id)
    columns = {**comments.c, "email_index": authors.c.email_index}
    return query.where(*(columns[name] == bindparam(name) for name in names))

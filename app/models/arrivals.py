"""What has arrived before: the same comment again, and how many lately."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    ScalarSelect,
    Select,
    String,
    and_,
    bindparam,
    cast,
    func,
    or_,
    select,
)

from app.database import constant
from app.extensions import Id, db
from app.lib.clock import happened_since, latest, now
from app.lib.secrets import BlindIndex, candidates
from app.models.author import Author
from app.models.comment import Comment, Status
from app.models.decision import Decision
from app.models.site import Site

# Reasons of first decisions: those are no burst of people.
CERTAIN_SPAM = ("trap", "blocked")
# So long the same words of the same person at the same place are the same post.
SAME_FOR = timedelta(days=1)


# What a limit compares under every key.
KEYED = ("address_index", "wide_index", "email_index")


def any_of(name: str) -> BindParameter[Any]:
    """A parameter that is a list of blind indexes: the same value under every key."""
    return bindparam(name, expanding=True, type_=BlindIndex())


class Earlier(NamedTuple):
    """Ids: of the comment that came with the same request key, and of one that says the same."""

    sent: int | None
    said: int | None


def earlier(site: Site, key: str | None, words: str, person: str, author: Author | None) -> Earlier:
    """What is there of a comment that came again.

    `words`: what was said, at which place. They are said by the same `person`, as she described herself, or by the
    same author, whom we know.
    """
    known = author.id if author else None
    given = {
        "site": site.id,
        "key": candidates([key]),
        "words": candidates([words]),
        "person": candidates([person]),
        "author": known,
        "since": now() - SAME_FOR,
    }
    return Earlier(*db.session.connection().execute(_earlier(), given).one())


def says_the_same(words: Any, person: Any, author: Any, since: Any) -> Select[int]:
    """The ids of the comments that say it too; `author` may be None. `words` and `person` are under every key."""
    columns = Comment.__table__.c
    same_person = columns.typed_by.in_(person)
    return select(columns.id).where(
        columns.fingerprint.in_(words),
        same_person if author is None else or_(same_person, columns.author_id == author),
        columns.created_at > since,
        columns.status != Status.DELETED,
    )


class Limit(NamedTuple):
    """At most so many comments since then that have these values; `email_index` is that of their author."""

    most: int
    since: datetime
    alike: dict[str, Any]


def reached(limits: Sequence[Limit]) -> list[bool]:
    """For each of these limits whether it is reached; one statement."""
    if not limits:
        return []
    given = {f"{name}_{at}": value for at, limit in enumerate(limits) for name, value in _values(limit).items()}
    asked = _reached(tuple(tuple(limit.alike) for limit in limits))
    return [bool(each) for each in db.session.connection().execute(asked, given | {"latest": latest()}).one()]


def more_than(most: int, site: Site, since: datetime) -> bool:
    """Whether more than `most` have arrived on the site, without those that are spam for certain; counts no further."""
    given = {"site": site.id, "since": since, "latest": latest(), "most": most}
    asked = db.session.connection()
    # Only in a burst it is worth asking which of them were spam.
    return asked.scalar(_more_than(), given) is not None and asked.scalar(_more_than_spam(), given) is not None


def busiest_minute(site: Site, since: datetime) -> int:
    """How many of those that are public today arrived in one minute, at most."""
    minute = func.substr(cast(Comment.created_at, String), 1, len("2026-11-25 12:00"))
    counted = (
        select(func.count().label("number"))
        .where(Comment.site_id == site.id, happened_since(Comment.created_at, since), Comment.status == Status.APPROVED)
        .group_by(minute).subquery()
    )  # fmt: skip
    return db.session.scalar(select(func.max(counted.c.number))) or 0


@lru_cache
def _earlier() -> Select[Any]:
    """The question of `earlier`, put together once."""
    columns = Comment.__table__.c
    sent = select(columns.id).where(columns.site_id == bindparam("site"), columns.request_key.in_(any_of("key")))
    said = says_the_same(any_of("words"), any_of("person"), bindparam("author", type_=Id), bindparam("since"))
    first = said.with_only_columns(func.min(columns.id))
    return select(sent.scalar_subquery(), first.scalar_subquery())


@lru_cache
def _more_than() -> Select[int]:
    """The question of `more_than`, put together once: to do that took longer than to ask it."""
    columns = Comment.__table__.c
    arrived = select(columns.id).where(columns.site_id == bindparam("site"), _lately(columns))
    return arrived.limit(constant(1)).offset(bindparam("most"))


@lru_cache
def _more_than_spam() -> Select[int]:
    """The same without what the hidden field or a block stopped: a program wrote it, or it is not read."""
    stopped = select(Decision.id).where(Decision.comment_id == Comment.id, Decision.reason.in_(CERTAIN_SPAM))
    return _more_than().where(~stopped.correlate(Comment.__table__).exists())


def _values(limit: Limit) -> dict[str, Any]:
    alike = {name: candidates([value]) if name in KEYED else value for name, value in limit.alike.items()}
    return {"most": limit.most, "since": limit.since, **alike}


@lru_cache
def _reached(limits: tuple[tuple[str, ...], ...]) -> Any:
    """The question of `reached` for limits on these columns, put together once: it is asked for every comment."""
    return select(*(_count(names, at) >= bindparam(f"most_{at}") for at, names in enumerate(limits)))


def _lately(columns: Any, since: str = "since") -> ColumnElement[bool]:
    """Since then; what a clock that was wrong has dated ahead fills no limit once the clock is right."""
    return and_(columns.created_at > bindparam(since), columns.created_at <= bindparam("latest"))


def _count(names: tuple[str, ...], at: int) -> ScalarSelect[int]:
    comments, authors = Comment.__table__, Author.__table__
    query = select(func.count()).select_from(comments).where(_lately(comments.c, f"since_{at}"))
    if "email_index" in names:
        query = query.join_from(comments, authors, comments.c.author_id == authors.c.id)
    columns = {**comments.c, "email_index": authors.c.email_index}
    return query.where(*(_is_alike(columns[name], name, at) for name in names)).scalar_subquery()


def _is_alike(column: Any, name: str, at: int) -> ColumnElement[bool]:
    return column.in_(any_of(f"{name}_{at}")) if name in KEYED else column == bindparam(f"{name}_{at}")

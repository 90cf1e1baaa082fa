"""Count recent comments: rate limits by network and author, bursts on a site."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, ScalarSelect, Select, String, and_, bindparam, cast, func, select

from app.database import constant
from app.extensions import db
from app.lib.clock import happened_since, latest
from app.lib.secrets import candidates
from app.models.author import Author
from app.models.comment import Comment, Status
from app.models.decision import Decision
from app.models.duplicates import any_of
from app.models.site import Site

# Reasons of first decisions that are no sign of a burst of readers.
CERTAIN_SPAM = ("trap", "blocked")
# Columns compared under every key.
KEYED = ("address_index", "wide_index", "email_index")


class Limit(NamedTuple):
    """At most `most` comments since then with these column values; `email_index` is the author's."""

    most: int
    since: datetime
    alike: dict[str, Any]


def reached(limits: Sequence[Limit]) -> list[bool]:
    """True for each reached limit; one statement for all."""
    if not limits:
        return []
    given = {f"{name}_{at}": value for at, limit in enumerate(limits) for name, value in _values(limit).items()}
    query = _reached(tuple(tuple(limit.alike) for limit in limits))
    return [bool(each) for each in db.session.connection().execute(query, given | {"latest": latest()}).one()]


def more_than(most: int, site: Site, since: datetime) -> bool:
    """True if the site got more than `most` comments that are not certain spam."""
    given = {"site": site.id, "since": since, "latest": latest(), "most": most}
    connection = db.session.connection()
    # Excluding certain spam costs a query, which only a burst needs.
    return connection.scalar(_MORE, given) is not None and connection.scalar(_MORE_THAN_SPAM, given) is not None


def busiest_minute(site: Site, since: datetime) -> int:
    """Highest number of public comments that arrived within one minute."""
    minute = func.substr(cast(Comment.created_at, String), 1, len("2026-11-25 12:00"))
    counted = (
        select(func.count().label("number"))
        .where(Comment.site_id == site.id, happened_since(Comment.created_at, since), Comment.status == Status.APPROVED)
        .group_by(minute).subquery()
    )  # fmt: skip
    return db.session.scalar(select(func.max(counted.c.number))) or 0


def _values(limit: Limit) -> dict[str, Any]:
    alike = {name: candidates([value]) if name in KEYED else value for name, value in limit.alike.items()}
    return {"most": limit.most, "since": limit.since, **alike}


@lru_cache
def _reached(limits: tuple[tuple[str, ...], ...]) -> Any:
    """Cached, because each comment runs it."""
    return select(*(_count(names, at) >= bindparam(f"most_{at}") for at, names in enumerate(limits)))


def _lately(columns: Any, since: str = "since") -> ColumnElement[bool]:
    """Excludes comments that a wrong clock dated in the future."""
    return and_(columns.created_at > bindparam(since), columns.created_at <= bindparam("latest"))


def _count(names: tuple[str, ...], at: int) -> ScalarSelect[int]:
    comments, authors = Comment.__table__, Author.__table__
    query = select(func.count()).select_from(comments).where(_lately(comments.c, f"since_{at}"))
    if "email_index" in names:
        query = query.join_from(comments, authors, comments.c.author_id == authors.c.id)
    columns = {**comments.c, "email_index": authors.c.email_index}
    return query.where(*(_is_alike(columns[name], name, at) for name in names)).scalar_subquery()


def _is_alike(column: Any, name: str, at: int) -> ColumnElement[bool]:
    if name in KEYED:
        same: ColumnElement[bool] = column.in_(any_of(f"{name}_{at}"))
    else:
        same = column == bindparam(f"{name}_{at}")
    return same


def _more() -> Select[int]:
    columns = Comment.__table__.c
    came = select(columns.id).where(columns.site_id == bindparam("site"), _lately(columns))
    return came.limit(constant(1)).offset(bindparam("most"))


def _is_certain_spam() -> ColumnElement[bool]:
    stopped = select(Decision.id).where(Decision.comment_id == Comment.id, Decision.reason.in_(CERTAIN_SPAM))
    return stopped.correlate(Comment.__table__).exists()


_MORE = _more()
_MORE_THAN_SPAM = _more().where(~_is_certain_spam())

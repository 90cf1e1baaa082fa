"""Find repeated posts: by request key, by person, text and page within a day, or near-copies on the site."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Select, bindparam, func, or_, select, text

from app.database import constant
from app.extensions import Id, db
from app.lib.clock import now
from app.lib.near_duplicates import KEYS
from app.lib.secrets import BlindIndex, candidates
from app.models.author import Author
from app.models.comment import Comment, Status
from app.models.site import Site

SAME_FOR = timedelta(days=1)
# Near-copies that are read, so that a flood does not slow down.
MOST_COPIES = 50


def any_of(name: str) -> BindParameter[Any]:
    """An expanding parameter: the same value's blind indexes under every key."""
    return bindparam(name, expanding=True, type_=BlindIndex())


class Earlier(NamedTuple):
    """Ids of the comment with the same request key, and of the first one with the same text."""

    sent: int | None
    said: int | None


def earlier(site: Site, key: str | None, words: str, person: str, author: Author | None) -> Earlier:
    """The comments that this one repeats.

    `words` is the index of text and page, `person` that of the sender's typed details, `author` the author's record if
    there is one.
    """
    given = {
        "site": site.id,
        "key": candidates([key]),
        "words": candidates([words]),
        "person": candidates([person]),
        "author": author.id if author else None,
        "since": now() - SAME_FOR,
    }
    columns = Comment.__table__.c
    sent = select(columns.id).where(columns.site_id == bindparam("site"), columns.request_key.in_(any_of("key")))
    first = same_text().with_only_columns(func.min(columns.id))
    return Earlier(
        *db.session.connection().execute(select(sent.scalar_subquery(), first.scalar_subquery()), given).one()
    )


def same_text() -> Select[int]:
    """Query for the ids of comments with the same text by the same person; parameters as in `earlier`."""
    columns = Comment.__table__.c
    return select(columns.id).where(
        columns.fingerprint.in_(any_of("words")),
        or_(columns.typed_by.in_(any_of("person")), columns.author_id == bindparam("author", type_=Id)),
        columns.created_at > bindparam("since"),
        columns.status != Status.DELETED,
    )


class Copies(NamedTuple):
    """The group that a text belongs to, and the statuses of its near-copies; at most `MOST_COPIES` are read."""

    cluster: str
    statuses: Counter[str]


def near_copies(comment: Comment, keys: Sequence[str]) -> Copies:
    """The other comments of the site with one of these keys. The text joins the group with the most of them, so that
    copies meet although each differs from some."""
    if not keys:
        return Copies("", Counter())
    given: dict[str, Any] = {"site": comment.site_id, "own": comment.id or 0}
    given |= {name: keys[min(at, len(keys) - 1)] for at, name in enumerate(_KEYS)}
    rows = db.session.connection().execute(_near_copies(), given).all()
    groups = Counter(row.cluster for row in rows)
    return Copies(max(keys, key=lambda key: groups[key]), Counter(row.status for row in rows))


_KEYS = tuple(f"key{at}" for at in range(KEYS))


@cache
def _near_copies() -> Select[Any]:
    """Cached, because each comment runs it."""
    columns = Comment.__table__.c
    alike = (
        columns.site_id == bindparam("site"),
        columns.cluster.in_([bindparam(name) for name in _KEYS]),
        columns.id != bindparam("own"),
    )
    return select(columns.cluster, columns.status).where(*alike, text("cluster <> ''")).limit(constant(MOST_COPIES))

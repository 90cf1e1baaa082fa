"""Comments of a site in any status, newest first, in pages by id."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, select

from app.database import no_index
from app.extensions import db
from app.lib.ids import MOST
from app.models import Comment, Site, Status


@dataclass(frozen=True)
class Wanted:
    """None matches all."""

    status: Status | None = None
    thread: int | None = None
    author: int | None = None


def newest(site: Site, wanted: Wanted, *, before: int | None, limit: int) -> list[int]:
    """Ids below `before`."""
    below = before or MOST
    if wanted.thread is not None:
        # By the index of the thread; its comments are of one site.
        of_thread = [Comment.thread_id == wanted.thread, no_index(Comment.site_id) == site.id]
        return _ids(below, limit, *of_thread, *_by(wanted, no_index(Comment.author_id)), *_status(wanted.status))
    start = [Comment.site_id == site.id]
    if wanted.author is not None:
        start = [Comment.author_id == wanted.author, no_index(Comment.site_id) == site.id]
    # The indexes of the site and of the author begin with the status.
    each = [wanted.status] if wanted.status else list(Status)
    found = [id for status in each for id in _ids(below, limit, *start, Comment.status == status)]
    return sorted(found, reverse=True)[:limit]


def _by(wanted: Wanted, column: ColumnElement[int]) -> list[ColumnElement[bool]]:
    return [] if wanted.author is None else [column == wanted.author]


def _status(status: Status | None) -> list[ColumnElement[bool]]:
    return [] if status is None else [Comment.status == status]


def _ids(below: int, limit: int, *conditions: ColumnElement[bool]) -> list[int]:
    query = select(Comment.id).where(*conditions, Comment.id < below).order_by(Comment.id.desc())
    return list(db.session.scalars(query.limit(limit)))

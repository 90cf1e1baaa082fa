"""Queries for the newest comments of a site, a thread or some authors."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, and_, select, text
from sqlalchemy.orm import selectinload

from app.database import among
from app.extensions import db
from app.lib.ids import MOST
from app.models.author import Author
from app.models.comment import APPROVED, Comment, Status
from app.models.section import Section, SectionBy
from app.models.site import Site
from app.models.thread import Thread

FEW = 5  # authors of one person
# Approved comments among which the latest visible ones of a section are found.
AMONG = 5_000
LATEST_FIRST = Comment.created_at.desc(), Comment.id.desc()


def approved(site: Site, limit: int, thread: Thread | None = None) -> list[Comment]:
    """The newest public comments of the site or of one thread."""
    query = _with_related().where(Comment.status == Status.APPROVED, Comment.thread.has(Thread.visible))
    query = query.where(Comment.thread_id == thread.id if thread else Comment.site_id == site.id)
    return list(db.session.scalars(query.order_by(Comment.id.desc()).limit(limit)))


def latest(site: Site, limit: int, *, section: Section | None = None, picked: bool = False) -> list[Comment]:
    """The site's latest public comments, by the time at which they were written; or the last picks.

    A section that only a reader's page claims does not count.
    """
    shown: list[Any] = [Thread.visible]
    if section:
        shown += [Thread.section == section.key, Thread.section_by > SectionBy.CLAIM]
    # The condition of the partial index: PostgreSQL cannot tell it from a parameter.
    query = _with_related().where(Comment.site_id == site.id, text(APPROVED), Comment.thread.has(and_(*shown)))
    if picked:
        query = query.where(Comment.picked_at.is_not(None)).order_by(Comment.picked_at.desc(), Comment.id.desc())
    else:
        query = query.where(Comment.created_at >= _approved_since(site)).order_by(*LATEST_FIRST)
    return list(db.session.scalars(query.limit(limit)))


def _approved_since(site: Site) -> Any:
    """Creation time of the approved comment AMONG back, so that a quiet section is no scan of the whole site."""
    newest = select(Comment.created_at).where(Comment.site_id == site.id, text(APPROVED)).order_by(*LATEST_FIRST)
    return db.session.scalar(newest.offset(AMONG - 1).limit(1)) or datetime.min.replace(tzinfo=UTC)


def _with_related() -> Select[Comment]:
    # Related records are loaded afterwards by id: with a join, SQLite would scan all threads first.
    related = selectinload(Comment.thread), selectinload(Comment.author), selectinload(Comment.parent)
    return select(Comment).options(*related)


def asked_for(author: Author, since: datetime) -> list[Comment]:
    """The author's comments since then with a notification request, oldest first."""
    query = select(Comment).where(Comment.author_id == author.id, Comment.notify, Comment.created_at > since)
    return list(db.session.scalars(query.order_by(Comment.id)))


def by_moderator(moderator_id: int, site: Site) -> Comment | None:
    """The moderator's newest reply on the site."""
    query = select(Comment).where(Comment.moderator_id == moderator_id, Comment.site_id == site.id)
    return db.session.scalar(query.order_by(Comment.id.desc()).limit(1))


def ids(column: Any, values: Sequence[int], limit: int, *without: Status, below: int = MOST) -> list[int]:
    """Ids of comments with one of the values in `column` (of sites or authors), newest first.

    One query for each status, because the indexes begin with column and status.
    """
    found: list[int] = []
    # With many authors, sorting their ids is cheaper than one query for each.
    each = [[value] for value in values] if len(values) <= FEW else [values]
    for status in sorted(set(Status) - set(without)):
        for some in each:
            query = select(Comment.id).where(
                column.in_(some if len(some) == 1 else among(some)), Comment.status == status, Comment.id < below
            )
            found += db.session.scalars(query.order_by(Comment.id.desc()).limit(limit))
    return sorted(found, reverse=True)[:limit]


def moment_back(site_id: int, number: int) -> datetime | None:
    """Creation time of the site's comment `number` back from the newest; None if it has fewer."""
    newest = select(Comment.created_at).where(Comment.site_id == site_id).order_by(Comment.created_at.desc())
    return db.session.scalar(newest.offset(number - 1).limit(1))

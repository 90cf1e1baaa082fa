"""The decision log, newest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, TextClause, func, select
from sqlalchemy.orm import joinedload

from app.database import one_of
from app.extensions import db
from app.lib import ids as row_ids
from app.models import Actor, Comment, Decision, Membership, Moderator, Site, Status, Thread, section_scope
from app.models.decision import BY_PEOPLE, UNCOVERED

PAGE = 50
BATCH = 250  # decisions read at once for an export
# Decisions of a site scanned for one page, or between two parts of an export.
SCANNED = 20_000
# Decisions that wrote a text which an undo would not bring back.
WROTE = ("edited", UNCOVERED)


@dataclass(frozen=True)
class LogFilter:
    """None matches all. `since` is inclusive, `until` exclusive. `people`: without automatic checks and imports."""

    site_id: int | None = None
    status: str | None = None
    moderator_id: int | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    people: bool = False


@dataclass(frozen=True)
class Page:
    """Cursor of the next page; `further`: where to continue an unfinished scan."""

    decisions: list[Decision]
    before: int | None = None
    further: int | None = None


def decisions_for(moderator: Moderator, wanted: LogFilter = LogFilter(), *, before: int | None = None) -> Page:
    """Matching decisions on the moderator's sites, before the decision `before`."""
    ids, further = _scan(_site_ids(moderator, wanted), _in_sections(moderator), wanted, before, PAGE + 1)
    shown = ids[:PAGE]
    query = select(Decision).where(Decision.id.in_(shown)).options(
        joinedload(Decision.moderator),
        joinedload(Decision.comment, innerjoin=True).joinedload(Comment.thread, innerjoin=True),
        joinedload(Decision.comment, innerjoin=True).joinedload(Comment.site, innerjoin=True),
    )  # fmt: skip
    found = list(db.session.scalars(query.order_by(Decision.id.desc())))
    return Page(found, before=shown[-1]) if len(ids) > PAGE else Page(found, further=further or None)


def all_for(moderator: Moderator, wanted: LogFilter) -> Iterator[dict[str, Any] | None]:
    """All matching decisions as plain rows; None if a scan found nothing.

    Without open transaction between batches: a download may be slow.
    """
    site_ids, mine, before, limit = _site_ids(moderator, wanted), _in_sections(moderator), None, PAGE
    while before != 0:
        ids, further = _scan(site_ids, mine, wanted, before, limit)
        rows: list[dict[str, Any] | None] = [*_rows(ids)]
        db.session.rollback()
        yield from rows or [None]
        before = ids[-1] if len(ids) == limit else further
        limit = BATCH


def _rows(ids: list[int]) -> list[dict[str, Any]]:
    """Without email and network addresses."""
    query = (
        select(*_EXPORTED.values())
        .join(Comment, Comment.id == Decision.comment_id)
        .join(Thread, Thread.id == Comment.thread_id)
        .join(Site, Site.id == Comment.site_id)
        .outerjoin(Moderator, Moderator.id == Decision.moderator_id)
        .where(Decision.id.in_(ids))
    )
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in db.session.execute(query.order_by(Decision.id.desc()))]
    for row in rows:
        row["made_at"] = row["made_at"].isoformat()
    return rows


_EXPORTED: dict[str, Any] = {
    "id": Decision.id,
    "made_at": Decision.made_at,
    "site": Site.key,
    "page": func.coalesce(func.nullif(Thread.url, ""), Thread.key),
    "comment": Comment.id,
    "name": Comment.name,
    "text": Comment.body,
    "from": Decision.from_status,
    "to": Decision.to_status,
    "actor": Decision.actor,
    "moderator": Moderator.name,
    "reason": Decision.reason,
    "note": Decision.note,
    "undoes": Decision.undoes_id,
}
COLUMNS = tuple(_EXPORTED)


def decision_of(moderator: Moderator, id: int) -> Decision | None:
    return db.session.scalar(select(Decision).where(Decision.id == id, *_mine(moderator)))


def decisions_of(moderator: Moderator, ids: list[int]) -> list[Decision]:
    query = select(Decision).where(Decision.id.in_(ids), *_mine(moderator))
    return list(db.session.scalars(query.options(joinedload(Decision.comment, innerjoin=True))))


def _mine(moderator: Moderator) -> list[ColumnElement[bool]]:
    return [one_of(Decision.site_id, moderator.site_ids), *_in_sections(moderator)]


def _in_sections(moderator: Moderator) -> list[ColumnElement[bool]]:
    return section_scope.about_comments(moderator, Decision.site_id, Decision.comment_id)


def colleagues(moderator: Moderator) -> list[Moderator]:
    """Moderators of the moderator's sites, including this one."""
    shared = select(Membership.moderator_id).where(one_of(Membership.site_id, moderator.site_ids))
    return list(db.session.scalars(select(Moderator).where(Moderator.id.in_(shared)).order_by(Moderator.id)))


def can_be_undone(decision: Decision) -> bool:
    """True for the newest decision on its comment, by a moderator or by reports."""
    standing = decision.comment.version == decision.version
    ours = decision.actor in (Actor.MODERATOR, Actor.SYSTEM)
    return standing and ours and decision.from_status not in (None, Status.DELETED) and decision.reason not in WROTE


def _site_ids(moderator: Moderator, wanted: LogFilter) -> list[int]:
    return [id for id in moderator.site_ids if wanted.site_id in (None, id)]


def _scan(
    site_ids: list[int], mine: list[ColumnElement[bool]], wanted: LogFilter, before: int | None, limit: int
) -> tuple[list[int], int]:
    """The newest ids, and where to continue (0: end)."""
    conditions, among = [*_conditions(wanted), *mine], [BY_PEOPLE] if wanted.people else []
    end = _end_of_scan(site_ids, before, SCANNED if conditions else limit, among)
    query = select(Decision.id).where(one_of(Decision.site_id, site_ids), Decision.id >= end, *among, *conditions)
    if before:
        query = query.where(Decision.id < before)
    return list(db.session.scalars(query.order_by(Decision.id.desc()).limit(limit))), end


def _end_of_scan(site_ids: list[int], before: int | None, count: int, among: list[TextClause]) -> int:
    """The last of at most `count` scanned decisions of each site; 0 at the end.

    By site: no index sorts decisions of several sites by id. Decisions of people have an index of their own.
    """
    older = select(Decision.id).where(Decision.site_id == Site.id, Decision.id < (before or row_ids.MOST), *among)
    last = older.order_by(Decision.id.desc()).limit(1).offset(count - 1).correlate(Site).scalar_subquery()
    return db.session.scalar(select(func.max(last)).where(one_of(Site.id, site_ids))) or 0


def _conditions(wanted: LogFilter) -> list[ColumnElement[bool]]:
    values = {
        Decision.to_status: wanted.status,
        Decision.moderator_id: wanted.moderator_id,
        Decision.reason: wanted.reason,
    }
    found = [column == value for column, value in values.items() if value is not None]
    if wanted.since:
        found.append(Decision.made_at >= wanted.since)
    return [*found, Decision.made_at < wanted.until] if wanted.until else found

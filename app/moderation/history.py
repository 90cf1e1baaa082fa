"""The log: every decision that was made on a moderator's sites, newest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from app.extensions import db
from app.models import Actor, Comment, Decision, Membership, Moderator, Status

PAGE = 50
BATCH = 500  # decisions of an export that are read at once


@dataclass(frozen=True)
class Wanted:
    """Which decisions: what is None asks for all. `since` is the first moment, `until` the first one after."""

    site_id: int | None = None
    status: str | None = None
    moderator_id: int | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Page:
    decisions: list[Decision]
    before: int | None


def decisions_for(moderator: Moderator, wanted: Wanted = Wanted(), *, before: int | None = None) -> Page:
    """A page of what is wanted of her sites' decisions, older than the decision `before`."""
    found = _read(_of_sites(moderator.site_ids, wanted), before, PAGE + 1)
    return Page(found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None)


def all_for(moderator: Moderator, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Everything that is wanted, as plain rows; between two batches no transaction is open.

    A download may take as long as its reader's network; the database must not wait for that.
    """
    query, before = _of_sites(moderator.site_ids, wanted), None
    while True:
        rows = [row_of(decision) for decision in _read(query, before, BATCH)]
        db.session.rollback()
        if not rows:
            return
        yield from rows
        before = rows[-1]["id"]


def row_of(decision: Decision) -> dict[str, Any]:
    """A decision as it is exported: no e-mail and no network address."""
    comment = decision.comment
    return {
        "id": decision.id,
        "made_at": decision.made_at.isoformat(),
        "site": comment.site.key,
        "page": comment.thread.url,
        "comment": comment.id,
        "name": comment.name,
        "text": comment.body,
        "from": decision.from_status,
        "to": decision.to_status,
        "actor": decision.actor,
        "moderator": decision.moderator.name if decision.moderator else None,
        "reason": decision.reason,
        "note": decision.note,
        "undoes": decision.undoes_id,
    }


COLUMNS = (
    "id", "made_at", "site", "page", "comment", "name", "text",
    "from", "to", "actor", "moderator", "reason", "note", "undoes",
)  # fmt: skip


def decision_of(moderator: Moderator, id: int) -> Decision | None:
    """One decision on one of her sites."""
    return db.session.scalar(select(Decision).where(Decision.id == id, Decision.site_id.in_(moderator.site_ids)))


def decisions_of(moderator: Moderator, ids: list[int]) -> list[Decision]:
    """Those of these decisions that are on her sites."""
    query = select(Decision).where(Decision.id.in_(ids), Decision.site_id.in_(moderator.site_ids))
    return list(db.session.scalars(query.options(joinedload(Decision.comment, innerjoin=True))))


def colleagues(moderator: Moderator) -> list[Moderator]:
    """Who moderates a site that she moderates, herself included."""
    shared = select(Membership.moderator_id).where(Membership.site_id.in_(moderator.site_ids))
    return list(db.session.scalars(select(Moderator).where(Moderator.id.in_(shared)).order_by(Moderator.id)))


def can_be_undone(decision: Decision) -> bool:
    """Whether it is a moderator's or what readers' reports did, and still the newest on its comment."""
    standing = decision.comment.version == decision.version
    ours = decision.actor in (Actor.MODERATOR, Actor.SYSTEM)
    return standing and ours and decision.from_status not in (None, Status.DELETED)


def _of_sites(site_ids: list[int], wanted: Wanted) -> Select[tuple[Decision]]:
    asked = {
        Decision.site_id: wanted.site_id,
        Decision.to_status: wanted.status,
        Decision.moderator_id: wanted.moderator_id,
        Decision.reason: wanted.reason,
    }
    query = select(Decision).where(Decision.site_id.in_(site_ids))
    query = query.where(*(column == value for column, value in asked.items() if value is not None))
    if wanted.since:
        query = query.where(Decision.made_at >= wanted.since)
    return query.where(Decision.made_at < wanted.until) if wanted.until else query


def _read(query: Select[tuple[Decision]], before: int | None, limit: int) -> list[Decision]:
    if before:
        query = query.where(Decision.id < before)
    loaded = query.options(
        joinedload(Decision.moderator),
        # Inner: behind an outer join SQLite would first put all threads together with their sites.
        joinedload(Decision.comment, innerjoin=True).joinedload(Comment.thread, innerjoin=True),
        joinedload(Decision.comment, innerjoin=True).joinedload(Comment.site, innerjoin=True),
    )
    return list(db.session.scalars(loaded.order_by(Decision.id.desc()).limit(limit)))

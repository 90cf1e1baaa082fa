"""The log: every decision that was made on a moderator's sites, newest first."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.extensions import db
from app.models import Actor, Comment, Decision, Membership, Moderator, Status

PAGE = 50


@dataclass(frozen=True)
class Page:
    decisions: list[Decision]
    before: int | None


def decisions_for(
    moderator: Moderator, *, status: Status | None = None, by: int | None = None, before: int | None = None
) -> Page:
    """Decisions that gave `status`, made by the moderator with the id `by`, older than the decision `before`."""
    query = select(Decision).where(Decision.site_id.in_(moderator.site_ids))
    if status:
        query = query.where(Decision.to_status == status)
    if by:
        query = query.where(Decision.moderator_id == by)
    if before:
        query = query.where(Decision.id < before)
    query = query.order_by(Decision.id.desc()).limit(PAGE + 1).options(
        joinedload(Decision.moderator), joinedload(Decision.comment).joinedload(Comment.thread)
    )  # fmt: skip
    found = list(db.session.scalars(query))
    return Page(found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None)


def decision_of(moderator: Moderator, id: int) -> Decision | None:
    """One decision on one of her sites."""
    return db.session.scalar(select(Decision).where(Decision.id == id, Decision.site_id.in_(moderator.site_ids)))


def decisions_of(moderator: Moderator, ids: list[int]) -> list[Decision]:
    """Those of these decisions that are on her sites."""
    query = select(Decision).where(Decision.id.in_(ids), Decision.site_id.in_(moderator.site_ids))
    return list(db.session.scalars(query.options(joinedload(Decision.comment))))


def colleagues(moderator: Moderator) -> list[Moderator]:
    """Who moderates a site that she moderates, herself included."""
    shared = select(Membership.moderator_id).where(Membership.site_id.in_(moderator.site_ids))
    return list(db.session.scalars(select(Moderator).where(Moderator.id.in_(shared)).order_by(Moderator.id)))


def can_be_undone(decision: Decision) -> bool:
    """Whether it is a moderator's or what readers' reports did, and still the newest on its comment."""
    standing = decision.comment.version == decision.version
    ours = decision.actor in (Actor.MODERATOR, Actor.SYSTEM)
    return standing and ours and decision.from_status not in (None, Status.DELETED)

"""Comments in the queue of one moderator, and who is due for a digest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.orm import joinedload

from app.database import rows_changed
from app.extensions import db
from app.lib.clock import happened_since, now
from app.models import section_scope
from app.models.comment import Comment, Status
from app.models.decision import REPORTS, Actor, Decision
from app.models.moderator import Membership, Moderator

URGENT = 1  # the lane


@dataclass(frozen=True)
class Span:
    """The comments of one digest: held in this period, without those of earlier digests; all or only urgent ones."""

    since: datetime | None = None
    until: datetime | None = None
    told: Sequence[int] = ()
    urgent: bool = False


def count(moderator: Moderator, span: Span) -> int:
    """Number of comments in this span on the moderator's sites."""
    return db.session.scalar(select(func.count()).select_from(Comment).where(*_waiting(moderator, span))) or 0


def oldest(moderator: Moderator, span: Span, limit: int) -> Sequence[Comment]:
    """The comments of `count` with sites and threads, oldest first."""
    return db.session.scalars(
        select(Comment).where(*_waiting(moderator, span))
        .options(joinedload(Comment.site, innerjoin=True), joinedload(Comment.thread, innerjoin=True))
        .order_by(Comment.id).limit(limit)
    ).all()  # fmt: skip


def ids(moderator: Moderator, span: Span) -> Sequence[int]:
    return db.session.scalars(select(Comment.id).where(*_waiting(moderator, span))).all()


def take_turn(moderator: Moderator, distance: timedelta) -> bool:
    """Record that a digest is due now; False if the last one is less than `distance` ago."""
    changed = rows_changed(
        update(Moderator)
        .where(Moderator.id == moderator.id)
        .where(or_(Moderator.digest_at.is_(None), ~happened_since(Moderator.digest_at, now() - distance)))
        .values(digest_at=now())
    )
    db.session.refresh(moderator)
    return changed == 1


def _waiting(moderator: Moderator, span: Span) -> list[Any]:
    own_sites = select(Membership.site_id).where(Membership.moderator_id == moderator.id)
    conditions: list[Any] = [Comment.site_id.in_(own_sites), text("comment.lane <> 0")]
    conditions += section_scope.in_sections_of(moderator)
    if span.since or span.until:
        conditions.append(_was_held(span.since, span.until))
    if span.urgent:
        conditions.append(Comment.lane == URGENT)
    if span.told:
        conditions.append(Comment.id.not_in(span.told))
    return conditions


def _was_held(since: datetime | None, until: datetime | None) -> Any:
    """Held by screening or reported by readers; not returned to pending by a moderator, and not imported."""
    held = select(Decision.id).where(
        Decision.comment_id == Comment.id,
        or_(Decision.to_status == Status.PENDING, Decision.reason == REPORTS),
        Decision.moderator_id.is_(None),
        Decision.actor != Actor.IMPORT,
    )  # fmt: skip
    if since:
        held = held.where(Decision.made_at > since)
    if until:
        held = held.where(Decision.made_at <= until)
    return held.exists()

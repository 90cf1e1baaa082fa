"""What waits for one moderator, and whose turn it is to be told; questions across comments and moderators."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import joinedload

from app.database import rows_changed
from app.extensions import db
from app.lib.clock import happened_since, now
from app.models.comment import Comment, Status
from app.models.decision import Actor, Decision
from app.models.moderator import Membership, Moderator


@dataclass(frozen=True)
class Span:
    """The comments that one letter is about: held in this time, without those of which she was told already."""

    since: datetime | None = None
    until: datetime | None = None
    told: Sequence[int] = ()


def count(moderator: Moderator, span: Span) -> int:
    """How many comments of this span wait on her sites."""
    return db.session.scalar(select(func.count()).select_from(Comment).where(*_waiting(moderator, span))) or 0


def oldest(moderator: Moderator, span: Span, limit: int) -> Sequence[Comment]:
    """The comments that `count` counts, with their sites and pages, the longest waiting first."""
    return db.session.scalars(
        select(Comment).where(*_waiting(moderator, span))
        .options(joinedload(Comment.site, innerjoin=True), joinedload(Comment.thread, innerjoin=True))
        .order_by(Comment.id).limit(limit)
    ).all()  # fmt: skip


def ids(moderator: Moderator, span: Span) -> Sequence[int]:
    return db.session.scalars(select(Comment.id).where(*_waiting(moderator, span))).all()


def take_turn(moderator: Moderator, distance: timedelta) -> bool:
    """Note that a letter goes to her now; False when the last one is less than `distance` ago."""
    changed = rows_changed(
        update(Moderator)
        .where(Moderator.id == moderator.id)
        .where(or_(Moderator.digest_at.is_(None), ~happened_since(Moderator.digest_at, now() - distance)))
        .values(digest_at=now())
    )
    db.session.refresh(moderator)
    return changed == 1


def _waiting(moderator: Moderator, span: Span) -> list[Any]:
    hers = select(Membership.site_id).where(Membership.moderator_id == moderator.id)
    conditions: list[Any] = [Comment.site_id.in_(hers), Comment.status == Status.PENDING]
    if span.since or span.until:
        conditions.append(_was_held(span.since, span.until))
    if span.told:
        conditions.append(Comment.id.not_in(span.told))
    return conditions


def _was_held(since: datetime | None, until: datetime | None) -> Any:
    """Held by us, not put back by a moderator, who knows, nor brought by an import, of which no letter tells."""
    held = select(Decision.id).where(
        Decision.comment_id == Comment.id,
        Decision.to_status == Status.PENDING,
        Decision.moderator_id.is_(None),
        Decision.actor != Actor.IMPORT,
    )  # fmt: skip
    if since:
        held = held.where(Decision.made_at > since)
    if until:
        held = held.where(Decision.made_at <= until)
    return held.exists()

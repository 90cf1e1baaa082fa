"""A decision that waits for a second opinion, and the moderator who is asked. They must not see the first decision."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, String, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, happened_since, now
from app.models.comment import Comment
from app.models.decision import Decision
from app.models.moderator import Membership, Moderator
from app.models.notice import Notice
from app.models.site import Site

# Afterwards the question is withdrawn.
LASTS = timedelta(days=14)
# Questions that wait for one moderator; those who are away get no more.
MOST = 30


class Sample(StrEnum):
    """Why a decision was drawn."""

    RANDOM = "random"
    NEAR = "near"  # to a threshold of the spam score
    KNOWN = "known"  # a rejection of an author with approved comments


class AskedOpinion(Model):
    __tablename__ = "asked_opinion"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"), index=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"), unique=True)
    decision_id: Mapped[int] = mapped_column(ForeignKey("decision.id", ondelete="CASCADE"), unique=True)
    moderator_id: Mapped[int] = mapped_column(ForeignKey("moderator.id", ondelete="CASCADE"), index=True)
    sample: Mapped[str] = mapped_column(String(8))
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)

    comment: Mapped[Comment] = relationship()
    decision: Mapped[Decision] = relationship()

    @classmethod
    def waiting_for(cls, moderator: Moderator) -> list[ColumnElement[bool]]:
        """Conditions of the questions that this moderator has to answer, on the sites that still ask."""
        return [cls.moderator_id == moderator.id, cls.site_id.in_(_asking(moderator)), *cls._stands()]

    @classmethod
    def asking_sites(cls, moderator: Moderator) -> Sequence[Site]:
        return moderator.sites(Site.second_opinions > 0)

    @classmethod
    def kept_from(cls, moderator: Moderator) -> list[int]:
        """Ids of the comments that this moderator must not see until the second opinion is given."""
        return list(db.session.scalars(select(cls.comment_id).where(*cls.waiting_for(moderator))))

    @classmethod
    def counts_of(cls, moderator_ids: Collection[int]) -> dict[int, int]:
        """Number of questions that wait for each of these moderators; one that no longer stands keeps no other out."""
        asking = cls.site_id.in_(select(Site.id).where(Site.second_opinions > 0))
        waiting = cls.moderator_id.in_(moderator_ids), asking, *cls._stands()
        query = select(cls.moderator_id, func.count()).where(*waiting)
        return {row[0]: row[1] for row in db.session.execute(query.group_by(cls.moderator_id))}

    @classmethod
    def withdraw(cls, comment: Comment) -> None:
        """A newer decision on the comment ends the question about the one before."""
        rows_changed(delete(cls).where(cls.comment_id == comment.id))

    @classmethod
    def end_all(cls, site_id: int) -> None:
        rows_changed(delete(cls).where(cls.site_id == site_id))

    @classmethod
    def clear(cls, site_id: int) -> None:
        """Delete the site's questions that no longer stand; locked rows are skipped, because waiting could deadlock."""
        standing = select(cls.id).where(cls.site_id == site_id, *cls._stands())
        over = select(cls.id).where(cls.site_id == site_id, cls.id.not_in(standing))
        ids = db.session.scalars(over.with_for_update(skip_locked=True)).all()
        rows_changed(delete(cls).where(cls.id.in_(ids)))

    @classmethod
    def _stands(cls) -> list[ColumnElement[bool]]:
        """The decision is the newest, the comment has its text and is in no lane, and no legal notice is about it."""
        same = Decision.id == cls.decision_id, Comment.id == cls.comment_id, Comment.version == Decision.version
        usual = Comment.lane == 0, Comment.emptied_at.is_(None)
        decided = select(Comment.id).where(*same, *usual).correlate(cls).exists()
        noticed = select(Notice.id).where(Notice.comment_id == cls.comment_id).correlate(cls).exists()
        return [decided, ~noticed, happened_since(cls.made_at, now() - LASTS)]

    def __repr__(self) -> str:
        return f"<AskedOpinion {self.id}: comment {self.comment_id}>"


def _asking(moderator: Moderator) -> Any:
    """Ids of the moderator's sites that ask for second opinions."""
    mine = select(Membership.site_id).where(Membership.moderator_id == moderator.id)
    return mine.join(Site, Site.id == Membership.site_id).where(Site.second_opinions > 0)

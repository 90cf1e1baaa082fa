"""The text of a comment before an edit or before a passage was covered, for moderators."""

from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Select, Text, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.models.comment import Comment
from app.models.decision import Decision
from app.models.notice import Notice
from app.models.report import Report

# Passages that one decision covers.
MOST_WORDS = 20


class Revision(Model):
    __tablename__ = "revision"
    __table_args__ = (Index("ix_revision_site", "site_id", "replaced_at", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"), index=True)
    body: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
    replaced_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # What replaced it covered these words: {"words", "label", "version" of the comment, "renderer" of the HTML}.
    covered: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    @classmethod
    def of(cls, comment_ids: list[int]) -> dict[int, list["Revision"]]:
        """Earlier texts by comment id, oldest first."""
        found: dict[int, list[Revision]] = {id: [] for id in comment_ids}
        for row in db.session.scalars(select(cls).where(cls.comment_id.in_(comment_ids)).order_by(cls.id)):
            found[row.comment_id].append(row)
        return found

    @classmethod
    def with_covers(cls, comment: Comment) -> list["Revision"]:
        """The texts before each cover that stands, oldest first."""
        return [each for each in cls.of([comment.id])[comment.id] if each.covered]

    @classmethod
    def forget_between(cls, comment: Comment) -> None:
        """Keep the first and the last earlier text, those that a decision, report or notice refers to, and those with
        covered words."""
        texts = db.session.execute(
            select(cls.id, cls.replaced_at, cls.covered).where(cls.comment_id == comment.id).order_by(cls.id)
        ).all()
        seen = [at for query in (_decided, _reported, _noticed) for at in db.session.scalars(query(comment))]
        between = pairwise(texts[:-1])
        unseen = [
            row.id
            for before, row in between
            if not row.covered and not any(before.replaced_at < at <= row.replaced_at for at in seen)
        ]
        db.session.execute(delete(cls).where(cls.id.in_(unseen)))


def _decided(comment: Comment) -> Select[datetime]:
    return select(Decision.made_at).where(Decision.comment_id == comment.id, Decision.moderator_id.is_not(None))


def _reported(comment: Comment) -> Select[datetime]:
    return select(Report.made_at).where(Report.comment_id == comment.id)


def _noticed(comment: Comment) -> Select[datetime]:
    return select(Notice.made_at).where(Notice.comment_id == comment.id)

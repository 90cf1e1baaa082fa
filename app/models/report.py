"""A report: a reader's flag on a comment that everybody sees, with her reason; one for each reader."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import Id, db
from app.lib.clock import Moment, now
from app.lib.secrets import Encrypted
from app.models.comment import Comment
from app.models.decision import Decision


class Report(db.Model):
    """`decision_id` is the decision by which a moderator answered it; until then it is open."""

    __tablename__ = "report"
    __table_args__ = (
        UniqueConstraint("comment_id", "reporter_index"),
        Index("ix_report_site", "site_id", "made_at"),
        Index("ix_report_reporter", "reporter_index", "made_at"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"))
    # A keyed hash of what tells this reader from another; nothing of her is kept.
    reporter_index: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(32))
    note: Mapped[str] = mapped_column(Encrypted, default="")
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # The text that was reported: an edited comment may be reported anew.
    comment_version: Mapped[int]
    decision_id: Mapped[int | None] = mapped_column(ForeignKey("decision.id", ondelete="SET NULL"))

    comment: Mapped[Comment] = relationship()
    decision: Mapped[Decision | None] = relationship()

    @classmethod
    def open_of(cls, comment_ids: list[int]) -> dict[int, dict[str, int]]:
        """How often each comment was reported for which reason, by comment id; answered reports are left out."""
        found: dict[int, dict[str, int]] = {id: {} for id in comment_ids}
        rows = db.session.execute(
            select(cls.comment_id, cls.reason, func.count())
            .where(cls.comment_id.in_(comment_ids), cls.decision_id.is_(None))
            .group_by(cls.comment_id, cls.reason)
        )
        for comment_id, reason, count in rows:
            found[comment_id][reason] = count
        return found

    def __repr__(self) -> str:
        return f"<Report {self.id}>"

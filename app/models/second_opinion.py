"""A decision and the second opinion on it, without the two people: agreement is counted by reason, never by person."""

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, String, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import Id, Model
from app.lib.clock import Moment
from app.models.comment import Comment, Status
from app.models.reason import Reason

_DIFFERING = text("comment_id IS NOT NULL")


class SecondOpinion(Model):
    __tablename__ = "second_opinion"
    __table_args__ = (
        Index("ix_second_opinion_site", "site_id", "given_on"),
        Index("ix_second_opinion_case", "site_id", "id", sqlite_where=_DIFFERING, postgresql_where=_DIFFERING),
        Index("ix_second_opinion_comment", "comment_id", sqlite_where=_DIFFERING, postgresql_where=_DIFFERING),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    sample: Mapped[str] = mapped_column(String(8))
    first_status: Mapped[str] = mapped_column(String(16))
    first_reason: Mapped[str] = mapped_column(String(64), default="")
    status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(64), default="")
    # The day only: a time would tell who was at work.
    given_on: Mapped[datetime] = mapped_column(Moment)
    # Only if the two differ, as a case to discuss.
    comment_id: Mapped[int | None] = mapped_column(ForeignKey("comment.id", ondelete="SET NULL"))
    discussed: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())

    comment: Mapped[Comment | None] = relationship()

    def __repr__(self) -> str:
        return f"<SecondOpinion {self.id}>"


def label_of(status: str, reason: str) -> str:
    """The value that is compared: the reason of a removal, or that the comment was approved."""
    if status == Status.APPROVED:
        return Status.APPROVED
    return reason or (Reason.SPAM if status == Status.SPAM else Reason.OTHER)

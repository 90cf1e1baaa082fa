"""A legal hold: a copy of a comment's data that erasure, retention and its author cannot delete, until an end."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, Index, and_, select, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.lib.secrets import Encrypted
from app.models.comment import Comment
from app.models.moderator import Moderator
from app.models.notice import Notice


class LegalHold(Model):
    __tablename__ = "legal_hold"
    __table_args__ = (
        Index("ix_legal_hold_comment", "comment_id"),
        Index("ix_legal_hold_site", "site_id"),
        Index(
            "ix_legal_hold_until", "until",
            sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"))
    notice_id: Mapped[int | None] = mapped_column(ForeignKey("notice.id", ondelete="SET NULL"))
    reason: Mapped[str] = mapped_column(Encrypted)
    # The copy as JSON (app/moderation/legal_hold.py); '' once the hold has ended.
    kept: Mapped[str] = mapped_column(Encrypted, default="")
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"))
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    until: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"))

    comment: Mapped[Comment] = relationship()
    notice: Mapped[Notice | None] = relationship()
    made_by: Mapped[Moderator | None] = relationship(foreign_keys=[made_by_id])

    @classmethod
    def is_running(cls) -> ColumnElement[bool]:
        return and_(cls.ended_at.is_(None), cls.until > now())

    @classmethod
    def of(cls, comment_ids: Collection[int]) -> Sequence["LegalHold"]:
        """The running holds of these comments."""
        return db.session.scalars(select(cls).where(cls.comment_id.in_(comment_ids), cls.is_running())).all()

    @classmethod
    def on(cls, comment: Comment) -> "LegalHold | None":
        """The running hold of a comment."""
        return next(iter(cls.of([comment.id])), None)

    @classmethod
    def on_site(cls, site_id: int) -> Sequence["LegalHold"]:
        """The running holds of a site."""
        return db.session.scalars(select(cls).where(cls.site_id == site_id, cls.is_running())).all()

    @classmethod
    def overdue(cls) -> Sequence[int]:
        """Ids of holds whose time is over, and whose copy is still stored."""
        over = cls.ended_at.is_(None), cls.until <= now(), text("legal_hold.ended_at IS NULL")
        return db.session.scalars(select(cls.id).where(*over).order_by(cls.id)).all()

    def __repr__(self) -> str:
        return f"<LegalHold {self.id}>"

"""A decision: who moved a comment from which status to which, when and why. Written once, never changed."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, func, select, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import Id, Model, db
from app.lib.clock import Moment, happened_since, now
from app.models.comment import Comment
from app.models.moderator import Moderator

# More than a site decides within the minute that is asked about.
COUNTED_AMONG = 5_000


class Actor(StrEnum):
    SCREENING = "screening"
    MODERATOR = "moderator"
    AUTHOR = "author"
    IMPORT = "import"
    SYSTEM = "system"


class Decision(Model):
    __tablename__ = "decision"
    __table_args__ = (
        Index("ix_decision_site_newest", "site_id", "id"),
        Index("ix_decision_comment", "comment_id", "id"),
        # The database looks here for each decision that goes.
        Index(
            "ix_decision_undoes_id",
            "undoes_id",
            sqlite_where=text("undoes_id IS NOT NULL"),
            postgresql_where=text("undoes_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"))
    from_status: Mapped[str | None] = mapped_column(String(16))
    to_status: Mapped[str] = mapped_column(String(16))
    # The comment's version after this decision: only the newest decision can be undone as such.
    version: Mapped[int]
    actor: Mapped[str] = mapped_column(String(16))
    moderator_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"))
    reason: Mapped[str] = mapped_column(String(64), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("decision.id", ondelete="SET NULL"))
    # She was told of a colleague's decision, the one before this, and replaced it.
    overrides: Mapped[bool] = mapped_column(default=False)
    # How far the filter was from it, where it taught something (moderation/learning.py); undo brings that back.
    residual: Mapped[int | None]
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)

    comment: Mapped[Comment] = relationship()
    moderator: Mapped[Moderator | None] = relationship()

    @classmethod
    def newest_of(cls, comment: Comment) -> "Decision | None":
        return db.session.scalar(select(cls).where(cls.comment_id == comment.id).order_by(cls.id.desc()).limit(1))

    @classmethod
    def count_of(cls, site_id: int, reason: str, since: datetime) -> int:
        """How many had this reason since then, among the site's newest."""
        of_site = select(cls.reason, cls.made_at).where(cls.site_id == site_id)
        newest = of_site.order_by(cls.id.desc()).limit(COUNTED_AMONG).subquery()
        counted = (
            select(func.count())
            .select_from(newest)
            .where(newest.c.reason == reason, happened_since(newest.c.made_at, since))
        )
        return db.session.scalar(counted) or 0

    @classmethod
    def id_back(cls, site_id: int, number: int) -> int:
        """The id of the site's decision that is so many back from the newest; 0 when it has fewer."""
        newest = select(cls.id).where(cls.site_id == site_id).order_by(cls.id.desc())
        return db.session.scalar(newest.offset(number - 1).limit(1)) or 0

    @classmethod
    def made_before(cls, id: int, moment: datetime) -> bool:
        return db.session.scalar(select(cls.id).where(cls.id == id, cls.made_at <= moment)) is not None

    @classmethod
    def that_made(cls, comment: Comment, version: int) -> "Decision | None":
        """The decision that gave the comment this version; there is at most one."""
        return db.session.scalar(select(cls).where(cls.comment_id == comment.id, cls.version == version))

    @classmethod
    def has_reason(cls, comment: Comment, reason: str) -> bool:
        """Whether one of the decisions on this comment was made for `reason`."""
        query = select(cls.id).where(cls.comment_id == comment.id, cls.reason == reason)
        return db.session.scalar(query.limit(1)) is not None

    @classmethod
    def all_of(cls, comment: Comment) -> list["Decision"]:
        """Every decision on a comment, oldest first."""
        return list(db.session.scalars(select(cls).where(cls.comment_id == comment.id).order_by(cls.id)))

    def __repr__(self) -> str:
        return f"<Decision {self.id}: comment {self.comment_id} {self.from_status} -> {self.to_status}>"

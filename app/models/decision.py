"""A decision: a change of a comment's status, with actor, time and reason. Rows are inserted and never changed."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, func, select, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import Id, Model, db
from app.lib.clock import Moment, happened_since, now
from app.models.comment import Comment, Status
from app.models.moderator import Moderator

# The reason of decisions by readers' reports.
REPORTS = "reports"
# A moderator covered a passage of the text, or took that back; the status stays.
COVERED, UNCOVERED = "covered", "uncovered"
COVERS = (COVERED, UNCOVERED)
# More decisions than a site makes in a minute.
COUNTED_AMONG = 5_000


class Actor(StrEnum):
    SCREENING = "screening"
    MODERATOR = "moderator"
    AUTHOR = "author"
    IMPORT = "import"
    SYSTEM = "system"
    OPERATOR = "operator"  # on the command line
    PAGE = "page"  # a signed attribute of the article


# Decisions of moderators, authors and reports; of an index, so as text.
BY_PEOPLE = text("decision.actor NOT IN ('screening', 'import')")
_BY_PEOPLE = text("actor NOT IN ('screening', 'import')")


class Decision(Model):
    __tablename__ = "decision"
    __table_args__ = (
        Index("ix_decision_site_newest", "site_id", "id"),
        # The log, which shows people's decisions first.
        Index("ix_decision_people", "site_id", "id", sqlite_where=_BY_PEOPLE, postgresql_where=_BY_PEOPLE),
        Index("ix_decision_comment", "comment_id", "id"),
        # For the foreign key check when a decision is deleted.
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
    # Comment version after this decision; only the newest decision can be undone.
    version: Mapped[int]
    actor: Mapped[str] = mapped_column(String(16))
    moderator_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"))
    reason: Mapped[str] = mapped_column(String(64), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("decision.id", ondelete="SET NULL"))
    # The moderator saw another moderator's decision and replaced it.
    overrides: Mapped[bool] = mapped_column(default=False)
    # Difference from the prediction, if the filter was trained (spam/learning.py); restored by undo.
    residual: Mapped[int | None]
    # An imported status that trains the filter, although no moderator of this site decided it.
    teaches: Mapped[bool] = mapped_column(default=False)
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)

    comment: Mapped[Comment] = relationship()
    moderator: Mapped[Moderator | None] = relationship()

    @property
    def asks_for_review(self) -> bool:
        """True if screening, the author or readers' reports put the comment into the queue, in which reported ones
        stay public."""
        return self.moderator_id is None and (self.to_status == Status.PENDING or self.reason == REPORTS)

    @classmethod
    def newest_of(cls, comment: Comment) -> "Decision | None":
        return db.session.scalar(select(cls).where(cls.comment_id == comment.id).order_by(cls.id.desc()).limit(1))

    @classmethod
    def count_of(cls, site_id: int, reason: str, since: datetime) -> int:
        """Number of the site's newest decisions since then with this reason."""
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
        """Id of the site's decision `number` back from the newest; 0 if it has fewer."""
        newest = select(cls.id).where(cls.site_id == site_id).order_by(cls.id.desc())
        return db.session.scalar(newest.offset(number - 1).limit(1)) or 0

    @classmethod
    def made_before(cls, id: int, moment: datetime) -> bool:
        return db.session.scalar(select(cls.id).where(cls.id == id, cls.made_at <= moment)) is not None

    @classmethod
    def that_made(cls, comment: Comment, version: int) -> "Decision | None":
        """The decision that gave the comment this version."""
        return db.session.scalar(select(cls).where(cls.comment_id == comment.id, cls.version == version))

    @classmethod
    def has_reason(cls, comment: Comment, reason: str) -> bool:
        """True if a decision on this comment had this reason."""
        query = select(cls.id).where(cls.comment_id == comment.id, cls.reason == reason)
        return db.session.scalar(query.limit(1)) is not None

    @classmethod
    def all_of(cls, comment: Comment) -> list["Decision"]:
        """All decisions on a comment, oldest first."""
        return list(db.session.scalars(select(cls).where(cls.comment_id == comment.id).order_by(cls.id)))

    def __repr__(self) -> str:
        return f"<Decision {self.id}: comment {self.comment_id} {self.from_status} -> {self.to_status}>"

"""A reader's report of a public comment; one for each reader and comment version."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, exists, func, or_, select, text, update
from sqlalchemy.orm import Mapped, aliased, mapped_column, relationship

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, happened_since, now
from app.lib.ids import MOST
from app.lib.secrets import BlindIndex, Encrypted
from app.models.comment import Comment, Status
from app.models.decision import COVERS, Actor, Decision
from app.models.site import Site


class Reporter(NamedTuple):
    """Keyed hashes of the reader's network (/24 or /56), and of the /48 around it."""

    network: str
    wide: str | None = None


class Report(Model):
    """Open until a moderator's decision, `decision_id`, answers it."""

    __tablename__ = "report"
    __table_args__ = (
        UniqueConstraint("comment_id", "reporter_index"),
        Index("ix_report_site", "site_id", "made_at"),
        Index("ix_report_newest", "site_id", "id"),
        Index("ix_report_reporter", "reporter_index", "made_at"),
        Index(
            "ix_report_decision_id",
            "decision_id",
            sqlite_where=text("decision_id IS NOT NULL"),
            postgresql_where=text("decision_id IS NOT NULL"),
        ),
        Index("ix_report_wide", "wide_index", "made_at"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"))
    # Only keyed hashes of the reporter's networks are stored.
    reporter_index: Mapped[str] = mapped_column(BlindIndex)
    wide_index: Mapped[str | None] = mapped_column(BlindIndex)
    reason: Mapped[str] = mapped_column(String(32))
    note: Mapped[str] = mapped_column(Encrypted, default="")
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # An edited comment can be reported again.
    comment_version: Mapped[int]
    decision_id: Mapped[int | None] = mapped_column(ForeignKey("decision.id", ondelete="SET NULL"))

    comment: Mapped[Comment] = relationship()
    decision: Mapped[Decision | None] = relationship()

    @classmethod
    def open_of(cls, comment_ids: list[int]) -> dict[int, dict[str, int]]:
        """Number of open reports by comment id and reason."""
        found: dict[int, dict[str, int]] = {id: {} for id in comment_ids}
        rows = db.session.execute(
            select(cls.comment_id, cls.reason, func.count())
            .where(cls.comment_id.in_(comment_ids), cls.decision_id.is_(None))
            .group_by(cls.comment_id, cls.reason)
        )
        for comment_id, reason, count in rows:
            found[comment_id][reason] = count
        return found

    @classmethod
    def made_about(cls, comment_ids: Collection[int]) -> list[tuple[int, str, datetime]]:
        """Comment id, reason and time of all reports of these comments, open or answered."""
        query = select(cls.comment_id, cls.reason, cls.made_at).where(cls.comment_id.in_(comment_ids))
        return [(id, reason, made_at) for id, reason, made_at in db.session.execute(query)]

    @classmethod
    def of_site(cls, site: Site, *, open_only: bool, before: int | None, limit: int) -> list["Report"]:
        """The site's reports before the report `before`, newest first."""
        query = select(cls).where(cls.site_id == site.id, cls.id < (before or MOST))
        if open_only:
            query = query.where(cls.decision_id.is_(None))
        return list(db.session.scalars(query.order_by(cls.id.desc()).limit(limit)))

    @classmethod
    def by_reader(cls, comment: Comment, reporter_index: str) -> "Report | None":
        return db.session.scalar(
            select(cls).where(cls.comment_id == comment.id, cls.reporter_index == reporter_index)
        )  # fmt: skip

    @classmethod
    def count_by(cls, reporter_index: str, since: datetime) -> int:
        """Number of reports from this network since then."""
        query = select(func.count()).select_from(cls)
        return (
            db.session.scalar(query.where(cls.reporter_index == reporter_index, happened_since(cls.made_at, since)))
            or 0
        )

    @classmethod
    def count_around(cls, wide_index: str, since: datetime) -> int:
        """Number of reports from a /48 since then."""
        query = select(func.count()).select_from(cls)
        return db.session.scalar(query.where(cls.wide_index == wide_index, cls.made_at > since)) or 0

    @classmethod
    def answered_by(cls, decision_ids: list[int]) -> Counter[int]:
        """Number of reports that each decision answered."""
        query = select(cls.decision_id, func.count()).where(cls.decision_id.in_(decision_ids))
        return Counter({id: count for id, count in db.session.execute(query.group_by(cls.decision_id)) if id})

    @classmethod
    def answer_to(cls, comment: Comment) -> Decision | None:
        """The decision by which a moderator let this text stand in spite of reports, if there is one.

        Reports may have been answered by an earlier decision, such as a rejection that was successfully appealed.
        """
        undone, undoing = aliased(Decision), aliased(Decision)
        # One who reports again has a later report, which that decision has answered.
        reported = or_(cls.made_at <= Decision.made_at, cls.decision_id == Decision.id)
        query = select(Decision).where(
            Decision.comment_id == comment.id,
            Decision.to_status == Status.APPROVED,
            Decision.actor == Actor.MODERATOR,
            Decision.reason.not_in(COVERS),
            exists().where(cls.comment_id == comment.id, reported),
            # Neither taken back, nor taking back another decision by a moderator.
            ~exists().where(undoing.undoes_id == Decision.id),
            ~exists().where(undone.id == Decision.undoes_id, undone.actor == Actor.MODERATOR),
        )
        if comment.edited_at:
            query = query.where(Decision.made_at > comment.edited_at)
        return db.session.scalar(query.order_by(Decision.id.desc()).limit(1))

    @classmethod
    def update_answers(cls, decision: Decision, undoes: Decision | None) -> bool:
        """Answer open reports after a moderator's decision, or reopen them after its undo.

        Returns whether reports can be open now.
        """
        if undoes is not None and undoes.actor == Actor.MODERATOR:
            rows_changed(update(cls).where(cls.decision_id == undoes.id).values(decision_id=None))
        elif decision.moderator_id is not None and decision.to_status != Status.PENDING:
            unanswered = cls.comment_id == decision.comment_id, cls.decision_id.is_(None)
            rows_changed(update(cls).where(*unanswered).values(decision_id=decision.id))
            return False
        return True

    @classmethod
    def are_enough(cls, comment: Comment) -> bool:
        """True if enough reports are open to move the comment to the urgent lane or to hide it."""
        needed = min(filter(None, (comment.site.reports_needed, comment.site.reports_to_hide)), default=0)
        return needed > 0 and cls.count_open(comment) >= needed

    @classmethod
    def count_open(cls, comment: Comment) -> int:
        """Number of reporting networks, counting an IPv6 /48 once."""
        network = func.coalesce(cls.wide_index, cls.reporter_index)
        query = select(func.count(network.distinct())).where(cls.comment_id == comment.id, cls.decision_id.is_(None))
        return db.session.scalar(query) or 0

    def __repr__(self) -> str:
        return f"<Report {self.id}>"

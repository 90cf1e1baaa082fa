"""A reader's vote that a comment is helpful; one for each network and comment."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, UniqueConstraint, case, delete, func, select, text, update
from sqlalchemy import Index as TableIndex
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.lib.secrets import BlindIndex, Index
from app.models.comment import Comment

# Votes and withdrawals that `Comment.helpful` does not contain yet.
UNCOUNTED = text("standing <> counted")


class Vote(Model):
    """`counted` is set when `Comment.helpful` contains it; a withdrawn one is deleted when it is subtracted."""

    __tablename__ = "vote"
    __table_args__ = (
        UniqueConstraint("comment_id", "voter_index"),
        TableIndex("ix_vote_site", "site_id", "made_at"),
        TableIndex("ix_vote_uncounted", "comment_id", sqlite_where=UNCOUNTED, postgresql_where=UNCOUNTED),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"))
    # Only a keyed hash of the voter's network is stored.
    voter_index: Mapped[str] = mapped_column(BlindIndex)
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    standing: Mapped[bool] = mapped_column(default=True)
    counted: Mapped[bool] = mapped_column(default=False)

    @classmethod
    def add(cls, comment: Comment, voter: Index | str) -> None:
        """A second vote of the same network changes nothing."""
        if not rows_changed(update(cls).where(*cls._of(comment, voter)).values(standing=True)):
            dialect: Any = sqlite if db.engine.dialect.name == "sqlite" else postgresql
            new = dialect.insert(cls).values(site_id=comment.site_id, comment_id=comment.id, voter_index=voter)
            db.session.execute(new.on_conflict_do_nothing())

    @classmethod
    def withdraw(cls, comment: Comment, voter: Index | str) -> None:
        mine = cls._of(comment, voter)
        rows_changed(delete(cls).where(*mine, ~cls.counted))
        rows_changed(update(cls).where(*mine).values(standing=False))

    @classmethod
    def is_standing(cls, comment: Comment, voter: Index | str) -> bool:
        return db.session.scalar(select(cls.id).where(*cls._of(comment, voter), cls.standing)) is not None

    @classmethod
    def uncounted(cls, comment: Comment) -> int:
        """What the next count adds to the comment's number."""
        step = func.sum(case((cls.standing, 1), else_=-1))
        return db.session.scalar(select(step).where(cls.comment_id == comment.id, UNCOUNTED)) or 0

    @classmethod
    def threads_to_count(cls) -> list[int]:
        """Ids of threads with uncounted votes."""
        query = select(Comment.thread_id).join(cls, cls.comment_id == Comment.id).where(UNCOUNTED)
        return list(db.session.scalars(query.distinct().order_by(Comment.thread_id)))

    @classmethod
    def lock_comments(cls, thread_id: int, limit: int) -> list[int]:
        """Ids of a thread's comments with uncounted votes. Comments under a decision wait for the next count."""
        voted = select(cls.comment_id).where(UNCOUNTED)
        query = select(Comment.id).where(Comment.thread_id == thread_id, Comment.id.in_(voted)).limit(limit)
        return list(db.session.scalars(query.with_for_update(skip_locked=True)))

    @classmethod
    def count(cls, comment_ids: Sequence[int]) -> Counter[int]:
        """Mark uncounted votes of these comments as counted; returns the difference by comment id."""
        here = cls.comment_id.in_(comment_ids)
        new = update(cls).where(here, cls.standing, ~cls.counted).values(counted=True)
        gone = delete(cls).where(here, ~cls.standing, cls.counted)
        found = Counter(_comment_ids(new.returning(cls.comment_id)))
        found.subtract(_comment_ids(gone.returning(cls.comment_id)))
        return found

    @classmethod
    def _of(cls, comment: Comment, voter: Index | str) -> tuple[ColumnElement[bool], ...]:
        return cls.comment_id == comment.id, cls.voter_index == voter

    def __repr__(self) -> str:
        return f"<Vote {self.id}>"


def _comment_ids(statement: Any) -> Sequence[int]:
    return db.session.scalars(statement, execution_options={"synchronize_session": False}).all()

"""A snooze hides a comment from one moderator for an hour."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import Model, db
from app.lib.clock import Moment, now, runs
from app.models.comment import Comment
from app.models.moderator import Moderator

LASTS = timedelta(hours=1)
MOST = 1000


class Snooze(Model):
    __tablename__ = "snooze"

    moderator_id: Mapped[int] = mapped_column(ForeignKey("moderator.id", ondelete="CASCADE"), primary_key=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"), primary_key=True, index=True)
    until: Mapped[datetime] = mapped_column(Moment)

    @classmethod
    def begin(cls, comment: Comment, moderator: Moderator) -> None:
        # Two clicks may arrive at once.
        dialect = sqlite if db.engine.dialect.name == "sqlite" else postgresql
        new = dialect.insert(cls).values(moderator_id=moderator.id, comment_id=comment.id, until=now() + LASTS)
        keys = ["moderator_id", "comment_id"]
        db.session.execute(new.on_conflict_do_update(index_elements=keys, set_={"until": new.excluded.until}))

    @classmethod
    def end(cls, comment: Comment, moderator: Moderator) -> None:
        rows_changed(delete(cls).where(cls.moderator_id == moderator.id, cls.comment_id == comment.id))

    @classmethod
    def newest(cls, moderator: Moderator) -> Sequence[int]:
        """Ids of the comments that the moderator snoozed last, at most `MOST`."""
        mine = cls.moderator_id == moderator.id, runs(cls.until, LASTS)
        return db.session.scalars(select(cls.comment_id).where(*mine).order_by(cls.until.desc()).limit(MOST)).all()

    @classmethod
    def count(cls, moderator: Moderator) -> int:
        """Number of pending comments that the moderator has snoozed."""
        return db.session.scalar(
            select(func.count()).select_from(cls).join(Comment, Comment.id == cls.comment_id)
            .where(cls.moderator_id == moderator.id, runs(cls.until, LASTS), Comment.lane > 0)
        ) or 0  # fmt: skip

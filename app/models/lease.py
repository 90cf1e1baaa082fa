"""A lease shows a card to one moderator for three minutes; others get other cards."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, delete, exists, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from app.database import one_of, rows_changed
from app.extensions import Model, db
from app.lib.clock import Moment, is_over, now, runs
from app.models import section_scope
from app.models.comment import Comment
from app.models.moderator import Moderator

LASTS = timedelta(minutes=3)


class Lease(Model):
    """A table of its own, so that showing a card does not update the comment's row."""

    __tablename__ = "lease"

    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"), primary_key=True)
    moderator_id: Mapped[int] = mapped_column(ForeignKey("moderator.id", ondelete="CASCADE"), index=True)
    until: Mapped[datetime] = mapped_column(Moment, index=True)

    @classmethod
    def take(cls, comment_ids: Collection[int], moderator: Moderator) -> set[int]:
        """Lease these comments to a moderator, or renew the lease; returns those that no other moderator has."""
        rows_changed(delete(cls).where(is_over(cls.until, LASTS)))
        if not comment_ids:
            return set()
        dialect = sqlite if db.engine.dialect.name == "sqlite" else postgresql
        # Sorted, to avoid deadlocks.
        new = dialect.insert(cls).values(
            [{"comment_id": id, "moderator_id": moderator.id, "until": now() + LASTS} for id in sorted(comment_ids)]
        )
        taken = new.on_conflict_do_update(
            index_elements=["comment_id"], set_={"until": new.excluded.until}, where=cls.moderator_id == moderator.id
        ).returning(cls.comment_id)
        return set(db.session.scalars(taken))

    @classmethod
    def release(cls, comment_ids: Collection[int], moderator: Moderator) -> None:
        rows_changed(delete(cls).where(cls.comment_id.in_(comment_ids), cls.moderator_id == moderator.id))

    @classmethod
    def release_all(cls, moderator: Moderator) -> None:
        rows_changed(delete(cls).where(cls.moderator_id == moderator.id))

    @classmethod
    def of_others(cls, moderator: Moderator, comment_ids: Collection[int]) -> dict[int, str]:
        """Name of the other moderator who is reviewing each of these comments."""
        rows = db.session.execute(
            select(cls.comment_id, Moderator.name)
            .join(Moderator, Moderator.id == cls.moderator_id)
            .where(cls.comment_id.in_(comment_ids), cls.moderator_id != moderator.id, runs(cls.until, LASTS))
        )
        return {row.comment_id: row.name for row in rows}

    @classmethod
    def counts_of_others(cls, moderator: Moderator) -> dict[str, int]:
        """Number of the moderator's comments that other moderators are reviewing, by name, which two may share."""
        here = one_of(Comment.site_id, moderator.site_ids), *section_scope.in_sections_of(moderator)
        # A subquery for each lease: as a join, SQLite may start with all comments.
        waits = exists().where(Comment.id == cls.comment_id, Comment.lane > 0, *here)
        rows = db.session.execute(
            select(Moderator.name, func.count())
            .select_from(cls)
            .join(Moderator, Moderator.id == cls.moderator_id)
            .where(cls.moderator_id != moderator.id, runs(cls.until, LASTS), waits)
            .group_by(Moderator.name)
            .order_by(Moderator.name)
        )
        return {row[0]: row[1] for row in rows}

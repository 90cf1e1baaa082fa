"""A moderator picked a comment, or took that back. Rows are inserted and never changed."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, Index, select, update
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib import ids
from app.lib.clock import Moment, now
from app.models.comment import Comment
from app.models.many_sites import newest_sites
from app.models.moderator import Moderator
from app.models.thread import Thread

# Picks of a thread.
MOST = 3


class Pick(Model):
    __tablename__ = "pick"
    __table_args__ = (Index("ix_pick_site", "site_id", "id"), Index("ix_pick_comment", "comment_id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"))
    # False: the pick was taken back.
    picked: Mapped[bool]
    moderator_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"))
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)

    comment: Mapped[Comment] = relationship()
    moderator: Mapped[Moderator | None] = relationship()

    @classmethod
    def on_sites(
        cls, site_ids: Collection[int], *conditions: ColumnElement[bool], before: int = 0, limit: int
    ) -> list["Pick"]:
        """Entries of these sites before the entry `before`, newest first."""
        found: list[int] = []
        # By site: no index sorts entries of several sites by id.
        earlier = cls.id < (before or ids.MOST), *conditions
        for site_id in newest_sites(site_ids, cls, *earlier, limit=limit):
            mine = select(cls.id).where(cls.site_id == site_id, *earlier)
            found += db.session.scalars(mine.order_by(cls.id.desc()).limit(limit))
        query = select(cls).where(cls.id.in_(sorted(found, reverse=True)[:limit])).options(
            joinedload(cls.moderator),
            joinedload(cls.comment, innerjoin=True).joinedload(Comment.thread, innerjoin=True),
        )  # fmt: skip
        return list(db.session.scalars(query.order_by(cls.id.desc())))

    @staticmethod
    def drop_surplus(thread: Thread) -> None:
        """After a merge: the first picks of both threads stay."""
        picked = select(Comment.id).where(Comment.thread_id == thread.id, Comment.picked_at.is_not(None))
        for id in db.session.scalars(picked.order_by(Comment.picked_at, Comment.id)).all()[MOST:]:
            rows_changed(update(Comment).where(Comment.id == id).values(picked_at=None))

    def __repr__(self) -> str:
        return f"<Pick {self.id}: comment {self.comment_id} {self.picked}>"

"""A change of a thread's state, with actor, time and reason. Rows are inserted and never changed."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, ForeignKeyConstraint, Index, String, Text, func, select, update
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from app.database import one_of, rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.lib.ids import MOST
from app.models.many_sites import newest_sites
from app.models.moderator import Moderator
from app.models.thread import Thread

LONGEST_REASON = 200  # characters


class ThreadChange(Model):
    __tablename__ = "thread_change"
    __table_args__ = (
        ForeignKeyConstraint(["site_id", "thread_id"], ["thread.site_id", "thread.id"], ondelete="CASCADE"),
        Index("ix_thread_change_site", "site_id", "id"),
        Index("ix_thread_change_thread", "thread_id", "id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    thread_id: Mapped[int] = mapped_column(Id)
    from_state: Mapped[str] = mapped_column(String(8))
    to_state: Mapped[str] = mapped_column(String(8))
    # End of the new state, if it was set for a while.
    until: Mapped[datetime | None] = mapped_column(Moment)
    actor: Mapped[str] = mapped_column(String(16))
    moderator_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"))
    # Typed by a moderator, or the code of a cause that app/moderation/articles.py names.
    reason: Mapped[str] = mapped_column(Text, default="")
    undoes: Mapped[bool] = mapped_column(default=False)
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)

    thread: Mapped[Thread] = relationship(
        foreign_keys=[thread_id], primaryjoin=lambda: ThreadChange.thread_id == Thread.id, viewonly=True
    )
    moderator: Mapped[Moderator | None] = relationship()

    @classmethod
    def of_site(cls, site_ids: Collection[int], id: int) -> "ThreadChange | None":
        return db.session.scalar(select(cls).where(cls.id == id, one_of(cls.site_id, site_ids)))

    @classmethod
    def newest_of(cls, thread: Thread) -> "ThreadChange | None":
        return next(iter(cls.all_of(thread, limit=1)), None)

    @classmethod
    def all_of(cls, thread: Thread, *, limit: int) -> list["ThreadChange"]:
        """The newest changes of a thread, newest first."""
        query = select(cls).where(cls.thread_id == thread.id).options(joinedload(cls.moderator))
        return list(db.session.scalars(query.order_by(cls.id.desc()).limit(limit)))

    @classmethod
    def on_sites(
        cls, site_ids: Collection[int], *conditions: ColumnElement[bool], before: int = 0, limit: int
    ) -> list["ThreadChange"]:
        """Changes on these sites before the change `before`, newest first."""
        found: list[int] = []
        # By site: no index sorts changes of several sites by id.
        earlier = cls.id < (before or MOST), *conditions
        for site_id in newest_sites(site_ids, cls, *earlier, limit=limit):
            ids = select(cls.id).where(cls.site_id == site_id, *earlier)
            found += db.session.scalars(ids.order_by(cls.id.desc()).limit(limit))
        query = select(cls).where(cls.id.in_(sorted(found, reverse=True)[:limit]))
        query = query.options(joinedload(cls.moderator), joinedload(cls.thread, innerjoin=True))
        return list(db.session.scalars(query.order_by(cls.id.desc())))

    @classmethod
    def newest_ids(cls, thread_ids: Collection[int]) -> set[int]:
        """Ids of the newest change of each of these threads."""
        query = select(func.max(cls.id)).where(cls.thread_id.in_(thread_ids)).group_by(cls.thread_id)
        return set(db.session.scalars(query))

    @classmethod
    def move_all(cls, thread: Thread, into: Thread) -> None:
        """Move all changes of a thread to another one."""
        rows_changed(update(cls).where(cls.thread_id == thread.id).values(thread_id=into.id))

    def __repr__(self) -> str:
        return f"<ThreadChange {self.id}: thread {self.thread_id} {self.from_state} -> {self.to_state}>"

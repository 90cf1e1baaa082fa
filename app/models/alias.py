"""A former address of a page and the thread that it leads to."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint, delete, select, update
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now

LONGEST_KEY = 2100


class ThreadAlias(Model):
    """A thread with the same key takes precedence."""

    __tablename__ = "thread_alias"
    __table_args__ = (UniqueConstraint("site_id", "key"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(LONGEST_KEY))
    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id", ondelete="CASCADE"), index=True)
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)

    @classmethod
    def point(cls, site_id: int, key: str, thread_id: int) -> None:
        """Make `key` lead to this thread, replacing an earlier target."""
        cls.forget(site_id, key)
        db.session.add(cls(site_id=site_id, key=key, thread_id=thread_id))
        db.session.flush()

    @classmethod
    def forget(cls, site_id: int, key: str) -> None:
        rows_changed(delete(cls).where(cls.site_id == site_id, cls.key == key))

    @classmethod
    def repoint(cls, thread_id: int, further: int) -> None:
        """Redirect all aliases of one thread to another."""
        rows_changed(update(cls).where(cls.thread_id == thread_id).values(thread_id=further))

    @classmethod
    def of(cls, thread_ids: list[int]) -> dict[int, list[str]]:
        """The earlier keys of each thread, oldest first."""
        found: dict[int, list[str]] = {id: [] for id in thread_ids}
        query = select(cls.thread_id, cls.key).where(cls.thread_id.in_(thread_ids)).order_by(cls.id)
        for thread_id, key in db.session.execute(query):
            found[thread_id].append(key)
        return found

    def __repr__(self) -> str:
        return f"<ThreadAlias {self.id}>"

"""A thread: the comments of one article page, found by its key."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, contains_eager, mapped_column, relationship

from app.extensions import Id, db, rows_changed
from app.lib.clock import Moment, now
from app.models.site import Site

LONGEST_KEY = 2100


class Thread(db.Model):
    __tablename__ = "thread"
    __table_args__ = (UniqueConstraint("site_id", "key"), UniqueConstraint("site_id", "id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(LONGEST_KEY))
    url: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(String(500), default="")
    open: Mapped[bool] = mapped_column(default=True)
    visible: Mapped[bool] = mapped_column(default=True)
    # Grows with every change that the public can see; part of every ETag and cache key.
    version: Mapped[int] = mapped_column(default=1)
    approved_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)

    site: Mapped[Site] = relationship(lazy="joined", innerjoin=True)

    @classmethod
    def for_page(cls, site: Site, key: str) -> "Thread | None":
        return db.session.scalar(select(cls).where(cls.site_id == site.id, cls.key == key))

    @classmethod
    def of_page(cls, site_key: str, key: str) -> "Thread | None":
        """The same with the site's key, so that site and thread are one question."""
        query = select(cls).join(cls.site).options(contains_eager(cls.site))
        return db.session.scalar(query.where(Site.key == site_key, cls.key == key))

    @classmethod
    def obtain(cls, site: Site, *, key: str, url: str, title: str, **more: Any) -> "Thread":
        """The thread of a page; made, with `more` of its columns, when its first comment comes."""
        if thread := cls.for_page(site, key):
            return thread
        try:
            with db.session.begin_nested():
                thread = cls(site=site, key=key, url=url, title=title, **more)
                db.session.add(thread)
            return thread
        except IntegrityError:
            thread = cls.for_page(site, key)
            if thread is None:
                raise
            return thread

    @classmethod
    def close(cls, site: Site, keys: Collection[str]) -> None:
        """Take no more comments on these pages."""
        open_ones = update(cls).where(cls.site_id == site.id, cls.key.in_(keys), cls.open)
        rows_changed(open_ones.values(open=False, version=cls.version + 1))

    @classmethod
    def keys(cls, ids: Collection[int]) -> dict[int, str]:
        """Keys by id."""
        rows = db.session.execute(select(cls.id, cls.key).where(cls.id.in_(ids)))
        return {row.id: row.key for row in rows}

    @classmethod
    def with_ids(cls, ids: list[int]) -> list["Thread"]:
        return list(db.session.scalars(select(cls).where(cls.id.in_(ids))))

    @classmethod
    def counts(cls, site: Site, keys: list[str]) -> dict[str, int]:
        """Approved comments by key; a key without a thread is left out."""
        rows = db.session.execute(
            select(cls.key, cls.approved_count).where(cls.site_id == site.id, cls.key.in_(keys), cls.visible)
        )
        return {row.key: row.approved_count for row in rows}

    def accepts_comments(self) -> bool:
        return self.visible and self.open and self.site.open and not self._is_too_old()

    def _is_too_old(self) -> bool:
        days = self.site.close_after_days
        return bool(days) and now() - self.created_at > timedelta(days=days)

    def changed(self, approved: int = 0, times: int = 1) -> None:
        """Tell every cache that the public sees something else; `approved` is added to the count."""
        rows_changed(
            update(Thread)
            .where(Thread.id == self.id)
            .values(version=Thread.version + times, approved_count=Thread.approved_count + approved)
        )

    def __repr__(self) -> str:
        return f"<Thread {self.id}>"

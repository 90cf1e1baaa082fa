"""A thread: the comments of one article page, found by its key."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    ForeignKey,
    Select,
    String,
    Text,
    UniqueConstraint,
    Update,
    bindparam,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import Id, constant, db, rows_changed
from app.lib.clock import Moment, now
from app.models.alias import LONGEST_KEY, ThreadAlias
from app.models.held import record_of
from app.models.site import Site


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
        """The thread of a page, under its key or one that it had earlier."""
        return cls.for_pages(site, [key]).get(key)

    @classmethod
    def for_pages(cls, site: Site, keys: Collection[str]) -> dict[str, "Thread"]:
        """The threads of many pages, by key; a key without a thread is left out."""
        threads = db.session.scalars(select(cls).where(cls.site_id == site.id, cls.key.in_(keys)))
        found = {thread.key: thread for thread in threads}
        if rest := [key for key in keys if key not in found]:
            earlier = select(ThreadAlias.key, cls).join(ThreadAlias, ThreadAlias.thread_id == cls.id)
            rows = db.session.execute(earlier.where(cls.site_id == site.id, ThreadAlias.key.in_(rest)))
            found |= {row[0]: row[1] for row in rows}
        return found

    @classmethod
    def of_page(cls, site_key: str, key: str) -> "Thread | None":
        """The same with the site's key, so that site and thread are one question."""
        connection, given = db.session.connection(), {"site": site_key, "key": key}
        row = connection.execute(_of_page(), given).first() or connection.execute(_of_page_once(), given).first()
        if row is None:
            return None
        width = len(cls.__table__.c)
        return record_of(cls, row[:width], site=record_of(Site, row[width:]))

    @classmethod
    def locked(cls, site: Site, key: str) -> "Thread | None":
        """The thread of a page and its site, read again; until the transaction ends neither is moved or removed."""
        # One after the other: when a thread moves, its alias is committed with it, and only a new statement sees it.
        found = db.session.scalar(_locked().where(cls.site_id == site.id, cls.key == key))
        if found is None:
            led_here = select(ThreadAlias.thread_id).where(ThreadAlias.site_id == site.id, ThreadAlias.key == key)
            found = db.session.scalar(_locked().where(cls.id.in_(led_here)))
        return found

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
    def gain(cls, approved: Mapping[int, int]) -> None:
        """Approved comments came into these threads: how many, by id; as if `changed` were called for each."""
        # In the order of ids, so that two who do this wait for each other instead of for ever.
        rows = [{"thread": id, "more": more} for id, more in sorted(approved.items())]
        columns = cls.__table__.c
        grown = {
            "version": columns.version + bindparam("more"),
            "approved_count": columns.approved_count + bindparam("more"),
        }
        if rows:
            statement = update(cls.__table__).where(columns.id == bindparam("thread")).values(grown)
            db.session.connection().execute(statement, rows)

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
        visible = select(cls.key, cls.approved_count).where(cls.site_id == site.id, cls.visible)
        found = {row.key: row.approved_count for row in db.session.execute(visible.where(cls.key.in_(keys)))}
        if rest := [key for key in keys if key not in found]:
            earlier = visible.join(ThreadAlias, ThreadAlias.thread_id == cls.id).where(ThreadAlias.key.in_(rest))
            rows = db.session.execute(earlier.with_only_columns(ThreadAlias.key, cls.approved_count))
            found |= {row[0]: row[1] for row in rows}
        return found

    @classmethod
    def of_site(cls, site: Site, *, after: int = 0, limit: int, search: str = "") -> list["Thread"]:
        """The site's threads, the newest first, after a position; those whose address or title has `search` in it."""
        query = select(cls).where(cls.site_id == site.id)
        if after:
            query = query.where(cls.id < after)
        if search:
            query = query.where(
                or_(cls.url.icontains(search, autoescape=True), cls.title.icontains(search, autoescape=True))
            )
        return list(db.session.scalars(query.order_by(cls.id.desc()).limit(limit)))

    @classmethod
    def hold(cls, ids: Collection[int]) -> None:
        """Let nobody write into these threads until the transaction ends; SQLite's writers wait anyway."""
        db.session.execute(select(cls.id).where(cls.id.in_(ids)).order_by(cls.id).with_for_update())

    def rename(self, key: str, url: str | None = None) -> None:
        """Be the thread of another page, or with only a key of none for a while."""
        values = {"key": key, "version": Thread.version + 1} | ({"url": url} if url else {})
        rows_changed(update(Thread).where(Thread.id == self.id).values(values))
        db.session.refresh(self)

    def accepts_comments(self) -> bool:
        return self.visible and self.open and self.site.open and not self._is_too_old()

    def _is_too_old(self) -> bool:
        days = self.site.close_after_days
        return bool(days) and now() - self.created_at > timedelta(days=days)

    def changed(self, approved: int = 0) -> None:
        """Tell every cache that the public sees something else; `approved` is added to the count."""
        db.session.connection().execute(_changed(), {"thread": self.id, "more": approved})
        self.has_changed()

    def has_changed(self) -> None:
        """Its row says something else than this record."""
        db.session.expire(self, ("version", "approved_count"))

    def __repr__(self) -> str:
        return f"<Thread {self.id}>"


def _locked() -> Select[Thread]:
    # As strong as what a foreign key takes: it waits for a move or removal, and for no other comment.
    query = select(Thread).with_for_update(read=True, key_share=True, of=Thread)
    return query.execution_options(populate_existing=True)


def changing(approved: ColumnElement[int]) -> Update:
    """The public sees something else, and so many approved comments more: of whichever threads the caller says."""
    columns = Thread.__table__.c
    changed = {"version": columns.version + constant(1), "approved_count": columns.approved_count + approved}
    return update(Thread.__table__).values(changed)


@lru_cache
def _changed() -> Update:
    """The statement of `changed`, put together once: it is run for every comment, under SQLite's lock."""
    more: BindParameter[int] = bindparam("more")
    return changing(more).where(Thread.__table__.c.id == bindparam("thread"))


@lru_cache
def _of_page() -> Select[Any]:
    """The question of `of_page`, put together once: it is asked for every page that is read."""
    return _with_site().where(Thread.__table__.c.key == bindparam("key"))


@lru_cache
def _of_page_once() -> Select[Any]:
    """The same by a key that the thread had earlier."""
    aliases = ThreadAlias.__table__.c
    return _with_site().where(aliases.thread_id == Thread.__table__.c.id, aliases.key == bindparam("key"))


def _with_site() -> Select[Any]:
    threads, sites = Thread.__table__.c, Site.__table__.c
    return select(*threads, *sites).where(threads.site_id == sites.id, sites.key == bindparam("site"))

"""A thread: the comments of one article page, found by its key."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

from sqlalchemy import (
    ForeignKey,
    Index,
    Select,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    bindparam,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.orm.attributes import set_committed_value

from app.database import constant, from_row, rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.lib.ids import MOST
from app.lib.urls import is_allowed, page_key
from app.models.alias import LONGEST_KEY, ThreadAlias
from app.models.section import SectionBy, columns_of, section_at
from app.models.site import Site
from app.models.thread_claims import WithClaims
from app.models.thread_commenters import WithCommenters
from app.models.thread_section import WithSection
from app.models.thread_state import ACCEPTING, State, WithState

LONGEST_TITLE = 500
# Longest plausible time from publication to a comment.
PUBLISHED_BEFORE = timedelta(days=365)


class Named(IntEnum):
    """Source of a page's title and address; only the same or a higher one replaces them."""

    NOBODY = 0
    SCREENING = 1  # a comment published by screening
    MODERATOR = 2  # a comment approved by a moderator
    HAND = 3  # typed by a moderator or the operator


class Thread(WithState, WithSection, WithCommenters, WithClaims, Model):
    __tablename__ = "thread"
    __table_args__ = (
        UniqueConstraint("site_id", "key"),
        UniqueConstraint("site_id", "id"),
        # The few threads that are held for a while.
        Index(
            "ix_thread_held_until", "site_id", "held_until",
            sqlite_where=text("held_until IS NOT NULL"), postgresql_where=text("held_until IS NOT NULL"),
        ),
        # Of moderators who have some sections only.
        Index(
            "ix_thread_section", "site_id", "section",
            sqlite_where=text("section <> ''"), postgresql_where=text("section <> ''"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(LONGEST_KEY))
    # Both are empty until an approved comment or a moderator sets them.
    url: Mapped[str] = mapped_column(Text, default="")
    title: Mapped[str] = mapped_column(String(LONGEST_TITLE), default="")
    named_by: Mapped[int] = mapped_column(SmallInteger, default=Named.NOBODY)
    # Increases with every public change; part of every ETag and cache key.
    version: Mapped[int] = mapped_column(default=1)
    approved_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)

    site: Mapped[Site] = relationship(lazy="joined", innerjoin=True)

    @classmethod
    def for_page(cls, site: Site, key: str) -> "Thread | None":
        """The thread of a page, by its current or an earlier key."""
        return cls.for_pages(site, [key]).get(key)

    @classmethod
    def for_pages(cls, site: Site, keys: Collection[str]) -> dict[str, "Thread"]:
        """Threads by key; keys without a thread are left out."""
        threads = db.session.scalars(select(cls).where(cls.site_id == site.id, cls.key.in_(keys)))
        found = {thread.key: thread for thread in threads}
        if rest := [key for key in keys if key not in found]:
            earlier = select(ThreadAlias.key, cls).join(ThreadAlias, ThreadAlias.thread_id == cls.id)
            rows = db.session.execute(earlier.where(cls.site_id == site.id, ThreadAlias.key.in_(rest)))
            found |= {row[0]: row[1] for row in rows}
        return found

    @classmethod
    def of_page(cls, site_key: str, key: str) -> "Thread | None":
        """The same with the site's key, in one query."""
        connection, given = db.session.connection(), {"site": site_key, "key": key}
        row = connection.execute(_OF_PAGE, given).first() or connection.execute(_OF_ALIAS, given).first()
        if row is None:
            return None
        width = len(cls.__table__.c)
        return from_row(cls, row[:width], site=from_row(Site, row[width:]))

    @classmethod
    def locked(cls, site: Site, key: str) -> "Thread | None":
        """The thread and its site, reloaded and locked against moves and removal until the transaction ends."""
        # Two statements: after a move only a new statement sees the alias.
        given = {"site": site.id, "key": key}
        return db.session.scalar(_LOCKED, given) or db.session.scalar(_LOCKED_BY_ALIAS, given)

    @classmethod
    def obtain(cls, site: Site, *, key: str, url: str = "", title: str = "", **more: Any) -> "Thread":
        """The thread of a page; created with the columns `more` for the first comment."""
        if thread := cls.for_page(site, key):
            return thread
        try:
            with db.session.begin_nested():
                if (found := section_at(site, key)) and more.get("section_by", 0) <= SectionBy.PATH:
                    more |= columns_of(found, SectionBy.PATH)
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
        """Add approved comments to these threads, given by id, like `changed`."""
        # Ordered by id to avoid deadlocks.
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
        """Close these threads to new comments."""
        open_ones = update(cls).where(cls.site_id == site.id, cls.key.in_(keys), cls.state.in_(ACCEPTING))
        rows_changed(open_ones.values(state=State.CLOSED, held_until=None, version=cls.version + 1))

    @classmethod
    def keys(cls, ids: Collection[int]) -> dict[int, str]:
        """Keys by id."""
        rows = db.session.execute(select(cls.id, cls.key).where(cls.id.in_(ids)))
        return {row.id: row.key for row in rows}

    @classmethod
    def of(cls, site: Site, id: int) -> "Thread | None":
        return db.session.scalar(select(cls).where(cls.id == id, cls.site_id == site.id))

    @classmethod
    def with_ids(cls, ids: list[int]) -> list["Thread"]:
        return list(db.session.scalars(select(cls).where(cls.id.in_(ids))))

    @classmethod
    def counts(cls, site: Site, keys: list[str]) -> dict[str, int]:
        """Approved comments by key; keys without a thread are left out."""
        visible = select(cls.key, cls.approved_count).where(cls.site_id == site.id, cls.visible)
        found = {row.key: row.approved_count for row in db.session.execute(visible.where(cls.key.in_(keys)))}
        if rest := [key for key in keys if key not in found]:
            earlier = visible.join(ThreadAlias, ThreadAlias.thread_id == cls.id).where(ThreadAlias.key.in_(rest))
            rows = db.session.execute(earlier.with_only_columns(ThreadAlias.key, cls.approved_count))
            found |= {row[0]: row[1] for row in rows}
        return found

    @classmethod
    def id_back(cls, site: Site, number: int, after: int = 0) -> int:
        """Id of the thread `number` back from a position or the newest; 0 if there are fewer."""
        query = select(cls.id).where(cls.site_id == site.id, cls.id < (after or MOST))
        return db.session.scalar(query.order_by(cls.id.desc()).offset(number - 1).limit(1)) or 0

    @classmethod
    def of_site(cls, site: Site, *, after: int = 0, down_to: int = 0, limit: int, search: str = "") -> list["Thread"]:
        """Threads of the site between two positions, newest first; `search` filters by address or title."""
        query = select(cls).where(cls.site_id == site.id, cls.id >= down_to)
        if after:
            query = query.where(cls.id < after)
        if search:
            query = query.where(
                or_(*(column.icontains(search, autoescape=True) for column in (cls.url, cls.title, cls.key)))
            )
        return list(db.session.scalars(query.order_by(cls.id.desc()).limit(limit)))

    @classmethod
    def lock_all(cls, ids: Collection[int]) -> None:
        """Lock these threads against inserts until the transaction ends; on SQLite writers wait anyway."""
        db.session.execute(select(cls.id).where(cls.id.in_(ids)).order_by(cls.id).with_for_update())

    def rename(self, key: str, url: str | None = None) -> None:
        """Give the thread another page's key, or for a while a key of no page."""
        values = {"key": key, "version": Thread.version + 1} | ({"url": url} if url else {})
        rows_changed(update(Thread).where(Thread.id == self.id).values(values))
        db.session.refresh(self)

    @property
    def is_named(self) -> bool:
        return bool(self.url or self.title)

    @property
    def address(self) -> str:
        """The page's URL: confirmed, else from the key; the site's start page without either."""
        return self.url or self._address_in_key() or (f"{self.site.origins[0]}/" if self.site.origins else "")

    @property
    def label(self) -> str:
        """Confirmed title, else address, else id."""
        return self.title or self.url or self._address_in_key() or self.key

    def _address_in_key(self) -> str:
        """Keys are https addresses; the site may use http."""
        if not self.key.startswith("https://"):
            return ""
        plain = f"http://{self.key.removeprefix('https://')}"
        return plain if is_allowed(plain, self.site.origins) else self.key

    def confirm(self, claimed: Mapping[str, str] | None, by: Named, written_at: datetime) -> None:
        """Apply the page details of an approved comment, and start the clock of `close_after_days`."""
        values: dict[str, Any] = {} if self.started_at else {"started_at": written_at}
        if claimed and by >= self.named_by:
            values |= self._read_claim(claimed, by, written_at)
        changed = {name: value for name, value in values.items() if getattr(self, name) != value}
        if changed:
            self.change(**changed, at_most=by)

    def change(self, at_most: Named = Named.HAND, **values: Any) -> None:
        """Write title, address or date, unless a higher source set them since they were read."""
        mine = update(Thread).where(Thread.id == self.id)
        if rows_changed(mine.where(Thread.named_by <= at_most).values(**values, version=Thread.version + 1)):
            for name, value in values.items():
                set_committed_value(self, name, value)
            self.has_changed()
            return
        if "started_at" in values:
            rows_changed(mine.where(Thread.started_at.is_(None)).values(started_at=values["started_at"]))
        db.session.refresh(self, ("url", "title", "named_by", "started_at", "version"))

    def _read_claim(self, claimed: Mapping[str, str], by: Named, written_at: datetime) -> dict[str, Any]:
        url, title, published = (claimed.get(name, "") for name in ("url", "title", "published"))
        values: dict[str, Any] = {"title": title} if title else {}
        if url and (self.key == page_key(url) or not self.key.startswith("https://")):
            values["url"] = url
        if values:
            values["named_by"] = by
        # Only a moderator can judge section and date.
        values |= self.read_section(claimed) if by >= Named.MODERATOR else {}
        # No comment is earlier than its page.
        if published and by >= Named.MODERATOR:
            at, first = datetime.fromisoformat(published), self.started_at or written_at
            values["started_at"] = min(max(at, first - PUBLISHED_BEFORE), first)
        return values

    def changed(self, approved: int = 0) -> None:
        """Increase the version after a public change; `approved` is added to the count."""
        db.session.connection().execute(_CHANGED, {"thread": self.id, "more": approved})
        self.has_changed()

    def has_changed(self) -> None:
        """Refresh the record after an update of its row."""
        db.session.expire(self, ("version", "approved_count"))

    def __repr__(self) -> str:
        return f"<Thread {self.id}>"


def _locked() -> Select[Thread]:
    # The lock of a foreign key check: blocks moves and removal, but no other comment.
    query = select(Thread).with_for_update(read=True, key_share=True, of=Thread)
    return query.execution_options(populate_existing=True)


_threads, _sites, _aliases = Thread.__table__.c, Site.__table__.c, ThreadAlias.__table__.c
# Built once: every page and comment uses these statements.
_CHANGED = (
    update(Thread.__table__)
    .where(_threads.id == bindparam("thread"))
    .values(version=_threads.version + constant(1), approved_count=_threads.approved_count + bindparam("more"))
)
_WITH_SITE = select(*_threads, *_sites).where(_threads.site_id == _sites.id, _sites.key == bindparam("site"))
_OF_PAGE = _WITH_SITE.where(_threads.key == bindparam("key"))
# By an earlier key of the thread.
_OF_ALIAS = _WITH_SITE.where(_aliases.thread_id == _threads.id, _aliases.key == bindparam("key"))
_LOCKED = _locked().where(Thread.site_id == bindparam("site"), Thread.key == bindparam("key"))
_LED_HERE = select(_aliases.thread_id).where(_aliases.site_id == bindparam("site"), _aliases.key == bindparam("key"))
_LOCKED_BY_ALIAS = _locked().where(Thread.id.in_(_LED_HERE))

"""A comment: what a reader wrote, its place in the tree, and the one line that gives it a status."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_network
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    bindparam,
    func,
    select,
    text,
    update,
)  # fmt: skip
from sqlalchemy.orm import Mapped, mapped_column, relationship, selectinload

from app.database import new, no_index, rows_changed
from app.extensions import Id, Model, db
from app.lib import networks, secrets
from app.lib.clock import Moment, now
from app.lib.ids import MOST
from app.lib.secrets import BlindIndex, Encrypted, blind_index
from app.models.author import Author
from app.models.path import Path, above_at, depth_of, ids_in, place_of
from app.models.site import Site
from app.models.thread import Thread

LONGEST_SOURCE_ID = 200
FEW = 5  # authors of one person
# Conditions of the indexes of the public tree.
PUBLIC, PUBLIC_ROOT = text("approved_descendants > 0"), text("approved_descendants > 0 AND depth = 0")


class Status(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    SPAM = "spam"
    DELETED = "deleted"


class Comment(Model):
    __tablename__ = "comment"
    __table_args__ = (
        ForeignKeyConstraint(["site_id", "thread_id"], ["thread.site_id", "thread.id"], ondelete="CASCADE"),
        # The public tree: only what has a place in it, in the order in which it is read.
        Index(
            "ix_comment_tree", "thread_id", "root_id", "path",
            sqlite_where=PUBLIC, postgresql_where=PUBLIC,
        ),
        # Whose branches a page shows, without their replies.
        Index(
            "ix_comment_roots", "thread_id", "root_id",
            sqlite_where=PUBLIC_ROOT, postgresql_where=PUBLIC_ROOT,
        ),
        Index("ix_comment_queue", "site_id", "status", "id"),
        # The desk: only what waits, in the order in which it is handed out; counts are read from it too.
        Index(
            "ix_comment_lane", "site_id", "lane", "thread_id", "cluster", "id",
            sqlite_where=text("lane <> 0"), postgresql_where=text("lane <> 0"),
        ),
        Index(
            "ix_comment_cluster", "site_id", "cluster", "lane",
            sqlite_where=text("cluster <> ''"), postgresql_where=text("cluster <> ''"),
        ),
        # All of a thread, in any status: counted, moved, and the newest found.
        Index("ix_comment_thread", "thread_id", "id"),
        Index("ix_comment_author_newest", "author_id", "status", "id"),
        Index("ix_comment_address", "site_id", "address_index", "created_at"),
        Index(
            "ix_comment_wide", "site_id", "wide_index", "created_at",
            sqlite_where=text("wide_index IS NOT NULL"), postgresql_where=text("wide_index IS NOT NULL"),
        ),
        Index("ix_comment_arrived", "site_id", "created_at"),
        Index("ix_comment_fingerprint", "fingerprint", "created_at"),
        Index("uq_comment_request", "site_id", "request_key", unique=True),
        Index("uq_comment_text", "text_key", unique=True),
        Index("uq_comment_source", "site_id", "source", "source_id", unique=True),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    thread_id: Mapped[int] = mapped_column(Id)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("comment.id", ondelete="SET NULL"), index=True)
    root_id: Mapped[int | None] = mapped_column(Id)
    path: Mapped[str] = mapped_column(Path, default="")
    depth: Mapped[int] = mapped_column(default=0)

    status: Mapped[str] = mapped_column(String(16), default=Status.PENDING)
    version: Mapped[int] = mapped_column(default=1)
    # Approved comments in this branch, itself included: above zero, it has a place in the public tree.
    approved_descendants: Mapped[int] = mapped_column(default=0)
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)

    name: Mapped[str] = mapped_column(String(400), default="")
    website: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
    renderer: Mapped[int]
    lang: Mapped[str] = mapped_column(String(8), default="")
    # Its author asked for a letter when it is decided.
    notify: Mapped[bool] = mapped_column(default=False)

    # What its page said of itself (url, title, published), until it is approved.
    claimed: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))

    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    edited_at: Mapped[datetime | None] = mapped_column(Moment)
    # The network that it came from (/24 or /56), for moderators; the index finds others from there.
    address: Mapped[str] = mapped_column(Encrypted, default="")
    address_index: Mapped[str | None] = mapped_column(BlindIndex)
    # The /48 around an IPv6 network, which one customer may have whole.
    wide_index: Mapped[str | None] = mapped_column(BlindIndex)
    # Two ways to notice the same post again: the client says so, or the same person says the same.
    request_key: Mapped[str | None] = mapped_column(BlindIndex)
    request_digest: Mapped[str | None] = mapped_column(BlindIndex)
    fingerprint: Mapped[str | None] = mapped_column(BlindIndex)
    typed_by: Mapped[str | None] = mapped_column(BlindIndex)
    text_key: Mapped[str | None] = mapped_column(BlindIndex)
    # Where an imported comment comes from: the program's name, and its id there.
    source: Mapped[str | None] = mapped_column(String(16))
    source_id: Mapped[str | None] = mapped_column(String(LONGEST_SOURCE_ID))

    # Its text is not kept any more; the row stays for the log, and for those who answered.
    emptied_at: Mapped[datetime | None] = mapped_column(Moment)

    # How likely it is spam, 0 to 1, and what of the request the filter looked at; None: not scored.
    score: Mapped[float | None]
    features: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # What was learnt from it and stands: "fine", "spam" or nothing (moderation/learning.py).
    trained_as: Mapped[str] = mapped_column(String(8), default="")
    # How far the filter was from that when it was decided; None: it is only counted.
    residual: Mapped[int | None]
    # Where its features are counted, once its text is forgotten and its example stands.
    learnt_slots: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    # In which lane of the desk it waits (moderation/lanes.py); 0: in none. Near-duplicates share a cluster.
    lane: Mapped[int] = mapped_column(SmallInteger, default=0)
    cluster: Mapped[str] = mapped_column(String(32), default="")

    site: Mapped[Site] = relationship(foreign_keys=[site_id], overlaps="thread")
    thread: Mapped[Thread] = relationship(
        foreign_keys=[thread_id], primaryjoin=lambda: Comment.thread_id == Thread.id, overlaps="site"
    )
    author: Mapped[Author] = relationship()
    parent: Mapped["Comment | None"] = relationship(remote_side=[id])

    @classmethod
    def new(cls, **columns: Any) -> "Comment":
        """A comment that nobody but the caller knows of yet; it waits."""
        return new(cls, status=Status.PENDING, version=1, approved_descendants=0, lane=0, trained_as="", **columns)

    def attach(self, thread: Thread, parent: "Comment | None", max_depth: int) -> None:
        """Take a place in the thread's tree. Below the deepest level it joins that level.

        The parent stays the comment that was answered; only the place in the tree is capped. Its own step of the path
        is its id: `number` completes it.
        """
        self.thread_id, self.thread, self.parent = thread.id, thread, parent
        self.parent_id = parent.id if parent else None
        self.path = above_at(parent.path, max_depth) if parent else ""
        self.depth = depth_of(self.path)
        self.root_id = ids_in(self.path)[0] if self.path else None

    def number(self, id: int) -> None:
        """Have an id, and with it the whole path."""
        self.id = id
        for name, value in place_of(id, self.path, self.depth).items():
            setattr(self, name, value)

    # What a comment has whose network, and all that was made from it, is forgotten.
    FROM_NOWHERE: ClassVar[dict[str, str | None]] = {
        "address": "",
        "address_index": None,
        "wide_index": None,
        "request_key": None,
        "request_digest": None,
        "fingerprint": None,
        "typed_by": None,
        "text_key": None,
    }

    def empty(self) -> None:
        """Forget what it said, and all by which its author could be found."""
        self.body = self.html = self.name = self.website = self.cluster = ""
        self.reasons, self.features, self.claimed, self.emptied_at = [], None, None, now()
        self.forget_where_from()

    def forget_where_from(self) -> None:
        for name, value in self.FROM_NOWHERE.items():
            setattr(self, name, value)

    def begin(self, status: Status, lane: int) -> None:
        """Have a first status and a lane; nobody has seen it yet, and it is not kept."""
        self.status, self.lane, self.version = status, lane, self.version + 1
        self.approved_descendants = int(status == Status.APPROVED)

    def move_to(self, status: Status, seen: int, *, lane: int) -> bool:
        """Give a status and a lane, if the comment is still as it was seen; False when somebody was faster."""
        step = (status == Status.APPROVED) - (self.status == Status.APPROVED)
        moved = rows_changed(
            update(Comment)
            .where(Comment.id == self.id, Comment.version == seen)
            .values(
                status=status,
                lane=lane,
                version=Comment.version + 1,
                approved_descendants=Comment.approved_descendants + step,
            )
        )
        if moved != 1:
            return False
        self._read_place()
        if step:
            with db.session.no_autoflush:
                self.count_above(step)
                self.thread.changed(approved=step)
        return True

    def _read_place(self) -> None:
        """Read what an update of its row may have waited for: its thread may be merged into another one."""
        before = self.thread_id
        db.session.refresh(self, ("status", "version", "lane", "approved_descendants", "thread_id"))
        if self.thread_id != before:
            db.session.expire(self, ("thread",))

    def count_above(self, step: int) -> None:
        """So many more of those below are public, for everyone in the branch above it."""
        if above := ids_in(self.path)[:-1]:
            rows_changed(
                update(Comment)
                .where(Comment.id.in_(above))
                .values(approved_descendants=Comment.approved_descendants + step)
            )

    def lock(self) -> None:
        """Reload the comment and lock its row until the transaction ends."""
        db.session.refresh(self, with_for_update=True)

    @property
    def is_public(self) -> bool:
        return self.status == Status.APPROVED and self.thread.visible

    @property
    def erased(self) -> bool:
        """Whether its author is."""
        return bool(self.author.erased_at)

    @property
    def answered(self) -> str | None:
        """The name of the author it replies to, if the parent is public."""
        public = self.parent and self.parent.status == Status.APPROVED
        return self.parent.name if self.parent and public else None

    @classmethod
    def asked_for(cls, author: Author, since: datetime) -> list["Comment"]:
        """Her comments since then about which she wanted letters."""
        query = select(cls).where(cls.author_id == author.id, cls.notify, cls.created_at > since)
        return list(db.session.scalars(query.order_by(cls.id)))

    @classmethod
    def public(cls, id: int) -> "Comment | None":
        """A comment that everybody may see."""
        found = db.session.get(cls, id)
        return found if found and found.is_public else None

    @classmethod
    def of_site(cls, site_ids: list[int], id: int, *, again: bool = False) -> "Comment | None":
        """One comment of these sites; `again` refreshes one that the session has already."""
        query = select(cls).where(cls.id == id, cls.site_id.in_(site_ids))
        return db.session.scalar(query.execution_options(populate_existing=again))

    @classmethod
    def on_sites(cls, site_ids: list[int], ids: list[int]) -> list[int]:
        """Those of these ids that are comments on these sites."""
        return list(db.session.scalars(select(cls.id).where(cls.id.in_(ids), no_index(cls.site_id).in_(site_ids))))

    @classmethod
    def newest_approved(cls, site: Site, limit: int, thread: Thread | None = None) -> list["Comment"]:
        # What belongs to them is asked for afterwards, by ids: joined to all, SQLite looks all threads through before.
        query = (
            select(cls)
            .options(selectinload(cls.thread), selectinload(cls.author), selectinload(cls.parent))
            .where(cls.status == Status.APPROVED, cls.thread.has(Thread.visible))
        )
        if thread:
            query = query.where(cls.thread_id == thread.id).order_by(cls.id.desc())
        else:
            query = query.where(cls.site_id == site.id).order_by(cls.id.desc())
        return list(db.session.scalars(query.limit(limit)))

    @classmethod
    def newest_ids(
        cls, column: Any, values: Sequence[int], limit: int, *without: Status, below: int = MOST
    ) -> list[int]:
        """Ids of the newest comments of these sites or authors, the newest first.

        By status, as the indexes of both have them: in each the newest are found without a look at the others.
        """
        found: list[int] = []
        # Of many authors the ids are sorted, which the index alone has too.
        each = [[value] for value in values] if len(values) <= FEW else [values]
        for status in sorted(set(Status) - set(without)):
            for some in each:
                query = select(cls.id).where(column.in_(some), cls.status == status, cls.id < below)
                found += db.session.scalars(query.order_by(cls.id.desc()).limit(limit))
        return sorted(found, reverse=True)[:limit]

    @classmethod
    def moment_back(cls, site_id: int, number: int) -> datetime | None:
        """When the comment was written that is so many back from the newest of a site; None when it has fewer."""
        newest = select(cls.created_at).where(cls.site_id == site_id).order_by(cls.created_at.desc())
        return db.session.scalar(newest.offset(number - 1).limit(1))

    @staticmethod
    def network_index(site: Site, network: str) -> secrets.Index:
        """The blind index of a network on this site."""
        return blind_index(f"network {site.id}", network)

    @staticmethod
    def wide_index_of(site: Site, network: str) -> secrets.Index | None:
        """The blind index of the /48 around an IPv6 network on this site; None for others."""
        wide = networks.wide_of(ip_network(network))
        return blind_index(f"wide network {site.id}", str(wide)) if wide else None

    @classmethod
    def go_over(cls, thread: Thread, into: Thread) -> int:
        """Bring all comments of a thread into another one, and say how many; ids keep the order of the tree."""
        return rows_changed(update(cls).where(cls.thread_id == thread.id).values(thread_id=into.id))

    @classmethod
    def numbers_in(cls, thread_ids: Collection[int]) -> dict[int, int]:
        """How many comments of any status each thread has."""
        query = select(cls.thread_id, func.count()).where(cls.thread_id.in_(thread_ids)).group_by(cls.thread_id)
        return {row[0]: row[1] for row in db.session.execute(query)}

    @classmethod
    def gain_places(cls, gained: Mapping[int, int]) -> None:
        """Approved comments came into these branches: how many, by the id of each comment above them."""
        # In the order of ids, so that two who do this wait for each other instead of for ever.
        rows = [{"comment": id, "more": more} for id, more in sorted(gained.items())]
        branch = update(cls.__table__).where(cls.__table__.c.id == bindparam("comment"))
        if rows:
            db.session.connection().execute(
                branch.values(approved_descendants=cls.__table__.c.approved_descendants + bindparam("more")), rows
            )

    @classmethod
    def records(cls, author_ids: list[int]) -> dict[int, dict[str, int]]:
        """How many comments of each status each author has."""
        found: dict[int, dict[str, int]] = {id: {} for id in author_ids}
        rows = db.session.execute(
            select(cls.author_id, cls.status, func.count())
            .where(cls.author_id.in_(author_ids))
            .group_by(cls.author_id, cls.status)
        )
        for author_id, status, count in rows:
            found[author_id][status] = count
        return found

    def __repr__(self) -> str:
        return f"<Comment {self.id} {self.status}>"

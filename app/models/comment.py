"""A comment: text, position in the tree, and the only method that changes its status."""

from datetime import datetime
from enum import StrEnum
from ipaddress import ip_network
from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, ForeignKeyConstraint, Index, SmallInteger, String, Text, select, text, update
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import new, no_index, one_of, rows_changed
from app.extensions import Id, Model, db
from app.lib import networks, secrets
from app.lib.clock import Moment, now
from app.lib.secrets import BlindIndex, Encrypted, blind_index
from app.models.author import Author
from app.models.badge import LONGEST_BADGE
from app.models.path import Path, above_at, depth_of, ids_in, place_of
from app.models.scored import Scored
from app.models.site import Site
from app.models.thread import Thread
from app.models.wording import LONGEST_ACCEPTED

LONGEST_SOURCE_ID = 200
# Conditions of partial indexes: approved comments, and the public tree.
PUBLIC, PUBLIC_ROOT = "approved_descendants > 0", "approved_descendants > 0 AND depth = 0"
APPROVED = "status = 'approved'"
# With a stored network or the sender's keyed hash; spam with its text. Both until the retention period ends.
TRACED = "address <> '' OR typed_by IS NOT NULL"
WHOLE_SPAM = "status = 'spam' AND emptied_at IS NULL"


class Status(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    SPAM = "spam"
    DELETED = "deleted"


# Columns that may have changed while the update of a decision waited for the row.
_CHANGED_MEANWHILE = (
    "status", "version", "lane", "approved_descendants", "thread_id", "picked_at", "trained_as", "residual", "settled",
)  # fmt: skip


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class Comment(Scored, Model):
    __tablename__ = "comment"
    __table_args__ = (
        ForeignKeyConstraint(["site_id", "thread_id"], ["thread.site_id", "thread.id"], ondelete="CASCADE"),
        # The public tree in reading order.
        _partial("ix_comment_tree", "thread_id", "root_id", "path", where=PUBLIC),
        # Roots of the public tree, for pagination, by age and by votes.
        _partial("ix_comment_roots", "thread_id", "root_id", where=PUBLIC_ROOT),
        _partial("ix_comment_helpful", "thread_id", "helpful", "root_id", where=PUBLIC_ROOT),
        _partial("ix_comment_picks", "thread_id", "picked_at", where="picked_at IS NOT NULL"),
        _partial("ix_comment_site_picks", "site_id", "picked_at", where="picked_at IS NOT NULL"),
        _partial("ix_comment_latest", "site_id", "created_at", "id", where=APPROVED),
        Index("ix_comment_queue", "site_id", "status", "id"),
        # The queue of a site in its order, and that of all sites; their counts need only the index.
        _partial("ix_comment_lane", "site_id", "lane", "thread_id", "cluster", "id", where="lane <> 0"),
        _partial("ix_comment_waiting", "lane", "status", "created_at", where="lane <> 0"),
        _partial("ix_comment_mildness", "site_id", "lane", "mildness", "id", where="lane <> 0"),
        _partial("ix_comment_cluster", "site_id", "cluster", "lane", where="cluster <> ''"),
        Index("ix_comment_thread", "thread_id", "id"),
        Index("ix_comment_author_newest", "author_id", "status", "id"),
        Index("ix_comment_address", "site_id", "address_index", "created_at"),
        _partial("ix_comment_wide", "site_id", "wide_index", "created_at", where="wide_index IS NOT NULL"),
        Index("ix_comment_arrived", "site_id", "created_at"),
        # What retention (comments/retention.py) is to erase.
        _partial("ix_comment_traced", "site_id", "created_at", where=TRACED),
        _partial("ix_comment_spam", "site_id", "created_at", where=WHOLE_SPAM),
        _partial("ix_comment_moderator", "moderator_id", "site_id", where="moderator_id IS NOT NULL"),
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
    # Approved comments in this branch, including this one; above zero, the comment appears in the public tree.
    approved_descendants: Mapped[int] = mapped_column(default=0)
    # Votes as counted last (comments/votes.py).
    helpful: Mapped[int] = mapped_column(default=0)
    # When a moderator picked it (comments/picks.py).
    picked_at: Mapped[datetime | None] = mapped_column(Moment)
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)

    name: Mapped[str] = mapped_column(String(400), default="")
    website: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
    renderer: Mapped[int]
    lang: Mapped[str] = mapped_column(String(8), default="")
    # By staff: the site's badge at that time (badge.py), and its author. Set by app/desk/staff.py only.
    badge: Mapped[str | None] = mapped_column(String(LONGEST_BADGE))
    moderator_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"))
    member_badge: Mapped[str] = mapped_column(String(LONGEST_BADGE), default="", server_default="")  # of a member
    # Which emails its author asked for: about its review, and about replies to it.
    notify: Mapped[bool] = mapped_column(default=False)
    notify_replies: Mapped[bool] = mapped_column(default=False)

    # Version of the house rules that its author accepted (wording.py); '': none was asked for.
    accepted: Mapped[str] = mapped_column(String(LONGEST_ACCEPTED), default="")
    # Page details (url, title, published) that the page sent; applied when the comment is approved.
    claimed: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))

    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    edited_at: Mapped[datetime | None] = mapped_column(Moment)
    # When a moderator last covered a passage of the text (moderation/covers.py).
    covered_at: Mapped[datetime | None] = mapped_column(Moment)
    # Network (/24 or /56) of the sender, for moderators, and its index.
    address: Mapped[str] = mapped_column(Encrypted, default="")
    address_index: Mapped[str | None] = mapped_column(BlindIndex)
    # Index of the /48 around an IPv6 network, which a single customer may own.
    wide_index: Mapped[str | None] = mapped_column(BlindIndex)
    # Detect repeated posts: by the client's key, or by person and text.
    request_key: Mapped[str | None] = mapped_column(BlindIndex)
    request_digest: Mapped[str | None] = mapped_column(BlindIndex)
    fingerprint: Mapped[str | None] = mapped_column(BlindIndex)
    typed_by: Mapped[str | None] = mapped_column(BlindIndex)
    text_key: Mapped[str | None] = mapped_column(BlindIndex)
    # Program and id of an imported comment.
    source: Mapped[str | None] = mapped_column(String(16))
    source_id: Mapped[str | None] = mapped_column(String(LONGEST_SOURCE_ID))
    # The text was deleted; the row stays for the log and for replies.
    emptied_at: Mapped[datetime | None] = mapped_column(Moment)

    # Lane of the queue (moderation/lanes.py), 0 for none; near-duplicates share a cluster.
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
        """A pending comment that is not in the session yet."""
        first = {"version": 1, "approved_descendants": 0, "lane": 0}
        scored = {"trained_as": "", "settled": False, "mildness": 100}
        return new(cls, status=Status.PENDING, **first, **scored, **columns)

    def attach(self, thread: Thread, parent: "Comment | None", max_depth: int) -> None:
        """Put the comment into the thread's tree; below the deepest level it joins that level.

        `parent` stays the comment that was answered; only the position is capped. `number` completes the path with the
        id.
        """
        self.thread_id, self.thread, self.parent = thread.id, thread, parent
        self.parent_id = parent.id if parent else None
        self.path = above_at(parent.path, max_depth) if parent else ""
        self.depth = depth_of(self.path)
        self.root_id = ids_in(self.path)[0] if self.path else None

    def number(self, id: int) -> None:
        """Set the id and the position that depends on it."""
        self.id = id
        for name, value in place_of(id, self.path, self.depth).items():
            setattr(self, name, value)

    # Values of a comment whose network and derived hashes are deleted.
    FROM_NOWHERE: ClassVar[dict[str, str | None]] = {
        "address": "", "address_index": None, "wide_index": None, "request_key": None, "request_digest": None,
        "fingerprint": None, "typed_by": None, "text_key": None,
    }  # fmt: skip

    def empty(self) -> None:
        """Delete the text and everything that identifies the author."""
        self.anonymise()
        self.body = self.html = self.cluster = self.written_in = ""
        self.reasons, self.features, self.claimed, self.covered_at, self.emptied_at = [], None, None, None, now()
        self.forget_where_from()

    def anonymise(self, name: str = "") -> None:
        """Delete the values that authors type about themselves; `name` is shown instead."""
        self.name, self.website, self.member_badge = name, "", ""

    def forget_where_from(self) -> None:
        for name, value in self.FROM_NOWHERE.items():
            setattr(self, name, value)

    def begin(self, status: Status, lane: int) -> None:
        """Set the first status and lane of a comment that is not stored yet."""
        self.status, self.lane, self.version = status, lane, self.version + 1
        self.approved_descendants = int(status == Status.APPROVED)

    def move_to(self, status: Status, seen: int, *, lane: int) -> bool:
        """Set status and lane if the version is still `seen` (optimistic lock); False after another decision.

        Also if the text to be published was deleted (comments/retention.py) while the update waited.
        """
        step = (status == Status.APPROVED) - (self.status == Status.APPROVED)
        whole = [Comment.emptied_at.is_(None)] if status == Status.APPROVED else []
        moved = rows_changed(
            update(Comment)
            .where(Comment.id == self.id, Comment.version == seen, *whole)
            .values(
                status=status,
                lane=lane,
                version=Comment.version + 1,
                approved_descendants=Comment.approved_descendants + step,
                picked_at=Comment.picked_at if step >= 0 else None,
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
        """Reload the columns that may have changed while the update waited, such as the thread after a merge."""
        before = self.thread_id
        db.session.refresh(self, _CHANGED_MEANWHILE)
        if self.thread_id != before:
            db.session.expire(self, ("thread",))

    def count_above(self, step: int) -> None:
        """Add `step` to the approved count of all ancestors."""
        if above := ids_in(self.path)[:-1]:
            rows_changed(
                update(Comment)
                .where(Comment.id.in_(above))
                .values(approved_descendants=Comment.approved_descendants + step)
            )

    def lock(self) -> None:
        db.session.refresh(self, with_for_update=True)

    @property
    def is_public(self) -> bool:
        return self.status == Status.APPROVED and self.thread.visible

    @property
    def erased(self) -> bool:
        return bool(self.author.erased_at)

    @property
    def answered(self) -> str | None:
        """Name of the author of the parent, if that is public."""
        public = self.parent and self.parent.is_public
        return self.parent.name if self.parent and public else None

    @classmethod
    def public(cls, id: int) -> "Comment | None":
        """The comment, if it is public."""
        found = db.session.get(cls, id)
        return found if found and found.is_public else None

    @classmethod
    def of_site(cls, site_ids: list[int], id: int, *, again: bool = False) -> "Comment | None":
        """The comment, if it belongs to one of these sites; `again` refreshes a loaded record."""
        query = select(cls).where(cls.id == id, one_of(cls.site_id, site_ids))
        return db.session.scalar(query.execution_options(populate_existing=again))

    @classmethod
    def on_sites(cls, site_ids: list[int], ids: list[int], *conditions: Any) -> list[int]:
        """Those of these ids that are comments on these sites."""
        conditions += (cls.id.in_(ids), one_of(no_index(cls.site_id), site_ids))
        return list(db.session.scalars(select(cls.id).where(*conditions)))

    @staticmethod
    def network_index(site: Site, network: str) -> secrets.Index:
        return blind_index(f"network {site.id}", network)

    @staticmethod
    def wide_index_of(site: Site, network: str) -> secrets.Index | None:
        """Blind index of the /48 around an IPv6 network; None for IPv4."""
        wide = networks.wide_of(ip_network(network))
        return blind_index(f"wide network {site.id}", str(wide)) if wide else None

    @classmethod
    def move_all(cls, thread: Thread, into: Thread) -> int:
        """Move all comments of a thread to another one; returns their number. Paths stay valid: they consist of ids."""
        return rows_changed(update(cls).where(cls.thread_id == thread.id).values(thread_id=into.id))

    def __repr__(self) -> str:
        return f"<Comment {self.id} {self.status}>"

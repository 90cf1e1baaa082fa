"""An announcement: a published comment of which the page's subscribers are told, in the order of publication."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, ForeignKey, ForeignKeyConstraint, Index, and_, func, or_, select, update
from sqlalchemy.orm import Mapped, aliased, mapped_column, relationship

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.models.author import Author
from app.models.comment import Comment, Status
from app.models.thread import Thread


class Announced(NamedTuple):
    """An announcement, its comment, and the comment that this answers."""

    id: int
    comment_id: int
    parent_id: int | None


class Wish(NamedTuple):
    """What a subscriber was not told yet: all after `told_id`, or only replies to comments of the author
    `replies_to`."""

    told_id: int
    replies_to: int | None


class Announcement(Model):
    __tablename__ = "announcement"
    __table_args__ = (
        ForeignKeyConstraint(["site_id", "thread_id"], ["thread.site_id", "thread.id"], ondelete="CASCADE"),
        Index("ix_announcement_thread", "thread_id", "id"),
        Index("ix_announcement_site", "site_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    thread_id: Mapped[int] = mapped_column(Id)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"), unique=True)
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)

    comment: Mapped[Comment] = relationship()

    @classmethod
    def add(cls, comment: Comment) -> bool:
        """Announce a comment; False if it was announced before. The caller commits at once.

        The lock on the thread makes ids visible in their order: a subscriber who was told up to one misses none.
        """
        Thread.lock_all([comment.thread_id])
        db.session.refresh(comment, ("thread_id",))
        if db.session.scalar(select(cls.id).where(cls.comment_id == comment.id)):
            return False
        db.session.add(cls(site_id=comment.site_id, thread_id=comment.thread_id, comment_id=comment.id))
        db.session.flush()
        return True

    @classmethod
    def count_of(cls, comment_ids: Sequence[int]) -> int:
        """Number of these comments that were announced."""
        return db.session.scalar(select(func.count()).select_from(cls).where(cls.comment_id.in_(comment_ids))) or 0

    @classmethod
    def newest_in(cls, thread_id: int) -> "Announcement | None":
        return db.session.scalar(select(cls).where(cls.thread_id == thread_id).order_by(cls.id.desc()).limit(1))

    @classmethod
    def unseen(
        cls, thread_id: int, wishes: Sequence[Wish], *, since: datetime, without: Sequence[str], limit: int
    ) -> list[Announced]:
        """The announcements that fulfil a wish, in their order, of comments that are still approved.

        Left out are those before `since`, and comments of authors with one of the email indexes in `without`.
        """
        parent = aliased(Comment)
        query = (
            select(cls.id, Comment.id, parent.id)
            .join(Comment, Comment.id == cls.comment_id)
            .join(Author, Author.id == Comment.author_id)
            .outerjoin(parent, parent.id == Comment.parent_id)
            .where(cls.thread_id == thread_id, cls.id > min(wish.told_id for wish in wishes), cls.made_at > since)
            .where(Comment.status == Status.APPROVED, func.coalesce(Author.email_index, "").not_in(without))
            .where(or_(*(_fulfils(parent, wish) for wish in wishes)))
        )
        return [Announced(*row) for row in db.session.execute(query.order_by(cls.id).limit(limit))]

    @classmethod
    def move_all(cls, thread: Thread, into: Thread) -> None:
        """Move all announcements of a thread to another one."""
        rows_changed(update(cls).where(cls.thread_id == thread.id).values(thread_id=into.id))

    def __repr__(self) -> str:
        return f"<Announcement {self.id}>"


def _fulfils(parent: type[Comment], wish: Wish) -> ColumnElement[bool]:
    newer = Announcement.id > wish.told_id
    if wish.replies_to is None:
        return newer
    asked = (parent.author_id == wish.replies_to) & parent.notify_replies
    return and_(newer, asked, parent.status == Status.APPROVED)

"""A subscription: an author who gets emails about new comments on a page."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    and_,
    delete,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, contains_eager, mapped_column, relationship

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.lib.secrets import candidates
from app.models.announcement import Announcement
from app.models.author import Author
from app.models.comment import Comment
from app.models.thread import Thread
from app.models.unsubscribe import Unsubscribe

# Authors with one confirmed address whose subscriptions are read together.
MOST_AUTHORS = 50


class Notify(StrEnum):
    """Which emails an author chose in the form of a comment; each choice includes the ones before it."""

    NOTHING = ""
    REVIEW = "review"
    REPLIES = "replies"
    PAGE = "page"


class Subscription(Model):
    __tablename__ = "subscription"
    __table_args__ = (
        ForeignKeyConstraint(["site_id", "thread_id"], ["thread.site_id", "thread.id"], ondelete="CASCADE"),
        UniqueConstraint("thread_id", "author_id"),
        Index(
            "ix_subscription_page", "thread_id", "id",
            sqlite_where=text("everything = 1"), postgresql_where=text("everything"),
        ),
        Index("ix_subscription_author", "author_id"),
        Index("ix_subscription_site", "site_id"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    thread_id: Mapped[int] = mapped_column(Id)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id", ondelete="CASCADE"))
    # All comments on the page; otherwise replies to own comments with `notify_replies`.
    everything: Mapped[bool] = mapped_column(default=False)
    # The language of the form in which the author subscribed.
    lang: Mapped[str] = mapped_column(String(8), default="")
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    # The last announcement of which the author was told, and when the last email was due.
    told_id: Mapped[int] = mapped_column(Id, default=0)
    told_at: Mapped[datetime | None] = mapped_column(Moment)

    author: Mapped[Author] = relationship()
    thread: Mapped[Thread] = relationship(
        foreign_keys=[thread_id], primaryjoin=lambda: Subscription.thread_id == Thread.id, viewonly=True
    )

    @classmethod
    def keep(cls, comment: Comment, *, everything: bool) -> None:
        """Subscribe the author of a comment to its page; a subscription to everything is not reduced."""
        newest = select(func.coalesce(func.max(Announcement.id), 0)).where(Announcement.thread_id == comment.thread_id)
        dialect: Any = sqlite if db.engine.dialect.name == "sqlite" else postgresql
        new = dialect.insert(cls).values(
            site_id=comment.site_id,
            thread_id=comment.thread_id,
            author_id=comment.author_id,
            everything=everything,
            lang=comment.lang,
            told_id=newest.scalar_subquery(),
        )
        still = and_(cls.everything, cls.ended_at.is_(None))
        again = {"everything": or_(new.excluded.everything, still), "lang": new.excluded.lang, "ended_at": None}
        db.session.execute(new.on_conflict_do_update(index_elements=["thread_id", "author_id"], set_=again))

    @classmethod
    def is_any_on(cls, thread_id: int) -> bool:
        return db.session.scalar(select(cls.id).where(cls.thread_id == thread_id).limit(1)) is not None

    @classmethod
    def followers(cls, comment: Comment, after: int, limit: int) -> list["Subscription"]:
        """The next active subscriptions to everything on the comment's page, of confirmed authors, by id."""
        query = _confirmed(comment).where(cls.thread_id == comment.thread_id, cls.everything, cls.id > after)
        return list(db.session.scalars(query.order_by(cls.id).limit(limit)))

    @classmethod
    def of_parent(cls, comment: Comment) -> "Subscription | None":
        """The active subscription of the parent's author, if they asked for replies."""
        parent = comment.parent
        if parent is None or not parent.notify_replies:
            return None
        query = _confirmed(comment).where(cls.thread_id == comment.thread_id, cls.author_id == parent.author_id)
        found: Subscription | None = db.session.scalar(query)
        return found

    @classmethod
    def of_address(cls, thread: Thread, author: Author, *, lock: bool = False) -> list["Subscription"]:
        """The active subscriptions to a page of all authors with this author's confirmed address."""
        same = select(Author.id).where(
            Author.site_id == thread.site_id,
            Author.email_index.in_(candidates([author.address_index])),
            Author.email_index == Author.confirmed_index,
        )
        ids = db.session.scalars(same.limit(MOST_AUTHORS)).all()
        query = select(cls).where(cls.thread_id == thread.id, cls.author_id.in_(ids), cls.ended_at.is_(None))
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return list(db.session.scalars(query.order_by(cls.id)))

    @classmethod
    def of_authors(cls, author_ids: Sequence[int]) -> list["Subscription"]:
        return list(db.session.scalars(select(cls).where(cls.author_id.in_(author_ids)).order_by(cls.id)))

    @classmethod
    def on_page(cls, thread: Thread, author_ids: Sequence[int]) -> list["Subscription"]:
        """The subscriptions of these authors to a page, also ended ones."""
        query = select(cls).where(cls.thread_id == thread.id, cls.author_id.in_(author_ids))
        return list(db.session.scalars(query))

    @classmethod
    def end(cls, thread: Thread, author_ids: Sequence[int], *, again: bool = False) -> None:
        """End the subscriptions of these authors to a page, or resume them."""
        mine = update(cls).where(cls.thread_id == thread.id, cls.author_id.in_(author_ids))
        rows_changed(mine.values(ended_at=None if again else now()))

    @classmethod
    def forget(cls, author_ids: Sequence[int]) -> int:
        return rows_changed(delete(cls).where(cls.author_id.in_(author_ids)))

    @classmethod
    def move_all(cls, thread: Thread, into: Thread) -> None:
        """Move all subscriptions of a thread to another one, with one for each author."""
        ours = select(cls.author_id).where(cls.thread_id == thread.id)
        whole = ours.where(cls.everything, cls.ended_at.is_(None))
        there = select(cls.author_id).where(cls.thread_id == into.id)
        # An author who unsubscribed from the other page stays unsubscribed.
        both = update(cls).where(cls.thread_id == into.id, cls.ended_at.is_(None), cls.author_id.in_(whole))
        rows_changed(both.values(everything=True))
        rows_changed(delete(cls).where(cls.thread_id == thread.id, cls.author_id.in_(there)))
        rows_changed(update(cls).where(cls.thread_id == thread.id).values(thread_id=into.id))

    def __repr__(self) -> str:
        return f"<Subscription {self.id}>"


def _confirmed(comment: Comment) -> Any:
    """Active subscriptions with a confirmed address that is not the address of the comment's author."""
    silent = select(Unsubscribe.id).where(
        Unsubscribe.site_id == Author.site_id, Unsubscribe.email_index == Author.email_index
    )
    query = select(Subscription).join(Subscription.author).options(contains_eager(Subscription.author))
    query = query.where(Subscription.ended_at.is_(None), Author.email_index == Author.confirmed_index)
    query = query.where(Author.id != comment.author_id, ~silent.exists())
    own = candidates([comment.author.address_index])
    return query.where(Author.email_index.not_in(own)) if own else query

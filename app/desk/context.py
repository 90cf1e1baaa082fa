"""The context of a comment: its conversation and its author's comments."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, TextClause, func, select, text
from sqlalchemy.orm import joinedload

from app.extensions import db
from app.models import AskedOpinion, Author, Comment, Moderator, Status, Thread, newest_comments, section_scope
from app.moderation.lanes import Lane

MAX_SHOWN = 200
LANES = [lane.value for lane in Lane if lane]
MAX_HISTORY = 50


@dataclass(frozen=True)
class Conversation:
    """Comments in reading order; `cut` if there are more."""

    comments: Sequence[Comment]
    cut: bool


def conversation_around(comment: Comment, viewer: Moderator) -> Conversation:
    """Public and pending comments of a thread; of a long one, from the comment's branch on."""
    here = Comment.thread_id == comment.thread_id, text("comment.approved_descendants > 0")
    public = _read_in_order(comment, *here, *section_scope.comments_of(viewer))
    waiting = _read_in_order(comment, Comment.id.in_(_pending_near(comment)))
    found = {each.id: each for each in (*public, *waiting, comment)}
    shown = sorted(found.values(), key=lambda each: (each.root_id or 0, each.path))
    return Conversation(
        shown[:MAX_SHOWN], cut=len(shown) > MAX_SHOWN or _approved_in(comment.thread, viewer) > len(public)
    )


def comments_by_author(comment: Comment, viewer: Moderator) -> Sequence[Comment]:
    """The newest comments of its author and of others with the same (unverified) email address."""
    newest = newest_comments.ids(Comment.author_id, _same_people(comment.author), MAX_HISTORY)
    return db.session.scalars(
        select(Comment)
        .where(Comment.id.in_(newest), *section_scope.comments_of(viewer))
        .options(joinedload(Comment.thread, innerjoin=True), joinedload(Comment.author, innerjoin=True))
        .order_by(Comment.id.desc())
    ).all()


def _approved_in(thread: Thread, viewer: Moderator) -> int:
    """Number of approved comments, without those that wait for the viewer's second opinion."""
    unseen = Comment.thread_id == thread.id, Comment.id.in_(AskedOpinion.kept_from(viewer))
    approved = select(func.count()).select_from(Comment).where(*unseen, Comment.status == Status.APPROVED)
    return thread.approved_count - (db.session.scalar(approved) or 0)


def _read_in_order(comment: Comment, *conditions: ColumnElement[bool] | TextClause) -> Sequence[Comment]:
    query = select(Comment).where(*conditions)
    if comment.thread.approved_count > MAX_SHOWN:
        query = query.where(Comment.root_id >= comment.root_id)
    ordered = query.order_by(Comment.root_id, Comment.path).limit(MAX_SHOWN)
    return db.session.scalars(ordered.options(joinedload(Comment.parent))).all()


def _pending_near(comment: Comment) -> Sequence[int]:
    here = Comment.site_id == comment.site_id, Comment.thread_id == comment.thread_id
    query = select(Comment.id).where(*here, Comment.lane.in_(LANES), text("comment.lane <> 0"))
    return db.session.scalars(query.where(Comment.id >= comment.root_id).order_by(Comment.id).limit(MAX_SHOWN)).all()


def _same_people(author: Author) -> list[int]:
    if not author.email_index:
        return [author.id]
    alike = (Author.site_id == author.site_id, Author.email_index == author.address_index)
    return list(db.session.scalars(select(Author.id).where(*alike).order_by(Author.id.desc()).limit(1000)))

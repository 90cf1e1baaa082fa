"""Which comments and articles a moderator of some sections moderates."""

from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from app.models.comment import Comment
from app.models.moderator import Membership, Moderator
from app.models.thread import Thread


def moderates(moderator: Moderator, thread: Thread) -> bool:
    membership = moderator.membership_on(thread.site_id)
    return membership is not None and (not membership.limits or thread.section in membership.limits)


def comments_of(moderator: Moderator) -> list[ColumnElement[bool]]:
    """Conditions on comments of the moderator's sites; none for a moderator of whole sites."""
    return [_within(each, Comment.site_id, Comment.thread_id) for each in moderator.memberships if each.limits]


def about_comments(moderator: Moderator, site_id: Any, comment_id: Any) -> list[ColumnElement[bool]]:
    """The same about records with these columns, such as decisions."""
    return [
        or_(
            site_id != each.site_id,
            comment_id.in_(select(Comment.id).where(Comment.thread_id.in_(_threads(each)))),
        )
        for each in moderator.memberships
        if each.limits
    ]


def about_threads(moderator: Moderator, site_id: Any, thread_id: Any) -> list[ColumnElement[bool]]:
    """The same about records of threads."""
    return [_within(each, site_id, thread_id) for each in moderator.memberships if each.limits]


def _within(membership: Membership, site_id: Any, thread_id: Any) -> ColumnElement[bool]:
    return or_(site_id != membership.site_id, thread_id.in_(_threads(membership)))


def _threads(membership: Membership) -> Any:
    return select(Thread.id).where(
        and_(Thread.site_id == membership.site_id, Thread.section != "", Thread.section.in_(membership.limits))
    )

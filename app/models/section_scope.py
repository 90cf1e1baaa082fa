"""Which comments and articles a moderator sees: those of their sections, without comments that wait for their second
opinion."""

from typing import Any

from sqlalchemy import ColumnElement, or_, select, tuple_

from app.models.asked_opinion import AskedOpinion
from app.models.comment import Comment
from app.models.moderator import Moderator
from app.models.thread import Thread


def moderates(moderator: Moderator, thread: Thread) -> bool:
    membership = moderator.membership_on(thread.site_id)
    return membership is not None and (not membership.limits or thread.section in membership.limits)


def sees(moderator: Moderator, comment: Comment) -> bool:
    return moderates(moderator, comment.thread) and comment.id not in AskedOpinion.kept_from(moderator)


def comments_of(moderator: Moderator) -> list[ColumnElement[bool]]:
    """Conditions on comments of the moderator's sites; usually none for a moderator of whole sites."""
    return [*in_sections_of(moderator), *_known(moderator, Comment.id)]


def in_sections_of(moderator: Moderator) -> list[ColumnElement[bool]]:
    """The same for numbers, and for the lanes, in which no comment waits for a second opinion."""
    return about_threads(moderator, Comment.site_id, Comment.thread_id)


def about_comments(moderator: Moderator, site_id: Any, comment_id: Any) -> list[ColumnElement[bool]]:
    """The same about records with these columns, such as decisions."""
    comments = select(Comment.id).where(Comment.thread_id.in_(_threads_of(moderator)))
    return [*_within(moderator, site_id, comment_id.in_(comments)), *_known(moderator, comment_id)]


def about_threads(moderator: Moderator, site_id: Any, thread_id: Any) -> list[ColumnElement[bool]]:
    """The same about records of threads."""
    return _within(moderator, site_id, thread_id.in_(_threads_of(moderator)))


def _known(moderator: Moderator, comment_id: Any) -> list[ColumnElement[bool]]:
    unseen = AskedOpinion.kept_from(moderator)
    return [comment_id.not_in(unseen)] if unseen else []


def _within(moderator: Moderator, site_id: Any, seen: ColumnElement[bool]) -> list[ColumnElement[bool]]:
    """One condition for all sites: SQLite refuses an expression of a thousand terms."""
    limited = moderator.limits
    return [or_(site_id.not_in(limited), seen)] if limited else []


def _threads_of(moderator: Moderator) -> Any:
    """Articles in the sections of those who do not moderate the whole site."""
    pairs = [(site_id, key) for site_id, keys in moderator.limits.items() for key in keys]
    sites, keys = ({pair[at] for pair in pairs} for at in (0, 1))
    # SQLite uses the index of sites and sections for the lists alone, not for the pairs.
    listed = Thread.section != "", Thread.site_id.in_(sites), Thread.section.in_(keys)
    return select(Thread.id).where(*listed, tuple_(Thread.site_id, Thread.section).in_(pairs))

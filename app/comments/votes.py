"""Readers mark a comment as helpful; the numbers on public pages follow within half a minute."""

from collections.abc import Iterator
from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import update

from app.comments import tokens
from app.database import rows_changed
from app.errors import Refused
from app.lib.secrets import Index
from app.models import Comment, Rate, RateLimit, Thread, Vote

# A page with many votes stays cached for so long.
COUNTED_EVERY = timedelta(seconds=30)
BATCH = 200  # comments in a transaction


def vote(comment: Comment, voter: Index | str, *, author: str = "") -> None:
    """Mark a public comment as helpful; `author` is the reader's own author token. Raises Refused (403).

    A second vote of the same network changes nothing.
    """
    own = tokens.author_of(comment.site, author) if author else None
    if own and own.id == comment.author_id:
        raise Refused("own_comment", _("You can’t mark your own comment as helpful."), status=403)
    Vote.add(comment, voter)


def take_back(comment: Comment, voter: Index | str) -> None:
    """Nothing changes without a vote, or if it was deleted after `keep_vote_days`."""
    Vote.withdraw(comment, voter)


def current_count(comment: Comment) -> int:
    """The number with the votes that pages do not show yet."""
    return comment.helpful + Vote.uncounted(comment)


def count_all() -> Iterator[None]:
    """Show all votes in the numbers of their pages, once in COUNTED_EVERY, however many workers run.

    Yields after each step, and the caller commits.
    """
    threads, rate = Vote.threads_to_count(), Rate(1, COUNTED_EVERY.total_seconds())
    # The first look writes nothing.
    if not threads or RateLimit.wait("votes", rate) or RateLimit.take("votes", rate):
        return
    yield
    for thread_id in threads:
        while _count(thread_id):
            yield
        yield


def _count(thread_id: int) -> bool:
    """True if there may be more."""
    ids = Vote.lock_comments(thread_id, BATCH)
    found = Vote.count(ids)
    for id, step in found.items():
        rows_changed(update(Comment).where(Comment.id == id).values(helpful=Comment.helpful + step))
    if any(found.values()):
        rows_changed(update(Thread).where(Thread.id == thread_id).values(version=Thread.version + 1))
    return len(ids) == BATCH

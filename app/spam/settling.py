"""Comments that stayed public for some days without a report teach the filter that they are fine, as weaker examples.

Without them, a site that publishes at once would never have examples of honest comments. A report, an edit or a
decision takes the example back (learning.py).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import exists, func, select, update

from app.database import rows_changed
from app.extensions import db
from app.lib.clock import now
from app.models import Comment, Report, Site, Status, newest_comments
from app.spam import learning

BATCH = 200  # comments in a transaction
BEGIN = datetime.min.replace(tzinfo=UTC)
AMONG = 2_000  # newest comments with which a site begins
REPORTED = exists().where(Report.comment_id == Comment.id, Report.decision_id.is_(None))
MOST_OF_AUTHOR = 5  # in a batch, so that no author teaches the filter alone


def settle_all() -> Iterator[int]:
    """Settle the due comments of each site; yields the number after each step, and the caller commits."""
    for id in _with_newer_comments():
        # Another process may have removed it.
        while (site := db.session.get(Site, id)) and site.settle_days and (count := _settle(site)) is not None:
            yield count


def _with_newer_comments() -> Sequence[int]:
    """Ids of sites with a comment that none of the last runs has looked at, and that is a day old or more."""
    newer = Comment.site_id == Site.id, Comment.created_at > func.coalesce(Site.settled_until, BEGIN)
    due = exists().where(*newer, Comment.created_at <= now() - timedelta(days=1)).correlate(Site)
    return db.session.scalars(select(Site.id).where(Site.settle_days > 0, due).order_by(Site.id)).all()


def _settle(site: Site) -> int | None:
    """Settle the site's next comments; None if none is due."""
    rows = _due(site)
    if not rows:
        return None
    last = rows[-1].created_at
    learnt = [row for row in _undecided({row.id for row in rows}) if _mark(row)]
    learning.teach_weakly(site.id, ((learning.slots_of(row), "fine") for row in learnt))
    # Another worker may have settled them at the same time: each comment is marked once.
    rows_changed(update(Site).where(Site.id == site.id).values(settled_until=last))
    db.session.refresh(site, ["settled_until"])
    return len(learnt)


def _due(site: Site) -> list[Any]:
    """Id and time of the next comments, oldest first; with all of the last one's moment."""
    # Comments that can still be edited have to wait.
    until = now() - timedelta(days=site.settle_days) - site.edit_window
    since = site.settled_until or newest_comments.moment_back(site.id, AMONG) or BEGIN
    of_site = select(Comment.id, Comment.created_at).where(Comment.site_id == site.id)
    due = of_site.where(Comment.created_at > since, Comment.created_at <= until)
    rows = list(db.session.execute(due.order_by(Comment.created_at, Comment.id).limit(BATCH)))
    return rows + list(db.session.execute(of_site.where(Comment.created_at == rows[-1].created_at))) if rows else []


def _undecided(ids: set[int]) -> Iterator[Any]:
    """Public comments of readers without a decision or an open report; a few of each author."""
    query = select(Comment.author_id, *learning.COLUMNS).where(
        Comment.id.in_(ids),
        Comment.status == Status.APPROVED,
        Comment.trained_as == "",
        Comment.badge.is_(None),
        Comment.source.is_(None),
        Comment.emptied_at.is_(None),
        Comment.lane == 0,
        ~REPORTED,
    )
    counts: Counter[int] = Counter()
    for row in db.session.execute(query.order_by(Comment.id)).all():
        counts[row.author_id] += 1
        if counts[row.author_id] <= MOST_OF_AUTHOR:
            yield row


def _mark(row: Any) -> bool:
    """Mark the comment unless it has just changed or was reported."""
    same = update(Comment).where(
        Comment.id == row.id, Comment.version == row.version, Comment.trained_as == "", ~REPORTED
    )
    return rows_changed(same.values(settled=True, trained_as="fine", residual=0)) == 1

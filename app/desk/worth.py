"""Approved comments that may be worth picking: long, answered, found helpful, by authors with a record."""

from collections.abc import Mapping
from math import log2

from sqlalchemy import Row, func, select

from app.desk.cards import cards_of, load, records_of
from app.desk.queue import PAGE, Page, counts
from app.extensions import db
from app.models import Comment, Moderator, Status, newest_comments, section_scope

# The newest approved comments that are compared.
AMONG = 500
# Characters; more say no more.
LONG_ENOUGH = 800


def page_for(moderator: Moderator) -> Page:
    """One page, best first; without those that are picked already."""
    others = [status for status in Status if status != Status.APPROVED]
    newest = newest_comments.ids(Comment.site_id, moderator.site_ids, AMONG, *others)
    mine = Comment.id.in_(newest), Comment.picked_at.is_(None), *section_scope.comments_of(moderator)
    rows = db.session.execute(select(*_COLUMNS).where(*mine)).all()
    records = records_of([row.author_id for row in rows], moderator)
    best = sorted(rows, key=lambda row: (-_worth(row, records), -row.id))[:PAGE]
    return Page(cards_of(load([row.id for row in best]), moderator), counts(moderator))


_COLUMNS = (
    Comment.id, Comment.author_id, Comment.helpful, func.length(Comment.body).label("length"),
    (Comment.approved_descendants - 1).label("replies"),
)  # fmt: skip


def _worth(row: Row[int, int, int, int, int], records: Mapping[int, Mapping[str, int]]) -> float:
    """Each doubling of replies, votes or the author's approved comments counts as much as 200 characters more."""
    counted = (row.replies, row.helpful, records[row.author_id].get(Status.APPROVED, 0) / 4)
    return float(min(row.length, LONG_ENOUGH) / 200 + sum(log2(1 + number) for number in counted))

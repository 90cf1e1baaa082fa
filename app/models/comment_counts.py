"""Numbers of comments by thread and by author, and the stored counts of approved descendants."""

from collections.abc import Collection, Mapping

from sqlalchemy import bindparam, func, select, update

from app.extensions import db
from app.models.comment import Comment


def by_thread(thread_ids: Collection[int]) -> dict[int, int]:
    """Number of comments in any status, by thread id."""
    query = select(Comment.thread_id, func.count()).where(Comment.thread_id.in_(thread_ids))
    return {row[0]: row[1] for row in db.session.execute(query.group_by(Comment.thread_id))}


def by_author(author_ids: list[int]) -> dict[int, dict[str, int]]:
    """Number of comments by status, for each author."""
    found: dict[int, dict[str, int]] = {id: {} for id in author_ids}
    rows = db.session.execute(
        select(Comment.author_id, Comment.status, func.count())
        .where(Comment.author_id.in_(author_ids))
        .group_by(Comment.author_id, Comment.status)
    )
    for author_id, status, count in rows:
        found[author_id][status] = count
    return found


def add_approved_descendants(added: Mapping[int, int]) -> None:
    """Increase the counts of these comments, given by id."""
    table = Comment.__table__
    # Ordered by id to avoid deadlocks.
    rows = [{"comment": id, "more": more} for id, more in sorted(added.items())]
    branch = update(table).where(table.c.id == bindparam("comment"))
    if rows:
        more = branch.values(approved_descendants=table.c.approved_descendants + bindparam("more"))
        db.session.connection().execute(more, rows)

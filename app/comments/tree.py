"""Read the public tree of a thread by branches, from indexes, for threads of any size."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Row,
    Select,
    bindparam,
    case,
    func,
    select,
    text,
    tuple_,
)

from app.comments.orders import Order
from app.database import constant
from app.extensions import db
from app.models.author import Author
from app.models.comment import Comment, Status
from app.models.path import END, above_at, ids_in
from app.models.thread import Thread

# The root id in a row of `_seen`.
ROOT = itemgetter(-2)


class Seen(NamedTuple):
    """Columns of the public view of a comment. Equal rows render alike."""

    id: int
    author_id: int
    parent_id: int | None
    depth: int
    status: str
    name: str
    website: str
    html: str
    created_at: datetime
    edited_at: datetime | None
    covered_at: datetime | None
    badge: str | None
    member_badge: str
    # The public parent's author.
    answered: str | None
    erased: bool
    helpful: int
    picked_at: datetime | None


class Place(NamedTuple):
    """A comment, the root of its branch, and its path there."""

    row: Seen
    root_id: int
    path: str


class Branch(NamedTuple):
    """Consecutive comments of a branch in reading order; `goes_on` if more follow."""

    places: list[Place]
    goes_on: bool

    @property
    def end(self) -> str:
        last = self.places[-1]
        return f"{last.root_id}.{last.path}"

    def cut(self, room: int) -> "Branch":
        return self if len(self.places) <= room else Branch(self.places[:room], goes_on=True)


def whole(thread: Thread, *, order: Order, limit: int) -> list[Seen] | None:
    """A whole thread of at most `limit` comments in reading order; None if it has more."""
    rows = db.session.connection().execute(_whole(limit + 1), {"thread": thread.id}).all()
    if len(rows) > limit:
        return None
    key = _rank_of_root(rows) if order.by_votes else ROOT
    # The index sorts roots ascending; a branch keeps its own order.
    return [_row(each) for each in sorted(rows, key=key, reverse=order.newest_first)]


def _rank_of_root(rows: Sequence[Row[Any]]) -> Callable[[Row[Any]], tuple[int, int]]:
    votes = {row.id: row.helpful for row in rows if row.depth == 0}
    return lambda row: (votes[ROOT(row)], ROOT(row))


@lru_cache
def _whole(limit: int) -> Select[Any]:
    """One index scan instead of a search for branches."""
    thread: BindParameter[int] = bindparam("thread")
    places = _seen().where(Comment.thread_id == thread, text("comment.approved_descendants > 0"))
    return places.order_by(Comment.root_id, Comment.path).limit(constant(limit))


def branches(
    thread: Thread, *, order: Order, after: int | None, votes: int = 0, limit: int, replies: int
) -> list[Branch]:
    """Branches after the root `after`, which had so many `votes`: enough for `limit` comments and one more.

    Each has its root and up to `replies` replies, or more if there are few branches.
    """
    # One comment and one branch more than shown tell if others follow.
    query = _branches(order.newest_first, order.by_votes, after is not None, limit, replies)
    given = {"thread": thread.id, "root_id": after, "helpful": votes}
    rows = db.session.connection().execute(query, given).all()
    found = [[_place(row) for row in each] for _, each in groupby(rows, ROOT)]
    # As in the query; with few branches their share is larger.
    most = max(replies, limit // max(1, len(found)))
    return [_branch(each, 1 + most) for each in found]


@lru_cache
def _branches(newest_first: bool, by_votes: bool, behind: bool, room: int, replies: int) -> Select[Any]:
    """Built once. Its limits are constants, so that PostgreSQL reuses the plan: planning took longer than executing."""
    root, reply, cut = (Comment.__table__.alias(name) for name in ("root", "reply", "cut"))
    thread: BindParameter[int] = bindparam("thread")
    # By `root_id`, which equals the root's id: by `id` PostgreSQL would scan the comments of all threads.
    rank = ("helpful", "root_id") if by_votes else ("root_id",)
    roots = select(*(root.c[each] for each in rank)).where(
        root.c.thread_id == thread, text("root.approved_descendants > 0 AND root.depth = 0")
    )
    if behind:
        here, cursor = tuple_(*(root.c[each] for each in rank)), tuple_(*map(bindparam, rank))
        roots = roots.where(here < cursor if newest_first else here > cursor)
    roots = roots.order_by(*_ranked(root, rank, newest_first)).limit(constant(room + 1))
    share = constant(room) // func.nullif(func.count(), 0)
    larger = case((share > constant(replies), share), else_=constant(replies))
    most = select(larger).select_from(roots.subquery()).scalar_subquery()
    # The first reply that is not shown, as a sign of more.
    last = (
        select(cut.c.path)
        .where(cut.c.thread_id == thread, cut.c.root_id == root.c.root_id, text("cut.approved_descendants > 0"))
        .order_by(cut.c.path).limit(constant(1)).offset(1 + most)
        .scalar_subquery()
    )  # fmt: skip
    found = roots.add_columns(func.coalesce(last, END).label("last")).subquery("found")
    # Ids first, from the index alone: rows that are sorted out should not be read.
    place = (
        select(reply.c.id, *(found.c[each] for each in rank), reply.c.path)
        .join_from(found, reply, (reply.c.root_id == found.c.root_id) & (reply.c.path <= found.c.last))
        .where(reply.c.thread_id == thread, text("reply.approved_descendants > 0"))
        .order_by(*_ranked(found, rank, newest_first), reply.c.path)
        .limit(constant(2 * room + 1))
        .subquery("place")
    )
    seen = _seen().join(place, place.c.id == Comment.__table__.c.id)
    return seen.order_by(*_ranked(place, rank, newest_first), place.c.path)


def _ranked(rows: FromClause, rank: Sequence[str], newest_first: bool) -> list[ColumnElement[Any]]:
    return [rows.c[each].desc() if newest_first else rows.c[each].asc() for each in rank]


def rest_of_branch(thread: Thread, root_id: int, after: str, limit: int) -> Branch:
    return _branch(_in_branch(thread.id, root_id, limit, Comment.path > after), limit)


def branch_around(comment: Comment, replies: int) -> Branch:
    """A comment with its ancestors and up to `replies` following comments of its branch."""
    root_id, depths = ids_in(comment.path)[0], range(comment.depth)
    above = Comment.path.in_([above_at(comment.path, depth + 1) for depth in depths])
    here = _branch(_in_branch(comment.thread_id, root_id, replies + 1, Comment.path >= comment.path), replies + 1)
    answered = _in_branch(comment.thread_id, root_id, len(depths), above) if depths else []
    return Branch(answered + here.places, here.goes_on)


def _in_branch(thread_id: int, root_id: int, limit: int, where: ColumnElement[bool]) -> list[Place]:
    query = (
        _seen()
        .where(
            Comment.thread_id == thread_id, Comment.root_id == root_id, text("comment.approved_descendants > 0"), where
        )
        .order_by(Comment.path)
        .limit(constant(limit + 1))
    )
    return [_place(row) for row in db.session.execute(query)]


def _branch(found: list[Place], most: int) -> Branch:
    return Branch(found[:most], len(found) > most)


def _place(row: Sequence[Any]) -> Place:
    return Place(_row(row), row[-2], row[-1])


def _row(row: Sequence[Any]) -> Seen:
    return Seen._make(row[:-2])


def _seen() -> Select[Any]:
    """Columns instead of records: ORM objects and decryption would cost more than the rest of a page."""
    comment, author, parent = Comment.__table__, Author.__table__, Comment.__table__.alias()
    columns = (
        comment.c.id, comment.c.author_id, comment.c.parent_id, comment.c.depth, comment.c.status, comment.c.name,
        comment.c.website, comment.c.html, comment.c.created_at, comment.c.edited_at, comment.c.covered_at,
        comment.c.badge, comment.c.member_badge,
        case((parent.c.status == Status.APPROVED, parent.c.name)).label("answered"),
        author.c.erased_at.is_not(None).label("erased"), comment.c.helpful, comment.c.picked_at,
        comment.c.root_id, comment.c.path,
    )  # fmt: skip
    with_parents = comment.join(author, author.c.id == comment.c.author_id).outerjoin(
        parent, parent.c.id == comment.c.parent_id
    )
    return select(*columns).select_from(with_parents)

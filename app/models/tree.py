"""The public tree of a thread, branch by branch: read from indexes, so that no thread is too large for it."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    Select,
    bindparam,
    case,
    func,
    select,
    text,
)

from app.extensions import db
from app.models.author import Author
from app.models.comment import STEP, Comment, Status
from app.models.thread import Thread

# Behind every path: "V" is the last of its digits.
END = "W"
# Of a row that has the columns of `Place`.
ROOT = itemgetter(1)


class Place(NamedTuple):
    """Where a comment stands: in whose branch, and where in that."""

    id: int
    root_id: int
    path: str


class Seen(NamedTuple):
    """All that a reader's view of a comment is made of, beside its thread; equal as long as nothing of it changes."""

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
    # The name of whoever it answers, while that comment is public.
    answered: str | None
    # Whether its author is.
    erased: bool


class Branch(NamedTuple):
    """Places of one branch in reading order; `goes_on` when there are more behind them."""

    places: list[Place]
    goes_on: bool

    @property
    def end(self) -> str:
        """The position behind its last place."""
        last = self.places[-1]
        return f"{last.root_id}.{last.path}"

    def cut(self, room: int) -> "Branch":
        return self if len(self.places) <= room else Branch(self.places[:room], goes_on=True)


def branches(thread: Thread, *, newest_first: bool, after: int | None, limit: int, replies: int) -> list[Branch]:
    """Up to `limit` branches behind that of the root `after`, each with its root and up to `replies` replies."""
    given = {"thread": thread.id, "after": after, "limit": limit, "replies": replies + 1}
    rows = db.session.connection().execute(_branches(newest_first, after is not None), given).all()
    return [_branch([Place._make(row) for row in each], replies + 1) for _, each in groupby(rows, ROOT)]


@lru_cache
def _branches(newest_first: bool, behind: bool) -> Select[int, int | None, str]:
    """The question of `branches`, put together once: it is asked for each page that is drawn."""
    root, reply, cut = (Comment.__table__.alias(name) for name in ("root", "reply", "cut"))
    thread: BindParameter[int] = bindparam("thread")
    # The first reply that is not shown, which tells that there is more.
    last = (
        select(cut.c.path)
        .where(cut.c.thread_id == thread, cut.c.root_id == root.c.root_id, text("cut.places > 0"))
        .order_by(cut.c.path).limit(1).offset(bindparam("replies"))
        .scalar_subquery()
    )  # fmt: skip
    # By `root_id`, which is a root's own id: by `id` PostgreSQL would walk through the comments of all threads.
    roots = select(root.c.root_id.label("id"), func.coalesce(last, END).label("last")).where(
        root.c.thread_id == thread, text("root.places > 0 AND root.depth = 0")
    )
    if behind:
        after: BindParameter[int] = bindparam("after")
        roots = roots.where(root.c.root_id < after if newest_first else root.c.root_id > after)
    order = root.c.root_id.desc() if newest_first else root.c.root_id.asc()
    found = roots.order_by(order).limit(bindparam("limit")).subquery("found")
    return (
        select(reply.c.id, reply.c.root_id, reply.c.path)
        .join_from(found, reply, (reply.c.root_id == found.c.id) & (reply.c.path <= found.c.last))
        .where(reply.c.thread_id == thread, text("reply.places > 0"))
        .order_by(found.c.id.desc() if newest_first else found.c.id, reply.c.path)
    )


def rest_of_branch(thread: Thread, root_id: int, after: str, limit: int) -> Branch:
    """What follows behind a path in its branch."""
    return _branch(_in_branch(thread.id, root_id, limit, Comment.path > after), limit)


def branch_around(comment: Comment, replies: int) -> Branch:
    """The comments that this one answers, from the root, itself, and up to `replies` that follow in its branch."""
    root_id = comment.ancestor_ids()[0]
    above = [
        Place(id, root_id, comment.path[: STEP * (depth + 1)]) for depth, id in enumerate(comment.ancestor_ids()[:-1])
    ]
    here = _branch(_in_branch(comment.thread_id, root_id, replies + 1, Comment.path >= comment.path), replies + 1)
    return Branch(above + here.places, here.goes_on)


def _in_branch(thread_id: int, root_id: int, limit: int, where: ColumnElement[bool]) -> list[Place]:
    query = (
        select(Comment.id, Comment.root_id, Comment.path)
        .where(Comment.thread_id == thread_id, Comment.root_id == root_id, text("places > 0"), where)
        .order_by(Comment.path)
        .limit(limit + 1)
    )
    return [Place(id, root or id, path) for id, root, path in db.session.execute(query)]


def _branch(found: list[Place], most: int) -> Branch:
    return Branch(found[:most], len(found) > most)


def shown(ids: list[int]) -> list[Seen]:
    """What a reader sees of comments, in the order of `ids`; as rows, for records would cost more than the page."""
    on_sqlite = db.engine.dialect.name == "sqlite"
    query, given = _shown(_in_json if on_sqlite else _in_array), json.dumps(ids) if on_sqlite else ids
    found = {row[0]: Seen._make(row) for row in db.session.connection().execute(query, {"ids": given}).all()}
    return [found[id] for id in ids if id in found]


# The ids are one value: a question with a list in it is put together anew, with a parameter for each of them.
def _in_json(id: ColumnElement[int]) -> ColumnElement[bool]:
    return id.in_(select(func.json_each(bindparam("ids")).table_valued("value").c.value))


def _in_array(id: ColumnElement[int]) -> ColumnElement[bool]:
    return id == func.any(bindparam("ids", type_=ARRAY(BigInteger)))


@lru_cache
def _shown(among: Callable[[ColumnElement[int]], ColumnElement[bool]]) -> Select[Any]:
    """The columns of `Seen`: others would be decrypted and unpacked for nothing."""
    comment, author, parent = Comment.__table__, Author.__table__, Comment.__table__.alias()
    columns = (
        comment.c.id, comment.c.author_id, comment.c.parent_id, comment.c.depth, comment.c.status, comment.c.name,
        comment.c.website, comment.c.html, comment.c.created_at, comment.c.edited_at,
        case((parent.c.status == Status.APPROVED, parent.c.name)).label("answered"),
        author.c.erased_at.is_not(None).label("erased"),
    )  # fmt: skip
    with_parents = comment.join(author, author.c.id == comment.c.author_id).outerjoin(
        parent, parent.c.id == comment.c.parent_id
    )
    return select(*columns).select_from(with_parents).where(among(comment.c.id))

"""The queue: what waits for a moderator, each comment with all that is needed to decide on it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import joinedload

from app.extensions import db
from app.lib import markup
from app.lib.clock import now
from app.lib.text import excerpt
from app.models import Comment, Decision, Moderator, Revision, Status
from app.moderation.checks import sentence_of

PAGE = 25
PARENT_GRAPHEMES = 160
# Texts have no index: the newest are compared, so that the price does not grow with the archive.
SAME_TEXT_AMONG = 5000
SAME_ADDRESS_SINCE = timedelta(days=30)


@dataclass(frozen=True)
class Card:
    """One comment and what surrounds it; counts are of the same site."""

    comment: Comment
    parent_text: str
    reasons: list[str]
    record: dict[str, int]
    same_text: int
    same_address: int
    revisions: list[Revision] = field(default_factory=list)
    decision: Decision | None = None


@dataclass(frozen=True)
class Page:
    status: Status
    cards: list[Card]
    counts: dict[str, int]
    after: int | None


def waiting_for(moderator: Moderator, status: Status = Status.PENDING, after: int | None = None) -> Page:
    """The cards of one status on all her sites, from after the comment `after`, and how many there are of each.

    What is pending comes oldest first, what is decided newest first. Asks the same number of questions
    whatever the size.
    """
    sites = moderator.site_ids
    found = _comments(_of_status(sites, status, after).limit(PAGE + 1))
    more = found[PAGE - 1].id if len(found) > PAGE else None
    return Page(status, cards_of(found[:PAGE]), Comment.counts_by_status(sites), more)


def card_of(comment: Comment) -> Card:
    return cards_of([comment])[0]


def cards_of(comments: list[Comment]) -> list[Card]:
    """Cards in the order of `comments`."""
    ids = [comment.id for comment in comments]
    records = Comment.records([comment.author_id for comment in comments])
    revisions, decisions = Revision.of(ids), _newest_decisions(ids)
    texts, addresses = _same_text(comments), _same_address(comments)
    return [
        Card(
            comment=comment,
            parent_text=_parent_text(comment),
            reasons=[sentence_of(reason) for reason in comment.reasons],
            record=records[comment.author_id],
            same_text=texts[comment.site_id, comment.body] - 1,
            same_address=addresses[comment.site_id, comment.address_index] - 1,
            revisions=revisions[comment.id],
            decision=decisions.get(comment.id),
        )
        for comment in comments
    ]


def _of_status(sites: list[int], status: Status, after: int | None) -> Select[tuple[Comment]]:
    query = select(Comment).where(Comment.site_id.in_(sites), Comment.status == status)
    if status == Status.PENDING:
        query = query.where(Comment.id > after) if after else query
        return query.order_by(Comment.id)
    query = query.where(Comment.id < after) if after else query
    return query.order_by(Comment.id.desc())


def _comments(query: Select[tuple[Comment]]) -> list[Comment]:
    loaded = query.options(
        joinedload(Comment.thread, innerjoin=True),
        joinedload(Comment.author, innerjoin=True),
        joinedload(Comment.site, innerjoin=True),
        joinedload(Comment.parent),
    )
    return list(db.session.scalars(loaded))


def _parent_text(comment: Comment) -> str:
    parent = comment.parent
    if parent is None or parent.status == Status.DELETED:
        return ""
    return excerpt(markup.plain(parent.html), PARENT_GRAPHEMES)


def _newest_decisions(ids: list[int]) -> dict[int, Decision]:
    newest = select(func.max(Decision.id)).where(Decision.comment_id.in_(ids)).group_by(Decision.comment_id)
    rows = db.session.scalars(select(Decision).where(Decision.id.in_(newest)).options(joinedload(Decision.moderator)))
    return {row.comment_id: row for row in rows}


def _same_text(comments: list[Comment]) -> Counter[tuple[Any, ...]]:
    """How many comments say the same on the same site, among the newest and those given."""
    newest = select(func.max(Comment.id)).scalar_subquery()
    return _count(
        (Comment.site_id, Comment.body),
        Comment.body.in_({comment.body for comment in comments}),
        or_(Comment.id > newest - SAME_TEXT_AMONG, Comment.id.in_([comment.id for comment in comments])),
        _on_sites_of(comments),
    )


def _same_address(comments: list[Comment]) -> Counter[tuple[Any, ...]]:
    """How many comments of late came to the same site from the same network, those given included."""
    known = {comment.address_index for comment in comments if comment.address_index}
    given = Counter((comment.site_id, comment.address_index) for comment in comments)
    recent = and_(Comment.address_index.in_(known), Comment.created_at > now() - SAME_ADDRESS_SINCE)
    counted = _count((Comment.site_id, Comment.address_index), recent, _on_sites_of(comments))
    return Counter({key: max(counted[key], 1) if key[1] else 1 for key in given})


def _on_sites_of(comments: Iterable[Comment]) -> ColumnElement[bool]:
    return Comment.site_id.in_({comment.site_id for comment in comments})


def _count(keys: tuple[Any, ...], *conditions: ColumnElement[bool]) -> Counter[tuple[Any, ...]]:
    rows = db.session.execute(select(*keys, func.count()).where(*conditions).group_by(*keys))
    return Counter({tuple(row[:-1]): row[-1] for row in rows})

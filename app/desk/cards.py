"""Cards: comments with everything needed to decide, in a fixed number of queries."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select, text
from sqlalchemy.orm import joinedload, undefer

from app.extensions import db
from app.lib import markup
from app.lib.clock import happened_since, now
from app.lib.secrets import candidates
from app.lib.text import excerpt
from app.models import (
    AskedOpinion,
    Comment,
    Decision,
    Lease,
    Moderator,
    Note,
    Notice,
    Report,
    Revision,
    Status,
    comment_counts,
)
from app.moderation.risk import Risk, risk_of
from app.screening.reasons import found_in, sentence_of
from app.spam.scores import Explanation, explanation

PARENT_GRAPHEMES = 160
SAME_ADDRESS_SINCE = timedelta(days=30)


@dataclass(frozen=True)
class Card:
    """A comment with its context. Counts are of the same site and exclude the comment.

    `reasons` are without the score and without what holds every comment (`queue.always_held`).
    """

    comment: Comment
    html: str
    parent_text: str
    reasons: list[str]
    score: Explanation | None
    record: dict[str, int]
    # Near duplicates: all, and pending.
    alike: int
    alike_waiting: int
    same_address: int
    revisions: list[Revision] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    reports: dict[str, int] = field(default_factory=dict)
    # Open legal notices.
    notices: list[Notice] = field(default_factory=list)
    decision: Decision | None = None
    # Why the text may be hard to read.
    risk: Risk | None = None
    parent_risk: Risk | None = None
    # Another moderator with a lease.
    reviewer: str = ""


def card_of(comment: Comment, viewer: Moderator) -> Card:
    return cards_of([comment], viewer)[0]


def cards_of(comments: list[Comment], viewer: Moderator) -> list[Card]:
    """Cards in the order of `comments`, for `viewer`."""
    ids = [comment.id for comment in comments]
    records = records_of([comment.author_id for comment in comments], viewer)
    revisions, decisions, notes = Revision.of(ids), _newest_decisions(ids), Note.of(ids)
    parents = parents_of(comments)
    about = [*ids, *(parent.id for parent in parents)]
    reports, legal = Report.open_of(about), Notice.open_of(about)
    risks = {each.id: risk_of(each, reports[each.id], each.id in legal) for each in [*comments, *parents]}
    alike, addresses, reviewers = _alike(comments), _same_address(comments), Lease.of_others(viewer, ids)
    return [
        Card(
            comment=comment,
            html=markup.marked(comment.html, found_in(comment.reasons)),
            parent_text=parent_text_of(comment),
            reasons=[sentence_of(reason) for reason in comment.reasons if _says_more(reason)],
            score=next((explanation(reason) for reason in comment.reasons if reason["check"] == "score"), None),
            record=records[comment.author_id],
            alike=max(alike[comment.site_id, comment.cluster][0] - 1, 0),
            alike_waiting=max(alike[comment.site_id, comment.cluster][1] - (comment.lane > 0), 0),
            same_address=addresses[comment.id],
            revisions=revisions[comment.id],
            notes=notes[comment.id],
            reports=reports[comment.id],
            notices=legal.get(comment.id, []),
            decision=decisions.get(comment.id),
            risk=risks[comment.id],
            parent_risk=risks.get(comment.parent_id or 0),
            reviewer=reviewers.get(comment.id, ""),
        )
        for comment in comments
    ]


def records_of(author_ids: list[int], viewer: Moderator) -> dict[int, dict[str, int]]:
    """Numbers of comments by status, for each author, without those that wait for the viewer's second opinion."""
    records = comment_counts.by_author(author_ids)
    if unseen := AskedOpinion.kept_from(viewer):
        theirs = Comment.id.in_(unseen), Comment.author_id.in_(author_ids)
        for author_id, status in db.session.execute(select(Comment.author_id, Comment.status).where(*theirs)):
            records[author_id][status] -= 1
    return records


def load(ids: Collection[int]) -> list[Comment]:
    """Comments with the records that cards and decisions need, in the order of `ids`."""
    query = select(Comment).where(Comment.id.in_(ids)).options(
        joinedload(Comment.thread, innerjoin=True),
        joinedload(Comment.author, innerjoin=True),
        joinedload(Comment.site, innerjoin=True),
        joinedload(Comment.parent),
        undefer(Comment.learnt_slots),
    )  # fmt: skip
    found = {comment.id: comment for comment in db.session.scalars(query)}
    return [found[id] for id in ids if id in found]


def _says_more(reason: dict[str, Any]) -> bool:
    """False for reasons that the card shows in another place, or the page once for all cards."""
    check = reason["check"]
    if check == "first_comment":
        return bool(reason.get("approved"))
    return bool(reason["spam"]) if check == "copies" else check not in ("hold_all", "score")


def risks_of(comments: Collection[Comment]) -> dict[int, Risk | None]:
    """Why the texts may be hard to read, by all reports of them."""
    ids = [comment.id for comment in comments]
    reasons: dict[int, set[str]] = {id: set() for id in ids}
    for id, reason, _made_at in Report.made_about(ids):
        reasons[id].add(reason)
    legal = Notice.open_of(ids)
    return {each.id: risk_of(each, reasons[each.id], each.id in legal) for each in comments}


def parents_of(comments: Iterable[Comment]) -> list[Comment]:
    """The comments that these answer, as far as their texts are stored."""
    found = {each.parent.id: each.parent for each in comments if each.parent and each.parent.status != Status.DELETED}
    return list(found.values())


def parent_text_of(comment: Comment) -> str:
    parent = comment.parent
    if parent is None or parent.status == Status.DELETED:
        return ""
    return excerpt(markup.plain(parent.html), PARENT_GRAPHEMES)


def _newest_decisions(ids: list[int]) -> dict[int, Decision]:
    newest = select(func.max(Decision.id)).where(Decision.comment_id.in_(ids)).group_by(Decision.comment_id)
    rows = db.session.scalars(select(Decision).where(Decision.id.in_(newest)).options(joinedload(Decision.moderator)))
    return {row.comment_id: row for row in rows}


def _alike(comments: list[Comment]) -> dict[tuple[int, str], tuple[int, int]]:
    found = {(comment.site_id, comment.cluster): (0, 0) for comment in comments}
    clusters = {comment.cluster for comment in comments} - {""}
    rows = db.session.execute(
        select(Comment.site_id, Comment.cluster, func.count(), func.sum(case((Comment.lane > 0, 1), else_=0)))
        .where(_on_sites_of(comments), Comment.cluster.in_(clusters), Comment.cluster != text("''"))
        .group_by(Comment.site_id, Comment.cluster)
    )
    return found | {(site, cluster): (count, waiting) for site, cluster, count, waiting in rows}


def _same_address(comments: list[Comment]) -> dict[int, int]:
    known = {comment.id: _indexes_of_network(comment) for comment in comments if comment.address_index}
    recent = and_(
        Comment.address_index.in_({index for indexes in known.values() for index in indexes}),
        happened_since(Comment.created_at, now() - SAME_ADDRESS_SINCE),
    )
    keys = (Comment.site_id, Comment.address_index)
    rows = db.session.execute(
        select(*keys, func.count()).where(recent, _on_sites_of(comments)).group_by(*keys)
    )  # fmt: skip
    counted = Counter({tuple(row[:-1]): row[-1] for row in rows})
    found = {each.id: sum(counted[each.site_id, index] for index in known.get(each.id, ())) for each in comments}
    return {id: max(count - 1, 0) for id, count in found.items()}


def _indexes_of_network(comment: Comment) -> set[str]:
    """The same network may be stored under several keys; if unreadable, only its own index is known."""
    index = Comment.network_index(comment.site, comment.address) if comment.address else None
    return set(candidates([index, comment.address_index]))


def _on_sites_of(comments: Iterable[Comment]) -> ColumnElement[bool]:
    return Comment.site_id.in_({comment.site_id for comment in comments})

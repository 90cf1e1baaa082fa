"""Comments that a shared list held, and their return to the ordinary judgement when the list is gone."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.extensions import db
from app.models import Actor, Comment, Decision, ListSubscription, Status
from app.models.newest_comments import ids as newest_ids
from app.moderation.findings import reconsider
from app.screening.checks import listed_verdict
from app.screening.rulebook import LISTED

# Comments that wait or are spam, among which those of a list are looked for; and that one button returns.
AMONG, AT_ONCE = 5_000, 200
_ELSEWHERE = tuple(set(Status) - {Status.PENDING, Status.SPAM})


def held_by(subscription: ListSubscription) -> list[int]:
    """Ids of the comments that screening held or called spam, with this list among its reasons; the newest first."""
    found: list[int] = []
    ids = newest_ids(Comment.site_id, [subscription.site_id], AMONG, *_ELSEWHERE)
    for at in range(0, len(ids), AT_ONCE):
        some = select(Comment.id, Comment.reasons).where(Comment.id.in_(ids[at : at + AT_ONCE]))
        rows = db.session.execute(some.where(Comment.created_at >= subscription.made_at).order_by(Comment.id.desc()))
        named = [row.id for row in rows if _lists_of(row.reasons, subscription.ref)]
        undecided = _by_screening(named)
        found += [id for id in named if id in undecided]
    return found


def comments(ids: list[int]) -> list[Comment]:
    query = select(Comment).where(Comment.id.in_(ids)).options(selectinload(Comment.thread))
    return list(db.session.scalars(query.order_by(Comment.id.desc())))


def give_back(subscription: ListSubscription) -> Iterator[int]:
    """Decide again on the comments that an undone list held, as if it had never been. The caller commits after each."""
    for id in held_by(subscription)[:AT_ONCE]:
        comment = db.session.get(Comment, id)
        if comment is not None:
            comment.lock()
            reconsider(comment, _without(comment.reasons, subscription.ref), because=LISTED)
        yield id


def _lists_of(reasons: list[dict[str, Any]], ref: str) -> bool:
    return any(each.get("ref") == ref for reason in reasons if reason["check"] == LISTED for each in reason["lists"])


def _by_screening(ids: list[int]) -> set[int]:
    """Those on which no person has decided since."""
    newest: dict[int, str] = {}
    for row in db.session.execute(
        select(Decision.comment_id, Decision.actor).where(Decision.comment_id.in_(ids)).order_by(Decision.id)
    ):
        newest[row.comment_id] = row.actor
    return {id for id, actor in newest.items() if actor == Actor.SCREENING}


def _without(reasons: list[dict[str, Any]], ref: str) -> list[dict[str, Any]]:
    """The reasons without this list; other lists keep their own verdict."""
    kept: list[dict[str, Any]] = []
    for reason in reasons:
        if reason["check"] != LISTED:
            kept.append(reason)
        elif others := [each for each in reason["lists"] if each.get("ref") != ref]:
            kept.append(reason | {"lists": others, "verdict": listed_verdict(others).name.lower()})
    return kept

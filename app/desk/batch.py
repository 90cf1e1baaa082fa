"""Decide on many comments in one transaction, except those that have changed."""

from dataclasses import dataclass, field

from app.desk.cards import load
from app.errors import Refused
from app.models import AskedOpinion, Comment, Decision, Moderator, Status, section_scope
from app.moderation.decide import AlreadyDecided, decide, undo
from app.moderation.history import can_be_undone

MOST = 500


@dataclass(frozen=True)
class Outcome:
    """New decisions; comments that changed since they were seen; and those that are gone."""

    decided: list[Decision] = field(default_factory=list)
    changed: list[Comment] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)


def decide_all(seen: dict[int, int], status: Status, *, by: Moderator, reason: str = "") -> Outcome:
    """Set `status` on these comments, given by id and seen version.

    Idempotent: an equal decision of the moderator on the same version counts as made.
    """
    outcome = Outcome()
    # Sorted by thread to avoid deadlocks between batches.
    found = sorted(load(list(seen)), key=lambda comment: (comment.thread_id, comment.id))
    unseen = AskedOpinion.kept_from(by)
    mine = [each for each in found if section_scope.moderates(by, each.thread) and each.id not in unseen]
    outcome.gone.extend(seen.keys() - {comment.id for comment in mine})
    for comment in mine:
        _decide(comment, status, seen[comment.id], by, reason, outcome)
    return outcome


def undo_all(decisions: list[Decision], *, by: Moderator) -> Outcome:
    """Idempotent: an earlier undo by the moderator counts as made."""
    outcome = Outcome()
    for decision in sorted(decisions, key=lambda each: (each.comment.thread_id, each.comment_id)):
        try:
            undone = undo(decision, by=by) if can_be_undone(decision) else existing_undo(decision, by=by)
        except Refused:  # decided by another moderator, or without text
            undone = existing_undo(decision, by=by)
        if undone:
            outcome.decided.append(undone)
        else:
            outcome.changed.append(decision.comment)
    return outcome


def existing_decision(comment: Comment, status: Status, *, seen: int, by: Moderator, reason: str) -> Decision | None:
    """The moderator's decision on the version `seen`, if the response got lost."""
    made = Decision.that_made(comment, seen + 1)
    same = made and (made.moderator_id, made.to_status, made.reason) == (by.id, status, reason)
    return made if same else None


def existing_undo(decision: Decision, *, by: Moderator) -> Decision | None:
    """The moderator's own undo of it, if the response got lost."""
    made = Decision.that_made(decision.comment, decision.version + 1)
    return made if made and (made.undoes_id, made.moderator_id) == (decision.id, by.id) else None


def _decide(comment: Comment, status: Status, seen: int, by: Moderator, reason: str, outcome: Outcome) -> None:
    try:
        made = None if comment.status == Status.DELETED else decide(comment, status, seen=seen, by=by, reason=reason)
    except AlreadyDecided:
        made = None
    except Refused:
        # Without text it cannot be published.
        outcome.gone.append(comment.id)
        return
    if made := made or existing_decision(comment, status, seen=seen, by=by, reason=reason):
        outcome.decided.append(made)
    elif comment.status == Status.DELETED or comment.id in AskedOpinion.kept_from(by):
        outcome.gone.append(comment.id)
    else:
        outcome.changed.append(comment)

"""Decide on many comments at once: one transaction, one decision each, and nothing that has changed unseen."""

from dataclasses import dataclass, field

from app.desk.cards import load
from app.errors import Refused
from app.models import Comment, Decision, Moderator, Status
from app.moderation.decide import AlreadyDecided, decide, undo
from app.moderation.history import can_be_undone

MOST = 500


@dataclass(frozen=True)
class Outcome:
    """What was decided; and what was left out: gone (not hers, or withdrawn), or changed since she saw it."""

    decided: list[Decision] = field(default_factory=list)
    changed: list[Comment] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)


def decide_all(seen: dict[int, int], status: Status, *, by: Moderator, reason: str = "") -> Outcome:
    """Give `status` to the comments with these ids, of which she saw these versions; in the caller's transaction.

    Her own decision on exactly what she saw counts as made: the same request may come again.
    """
    outcome = Outcome()
    # Threads in one order: two batches then wait for each other instead of blocking each other.
    found = sorted(load(list(seen)), key=lambda comment: (comment.thread_id, comment.id))
    mine = [each for each in found if each.site_id in by.site_ids and each.status != Status.DELETED]
    outcome.gone.extend(seen.keys() - {comment.id for comment in mine})
    for comment in mine:
        _decide(comment, status, seen[comment.id], by, reason, outcome)
    return outcome


def undo_all(decisions: list[Decision], *, by: Moderator) -> Outcome:
    """Take back what still stands of these decisions."""
    outcome = Outcome()
    for decision in sorted(decisions, key=lambda each: (each.comment.thread_id, each.comment_id)):
        try:
            undone = undo(decision, by=by) if can_be_undone(decision) else None
        except Refused:  # another moderator was faster, or its text is not kept any more
            undone = None
        if undone:
            outcome.decided.append(undone)
        else:
            outcome.changed.append(decision.comment)
    return outcome


def made_already(comment: Comment, status: Status, *, seen: int, by: Moderator, reason: str) -> Decision | None:
    """Their decision that followed on the version `seen`: the same press again, its first answer lost on the way."""
    made = Decision.that_made(comment, seen + 1)
    same = made and (made.moderator_id, made.to_status, made.reason) == (by.id, status, reason)
    return made if same else None


def _decide(comment: Comment, status: Status, seen: int, by: Moderator, reason: str, outcome: Outcome) -> None:
    try:
        outcome.decided.append(decide(comment, status, seen=seen, by=by, reason=reason))
    except AlreadyDecided:
        if made := made_already(comment, status, seen=seen, by=by, reason=reason):
            outcome.decided.append(made)
        else:
            outcome.changed.append(comment)
    except Refused:
        # Its text is not kept any more, so it can be nothing that is shown.
        outcome.gone.append(comment.id)

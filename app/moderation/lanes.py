"""In which lane of the desk a comment waits: by what was found in it, and by how likely it is spam."""

from enum import IntEnum

from app.models import Comment, Status


class Lane(IntEnum):
    """As stored in `comment.lane`; the number is the key that opens the lane."""

    NONE = 0  # does not wait
    URGENT = 1
    REVIEW = 2
    FINE = 3
    SPAM = 4


# A threat, words with a lawyer behind them, an author who objects: somebody may be hurt while it waits.
URGENT_CHECKS = frozenset({"threat", "legal", "appeal", "reports"})
# Found in what most people write: they say nothing against it.
GENTLE_CHECKS = frozenset({"first_comment", "hold_all"})
LIKELY_SPAM = 0.9
LIKELY_FINE = 0.2


def lane_of(comment: Comment, status: str | None = None, *, reported: bool = False) -> Lane:
    """The lane of `comment` when it has `status` (its own if not given) and whether it has open reports.

    Whoever lets a comment wait, or a report reach it, stores this in `comment.lane`.
    """
    status = status or comment.status
    if reported and status in (Status.APPROVED, Status.PENDING):
        return Lane.URGENT
    return _lane_of_waiting(comment) if status == Status.PENDING else Lane.NONE


def _lane_of_waiting(comment: Comment) -> Lane:
    reasons = comment.reasons
    if any(reason["check"] in URGENT_CHECKS for reason in reasons):
        return Lane.URGENT
    if _over(comment.score, LIKELY_SPAM) or any(reason["verdict"] == "spam" for reason in reasons):
        return Lane.SPAM
    if any(reason["check"] not in GENTLE_CHECKS and reason["verdict"] != "pass" for reason in reasons):
        return Lane.REVIEW
    fine = comment.score <= LIKELY_FINE if comment.score is not None else _is_known(comment)
    return Lane.FINE if fine else Lane.REVIEW


def _over(score: float | None, limit: float) -> bool:
    return score is not None and score > limit


def _is_known(comment: Comment) -> bool:
    """Something else of its author is published; she is known by her token, not by what she typed."""
    published = Comment.records([comment.author_id])[comment.author_id].get(Status.APPROVED, 0)
    return published > (comment.status == Status.APPROVED)

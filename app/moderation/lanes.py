"""In which lane of the desk a comment waits: by what was found in it, and by how likely it is spam."""

from enum import IntEnum

from app.models import Comment, Status
from app.screening.thresholds import Band, band_of


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
# So low a score speaks for a comment by itself; below the band that waits, a known author is needed beside it.
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
    reasons, band = comment.reasons, band_of(comment.site, comment.score)
    if any(reason["check"] in URGENT_CHECKS for reason in reasons):
        return Lane.URGENT
    if band == Band.SPAM or any(reason["verdict"] == "spam" for reason in reasons):
        return Lane.SPAM
    if any(reason["check"] not in GENTLE_CHECKS and reason["verdict"] != "pass" for reason in reasons):
        return Lane.REVIEW
    if band == Band.HOLD:
        return Lane.REVIEW
    likely = comment.score is not None and comment.score <= LIKELY_FINE
    return Lane.FINE if likely or _is_known(comment) else Lane.REVIEW


def _is_known(comment: Comment) -> bool:
    """Something else of its author is published; she is known by her token, not by what she typed."""
    if comment.author_id is None:
        return False  # nobody knows her yet
    published = Comment.records([comment.author_id])[comment.author_id].get(Status.APPROVED, 0)
    return published > (comment.status == Status.APPROVED)

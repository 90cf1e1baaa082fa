"""The queue's lanes, by reasons and spam score; until the score has learnt, by signs of spam."""

from enum import IntEnum

from app.models import Comment, Status, comment_counts
from app.screening import hosts, signs
from app.screening.thresholds import Threshold


class Lane(IntEnum):
    """As stored in `comment.lane`; the number is the keyboard shortcut."""

    NONE = 0  # not in the queue
    URGENT = 1
    REVIEW = 2
    FINE = 3
    SPAM = 4


# Urgent for a person's safety or rights.
URGENT_CHECKS = frozenset({"threat", "legal", "appeal", "reports"})
# Checks that hold most comments and say nothing against them.
GENTLE_CHECKS = frozenset({"first_comment", "hold_all", "article"})
# A fine score by itself; up to the hold threshold, the author must be known.
LIKELY_FINE = 0.2
# Decisions of the rarer class from which the score sorts comments of new authors.
LEARNT = 10


def lane_of(comment: Comment, status: str | None = None, *, reported: bool = False) -> Lane:
    """The lane of a comment with `status` (default: its own); `reported` if it has open reports.

    Stored in `comment.lane` whenever a comment is held or reported.
    """
    status = status or comment.status
    if reported and status in (Status.APPROVED, Status.PENDING):
        return Lane.URGENT
    return _lane_of_waiting(comment) if status == Status.PENDING else Lane.NONE


def _lane_of_waiting(comment: Comment) -> Lane:
    reasons, band = comment.reasons, _band(comment)
    likely, signed = comment.score is not None and comment.score <= LIKELY_FINE, signs.weight_of(reasons)
    if any(reason["check"] in URGENT_CHECKS for reason in reasons):
        return Lane.URGENT
    if band == Threshold.SPAM or any(reason["verdict"] == "spam" for reason in reasons):
        return Lane.SPAM
    if signed >= signs.TOGETHER and not (likely and _has_learnt(comment)):
        return Lane.SPAM
    if any(reason["check"] not in GENTLE_CHECKS and reason["verdict"] != "pass" for reason in reasons):
        return Lane.REVIEW
    if band == Threshold.HOLD:
        return Lane.REVIEW
    if likely or _is_known(comment):
        return Lane.FINE
    return Lane.REVIEW if signed or _has_learnt(comment) or _has_link(comment) else Lane.FINE


def _band(comment: Comment) -> str | None:
    """The band that the score had when the comment was screened."""
    return next((reason.get("band") for reason in comment.reasons if reason["check"] == "score"), None)


def _has_learnt(comment: Comment) -> bool:
    """True if the score comes from enough decisions; one that was stored without their number did."""
    examples = next((reason.get("examples") for reason in comment.reasons if reason["check"] == "score"), None)
    return comment.score is not None and (not isinstance(examples, int) or examples >= LEARNT)


def _has_link(comment: Comment) -> bool:
    """True for a link to another site than the comment's own."""
    return any(not mention.is_under(comment.site.hosts) for mention in hosts.hosts_in(comment))


def _is_known(comment: Comment) -> bool:
    if comment.author_id is None:
        return False  # new author
    published = comment_counts.by_author([comment.author_id])[comment.author_id].get(Status.APPROVED, 0)
    return published > (comment.status == Status.APPROVED)

"""What a proof of work is good for: it takes away the doubt whether a person writes, and nothing else."""

from typing import Any

from app.lib.clock import now
from app.models import Comment, Decision, Status
from app.moderation.findings import continue_screening
from app.screening.case import Finding, Verdict
from app.screening.flood import WINDOW

WORK = "work"
# What a proof answers: a score that holds is one that is not sure. All else that holds a comment is about what it
# says, or what the site wants.
DOUBTS = frozenset({"timing", "flood", "score"})


def would_help(comment: Comment) -> bool:
    """Whether nothing but doubts holds the comment: else nobody's browser is to compute in vain."""
    holding = {reason["check"] for reason in comment.reasons if reason["verdict"] != "pass" and not _is_asked(reason)}
    return comment.status == Status.PENDING and bool(holding) and holding <= DOUBTS and not _is_full(comment)


def accept(comment: Comment) -> Decision | None:
    """Let screening go on without the doubts; None when the comment waits on all the same."""
    comment.lock()
    if not would_help(comment):
        return None
    comment.reasons = [_answered(reason) if reason["check"] in DOUBTS else reason for reason in comment.reasons]
    return continue_screening(comment, Finding(WORK, Verdict.PASS))


def _answered(reason: dict[str, Any]) -> dict[str, Any]:
    """The doubt stays to be read, and holds nothing any more."""
    return reason | {"verdict": Verdict.PASS.name.lower()}


def _is_asked(reason: dict[str, Any]) -> bool:
    """It waits for an answer that will come by itself."""
    return bool(reason.get("state") == "asked")


def _is_full(comment: Comment) -> bool:
    """A flood may compute, too: while one lasts, no more pass than on the busiest of normal days."""
    most = comment.site.burst
    return comment.site.is_pressed and Decision.count_of(comment.site_id, WORK, now() - WINDOW) >= most

"""A proof of work removes doubts whether the author is a person."""

from typing import Any

from app.lib.clock import now
from app.models import Comment, Decision, Status
from app.moderation.findings import continue_screening
from app.screening.case import Finding, Verdict
from app.screening.flood import WINDOW

WORK = "work"
# Checks that a proof of work answers. Others concern the content or the site's settings.
DOUBTS = frozenset({"timing", "flood", "score"})


def would_help(comment: Comment) -> bool:
    """True if solving the challenge would publish the comment."""
    holding = {
        reason["check"] for reason in comment.reasons if reason["verdict"] != "pass" and not _awaits_answer(reason)
    }
    return comment.status == Status.PENDING and bool(holding) and holding <= DOUBTS and not _is_rate_exceeded(comment)


def accept(comment: Comment) -> Decision | None:
    """Continue screening without the doubts; None if the comment stays held."""
    comment.lock()
    if not would_help(comment):
        return None
    comment.reasons = [_answered(reason) if reason["check"] in DOUBTS else reason for reason in comment.reasons]
    return continue_screening(comment, Finding(WORK, Verdict.PASS))


def _answered(reason: dict[str, Any]) -> dict[str, Any]:
    """The reason stays visible without holding the comment."""
    return reason | {"verdict": Verdict.PASS.name.lower()}


def _awaits_answer(reason: dict[str, Any]) -> bool:
    return bool(reason.get("state") == "asked")


def _is_rate_exceeded(comment: Comment) -> bool:
    """Publish no more than in the busiest normal minute: a flood can compute too."""
    most = comment.site.burst
    return comment.site.is_pressed and Decision.count_of(comment.site_id, WORK, now() - WINDOW) >= most

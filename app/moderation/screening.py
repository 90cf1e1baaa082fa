"""Screening: all checks look at a comment before anybody else does; the strictest verdict wins."""

import logging

from sqlalchemy.exc import OperationalError

from app.errors import will_pass
from app.extensions import db
from app.models import Actor, Decision, Status
from app.moderation.checks import CHECKS, Case, Check, Finding, Verdict
from app.moderation.decide import decide

log = logging.getLogger(__name__)

STATUS_OF = {Verdict.PASS: Status.APPROVED, Verdict.HOLD: Status.PENDING, Verdict.SPAM: Status.SPAM}


def screen(case: Case) -> Decision:
    """Run every check, keep every reason with the comment, and decide.

    The comment must be flushed. A check that fails holds the comment; it never publishes and never loses it.
    """
    findings = [finding for check in CHECKS if (finding := _run(check, case))]
    case.comment.reasons = [finding.as_reason() for finding in findings]
    db.session.flush()
    strictest = max(findings, key=lambda finding: finding.verdict, default=None)
    return decide(
        case.comment,
        STATUS_OF[strictest.verdict if strictest else Verdict.PASS],
        seen=case.comment.version,
        actor=Actor.SCREENING,
        reason=strictest.check if strictest else "",
    )


def _run(check: Check, case: Case) -> Finding | None:
    try:
        with db.session.begin_nested():
            return check(case)
    except OperationalError as trouble:
        # With the database away there is nothing to hold; the reader is asked to send it again.
        if will_pass(trouble):
            raise
        return _failed(check, case)
    except Exception:
        return _failed(check, case)


def _failed(check: Check, case: Case) -> Finding:
    log.exception("check %s failed on comment %s", check.__name__, case.comment.id)
    return Finding("failed", Verdict.HOLD, {"name": check.__name__})

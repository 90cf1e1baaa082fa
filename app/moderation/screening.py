"""Screening: all checks look at a comment before anybody else does; the strictest verdict wins."""

import logging
from time import monotonic

from sqlalchemy.exc import OperationalError

from app.errors import will_pass
from app.extensions import db
from app.lib import alike
from app.models import Actor, Comment, Decision, Site, Status
from app.moderation import learning
from app.moderation.checks import CHECKS, Case, Check, Finding, Verdict
from app.moderation.decide import decide
from app.moderation.rulebook import rulebook
from app.spam.filter import WrongModel

log = logging.getLogger(__name__)

STATUS_OF = {
    Verdict.PASS: Status.APPROVED,
    Verdict.HOLD: Status.PENDING,
    Verdict.REJECT: Status.REJECTED,
    Verdict.SPAM: Status.SPAM,
}
# Patterns and the database have time bounds of their own; a check that stalls for longer is not believed. All checks
# together take milliseconds, but this is the clock on the wall: on a busy machine one may wait seconds for its turn,
# and an honest comment must not be held for that. Readers wait as long, so it may not be much longer either.
CHECK_SECONDS = 5.0


def screen(case: Case) -> Decision:
    """Run every check, keep every reason with the comment, and decide.

    The comment must be flushed. A check that fails holds the comment; it never publishes and never loses it.
    """
    findings = [finding for check in CHECKS for finding in _run(check, case)]
    case.comment.cluster = alike.key_of(case.comment.body)
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


def settle(comment: Comment, finding: Finding) -> Decision | None:
    """Go on from a finding that came later, in the place of the reason that its check has given so far.

    None when nothing changes, or when a person has decided since: hers stands. Lock the comment before.
    """
    others = [reason for reason in comment.reasons if reason["check"] != finding.check]
    comment.reasons = [*others, finding.as_reason()]
    db.session.flush()
    newest = Decision.newest_of(comment)
    status = STATUS_OF[max(Verdict[reason["verdict"].upper()] for reason in comment.reasons)]
    if newest is None or newest.actor != Actor.SCREENING or status == comment.status:
        return None
    return decide(comment, status, seen=comment.version, actor=Actor.SCREENING, reason=finding.check)


def prepare(site: Site) -> None:
    """Have the site's rules and filter at hand, so that nobody waits for them while the database is locked.

    Trouble with them is told by the checks, which hold the comment.
    """
    try:
        rulebook(site)
        learning.model_of(site.id)
    except WrongModel:
        log.error("the filter of site %s cannot be read: flask upkeep retrain", site.key)


def _run(check: Check, case: Case) -> list[Finding]:
    """What the check found; that it failed, or took too long to be believed, is a finding too."""
    started = monotonic()
    try:
        with db.session.begin_nested():
            found = check(case)
    except OperationalError as trouble:
        # With the database away there is nothing to hold; the reader is asked to send it again.
        if will_pass(trouble):
            raise
        found = _failed(check, case)
    except Exception:
        found = _failed(check, case)
    late = monotonic() - started > CHECK_SECONDS
    slow = Finding("slow", Verdict.HOLD, {"name": check.__name__}) if late else None
    return [finding for finding in (found, slow) if finding]


def _failed(check: Check, case: Case) -> Finding:
    log.exception("check %s failed on comment %s", check.__name__, case.comment.id)
    return Finding("failed", Verdict.HOLD, {"name": check.__name__})

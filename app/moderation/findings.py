"""Apply the findings of screening to a comment: store reasons, decide, run side effects."""

from collections.abc import Callable
from functools import partial

from app.extensions import db
from app.models import Actor, Comment, Decision, Status
from app.moderation.decide import decide, decide_new
from app.screening.case import Case, Finding, Verdict
from app.screening.run import failed, run_checks

STATUS_OF = {
    Verdict.PASS: Status.APPROVED,
    Verdict.HOLD: Status.PENDING,
    Verdict.REJECT: Status.REJECTED,
    Verdict.SPAM: Status.SPAM,
}


def rescreen(case: Case) -> Decision:
    again = partial(decide, seen=case.comment.version, actor=Actor.SCREENING)
    return apply_findings(case, run_checks(case, guard=db.session.begin_nested), again)


def apply_findings(case: Case, findings: list[Finding], decide_with: Callable[..., Decision] = decide_new) -> Decision:
    """Store every reason and decide by the strictest verdict. Then run the findings' side effects."""
    comment, prediction = case.comment, case.known_prediction
    comment.score, comment.facts = prediction.score, prediction.features
    comment.reasons = [finding.as_reason() for finding in findings]
    strictest = max(findings, key=lambda finding: finding.verdict, default=None)
    status = STATUS_OF[strictest.verdict if strictest else Verdict.PASS]
    decision = decide_with(comment, status, reason=strictest.check if strictest else "")
    done = [_with_effect(finding, case) for finding in findings]
    if done != findings:
        comment.reasons = [finding.as_reason() for finding in done]
    return decision


def continue_screening(comment: Comment, finding: Finding) -> Decision | None:
    """Add a finding that arrived later; it replaces the earlier reason of its check.

    Returns None if the status stays, or if a person has decided since. The caller holds the lock on the comment.
    """
    others = [reason for reason in comment.reasons if reason["check"] != finding.check]
    comment.reasons = [*others, finding.as_reason()]
    db.session.flush()
    newest = Decision.newest_of(comment)
    status = STATUS_OF[max(Verdict[reason["verdict"].upper()] for reason in comment.reasons)]
    if newest is None or newest.actor != Actor.SCREENING or status == comment.status:
        return None
    return decide(comment, status, seen=comment.version, actor=Actor.SCREENING, reason=finding.check)


def _with_effect(finding: Finding, case: Case) -> Finding:
    """Run the side effect of a finding. If it fails, its check has failed; either way the comment is held."""
    if finding.then is None:
        return finding
    try:
        with db.session.begin_nested():
            finding.then()
    except Exception as trouble:
        return failed(finding.check, case, trouble)
    return finding

"""Apply findings of screening: store reasons, decide, run side effects."""

from collections.abc import Callable
from functools import partial
from typing import Any

from app.extensions import db
from app.lib.text import links_in
from app.models import Actor, Comment, Decision, Revision, State, Status
from app.models.decision import COVERED
from app.models.recent_posts import CERTAIN_SPAM
from app.moderation.decide import decide, decide_new
from app.moderation.lanes import Lane, lane_of
from app.screening.case import Case, Finding, Verdict
from app.screening.checks import reviewed
from app.screening.run import failed, run_checks

STATUS_OF = {
    Verdict.PASS: Status.APPROVED,
    Verdict.HOLD: Status.PENDING,
    Verdict.REJECT: Status.REJECTED,
    Verdict.SPAM: Status.SPAM,
}


# Findings that an edit does not answer: about the request that brought the comment, or by people.
NOT_ABOUT_THE_TEXT = frozenset({"trap", "timing", "flood", "changed", "work", "appeal", "edited"})


def rescreen(case: Case) -> Decision:
    """Screen an edited comment. While it is held, findings that are not about the text stay."""
    again = partial(decide, seen=case.comment.version, actor=Actor.SCREENING)
    findings = run_checks(case, guard=db.session.begin_nested)
    standing = _standing(case) if case.comment.status == Status.PENDING else {}
    if Revision.with_covers(case.comment):
        # The author may have typed the covered words in another way.
        standing[COVERED] = Finding(COVERED, Verdict.HOLD)
    return apply_findings(case, [*(standing | {each.check: each for each in findings}).values()], again)


def _standing(case: Case) -> dict[str, Finding]:
    """The findings of a held comment that stay, by check."""
    comment = case.comment
    about = NOT_ABOUT_THE_TEXT | ({"gained_links"} if links_in(comment.body) else set())
    found = [Finding.of_reason(reason) for reason in comment.reasons if reason["check"] in about]
    newest = Decision.newest_of(comment)
    if newest and newest.actor != Actor.SCREENING:
        # A moderator, readers' reports or an appeal put it into the queue: a moderator has to look.
        found.append(Finding("edited", Verdict.HOLD))
    return {each.check: each for each in found}


def apply_findings(case: Case, findings: list[Finding], decide_with: Callable[..., Decision] = decide_new) -> Decision:
    """Store all reasons, decide by the strictest verdict, run side effects."""
    comment, prediction = case.comment, case.known_prediction
    # Here, because the thread is read again in the transaction that stores the comment.
    findings = _with_article(case, findings)
    comment.score, comment.features = prediction.score, prediction.features
    comment.written_in = case.written_in if prediction.score is not None else ""
    if prediction.rejection is not None:
        comment.mildness = 100 - round(100 * prediction.rejection)
    comment.reasons = _reasons(findings)
    # Of several with the same verdict, certain spam is the reason: it does not count as a burst.
    strictest = max(_told(findings), key=lambda each: (each.verdict, each.check in CERTAIN_SPAM), default=None)
    status = STATUS_OF[strictest.verdict if strictest else Verdict.PASS]
    decision = decide_with(comment, status, reason=strictest.check if strictest else "")
    done = [_with_effect(finding, case) for finding in findings]
    if done != findings:
        comment.reasons = _reasons(done)
    return decision


def _reasons(findings: list[Finding]) -> list[dict[str, Any]]:
    return [finding.as_reason() for finding in _told(findings)]


def _told(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.told]


def _with_article(case: Case, findings: list[Finding]) -> list[Finding]:
    """The findings as the state of the article and the settings of its section want them."""
    thread, claimed = case.comment.thread, case.section
    section = thread.known_section
    hold = section.hold if section else claimed.hold or None if claimed else None
    if hold is not None:
        findings = [each for each in findings if each.check != "hold_all"]
        findings += [found] if hold and (found := reviewed(case)) else []
    if thread.holds_everything() or (not section and claimed and claimed.state == State.HELD):
        return [*findings, Finding("article", Verdict.HOLD)]
    return findings


def continue_screening(comment: Comment, finding: Finding) -> Decision | None:
    """Apply a later finding, which replaces the earlier reason of its check.

    Returns None if the status stays, or if a moderator has decided since. The caller holds the comment's lock.
    """
    others = [reason for reason in comment.reasons if reason["check"] != finding.check]
    return reconsider(comment, [*others, finding.as_reason()], because=finding.check)


def reconsider(comment: Comment, reasons: list[dict[str, Any]], *, because: str) -> Decision | None:
    """Store other reasons, and let screening decide by them, unless a person has decided since.

    Returns None if the status stays. The caller holds the comment's lock.
    """
    comment.reasons = reasons
    db.session.flush()
    newest = Decision.newest_of(comment)
    strictest = max((Verdict[reason["verdict"].upper()] for reason in reasons), default=Verdict.PASS)
    if newest is None or newest.actor != Actor.SCREENING:
        return None
    if STATUS_OF[strictest] == comment.status:
        _sort_again(comment)
        return None
    return decide(comment, STATUS_OF[strictest], seen=comment.version, actor=Actor.SCREENING, reason=because)


def _sort_again(comment: Comment) -> None:
    """What waited for an answer may be probably fine; one that readers reported stays urgent."""
    if comment.status == Status.PENDING and comment.lane != Lane.URGENT:
        comment.lane = lane_of(comment)


def _with_effect(finding: Finding, case: Case) -> Finding:
    """Run a finding's side effect; if it fails, its check has failed, which also holds the comment."""
    if finding.then is None:
        return finding
    try:
        with db.session.begin_nested():
            finding.then()
    except Exception as trouble:
        found = failed(finding.check, case, trouble)
        return found if finding.told else finding
    return finding

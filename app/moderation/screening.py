"""Screening: all checks look at a comment before anybody else does; the strictest verdict wins."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from time import monotonic
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from app.errors import outage
from app.extensions import db
from app.models import Actor, Comment, Decision, Status
from app.moderation.case import Case, Finding, Verdict
from app.moderation.checks import CHECKS
from app.moderation.decide import admit, decide

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
    """Run every check on a comment that is kept, and decide anew."""
    anew = partial(decide, seen=case.comment.version, actor=Actor.SCREENING)
    return conclude(case, look(case, apart=db.session.begin_nested), anew)


def look(case: Case, *, apart: Callable[[], AbstractContextManager[Any]]) -> list[Finding]:
    """Run every check; nothing is written, so that nobody waits for it.

    A check that fails is a finding that holds; it never publishes and never loses the comment. Each runs `apart`, in
    what sees to it that the next one can still ask: PostgreSQL answers nothing more in a transaction that has failed.
    """
    findings: list[Finding] = []
    for check in CHECKS:
        started = monotonic()
        try:
            with apart():
                found = check(case)
        except Exception as trouble:
            found = _failed(check.__name__, case, trouble)
        late = monotonic() - started > CHECK_SECONDS
        slow = Finding("slow", Verdict.HOLD, {"name": check.__name__}) if late else None
        findings += [finding for finding in (found, slow) if finding]
    return findings


@contextmanager
def nothing_written() -> Iterator[None]:
    """Where nothing is written yet, the transaction is simply begun anew after the database has failed."""
    try:
        yield
    except SQLAlchemyError:
        db.session.rollback()
        raise


def conclude(case: Case, findings: list[Finding], decided: Callable[..., Decision] = admit) -> Decision:
    """Keep every reason with the comment and decide: the strictest wins. Then do what the findings cause."""
    comment, judged = case.comment, case.judged_so_far
    comment.score, comment.facts = judged.score, judged.facts
    comment.reasons = [finding.as_reason() for finding in findings]
    strictest = max(findings, key=lambda finding: finding.verdict, default=None)
    status = STATUS_OF[strictest.verdict if strictest else Verdict.PASS]
    decision = decided(comment, status, reason=strictest.check if strictest else "")
    done = [_done(finding, case) for finding in findings]
    if done != findings:
        comment.reasons = [finding.as_reason() for finding in done]
    return decision


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


def _done(finding: Finding, case: Case) -> Finding:
    """The finding, once what it causes is done; where that fails, its check has failed. Either holds."""
    if finding.then is None:
        return finding
    try:
        with db.session.begin_nested():
            finding.then()
    except Exception as trouble:
        return _failed(finding.check, case, trouble)
    return finding


def _failed(name: str, case: Case, trouble: Exception) -> Finding:
    if outage(trouble):
        # With the database away there is nothing to hold; the reader is asked to send it again.
        raise trouble
    log.exception("check %s failed on a comment of site %s", name, case.site.key)
    return Finding("failed", Verdict.HOLD, {"name": name})

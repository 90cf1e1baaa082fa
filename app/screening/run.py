"""Run all checks on a comment; a failing check becomes a finding."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from time import monotonic
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from app.errors import outage
from app.extensions import db
from app.lib import metrics
from app.screening.case import Case, Finding, Verdict
from app.screening.checks import CHECKS

log = logging.getLogger(__name__)

# The result of a slower check is not trusted. Checks take milliseconds, but this is wall clock time: on a busy machine
# an honest comment must not be held for waiting on the CPU, and readers wait as long. Patterns and the database have
# their own limits.
CHECK_SECONDS = 5.0


def run_checks(case: Case, *, guard: Callable[[], AbstractContextManager[Any]]) -> list[Finding]:
    """Run every check; writes nothing.

    A failed check holds the comment. Each check runs inside `guard()`, so that the next one can query: PostgreSQL
    refuses statements in a failed transaction.
    """
    findings: list[Finding] = []
    begun = started = monotonic()
    for check in CHECKS:
        try:
            with guard():
                found = check(case)
        except Exception as trouble:
            found = failed(check.__name__, case, trouble)
        ended = monotonic()
        metrics.CHECKS.labels(check.__name__).inc(ended - started)
        slow = Finding("slow", Verdict.HOLD, {"name": check.__name__}) if ended - started > CHECK_SECONDS else None
        findings += [finding for finding in (found, slow) if finding]
        started = ended
    metrics.SCREENING.observe(started - begun)
    return findings


@contextmanager
def rollback_on_error() -> Iterator[None]:
    """Before the first write, a failed transaction can simply be rolled back."""
    try:
        yield
    except SQLAlchemyError:
        db.session.rollback()
        raise


def failed(name: str, case: Case, trouble: Exception) -> Finding:
    """Finding of a check that raised. Re-raises if the database is unavailable."""
    if outage(trouble):
        # Nothing can be held without a database; the reader is asked to send again.
        raise trouble
    log.exception("check %s failed on a comment of site %s", name, case.site.key)
    return Finding("failed", Verdict.HOLD, {"name": name})

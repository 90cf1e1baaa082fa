"""Run the checks of screening on a comment: what each of them found, and what a failed check means."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from time import monotonic
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from app.errors import outage
from app.extensions import db
from app.screening.case import Case, Finding, Verdict
from app.screening.checks import CHECKS

log = logging.getLogger(__name__)

# Patterns and the database have time bounds of their own; a check that stalls for longer is not believed. All checks
# together take milliseconds, but this is wall clock time: on a busy machine a check may wait seconds for its turn, and
# an honest comment must not be held for that. Readers wait as long, so it cannot be much longer either.
CHECK_SECONDS = 5.0


def run_checks(case: Case, *, guard: Callable[[], AbstractContextManager[Any]]) -> list[Finding]:
    """Run every check; nothing is written.

    A check that fails is a finding that holds; it never publishes and never loses the comment. Each runs inside
    `guard()`, so that the next one can query: PostgreSQL refuses all statements in a transaction that has failed.
    """
    findings: list[Finding] = []
    for check in CHECKS:
        started = monotonic()
        try:
            with guard():
                found = check(case)
        except Exception as trouble:
            found = failed(check.__name__, case, trouble)
        late = monotonic() - started > CHECK_SECONDS
        slow = Finding("slow", Verdict.HOLD, {"name": check.__name__}) if late else None
        findings += [finding for finding in (found, slow) if finding]
    return findings


@contextmanager
def rollback_on_error() -> Iterator[None]:
    """Before anything is written, a transaction that the database has failed is simply begun again."""
    try:
        yield
    except SQLAlchemyError:
        db.session.rollback()
        raise


def failed(name: str, case: Case, trouble: Exception) -> Finding:
    """The finding of a check that raised. Raises the error again if the database is away."""
    if outage(trouble):
        # With the database away there is nothing to hold; the reader is asked to send it again.
        raise trouble
    log.exception("check %s failed on a comment of site %s", name, case.site.key)
    return Finding("failed", Verdict.HOLD, {"name": name})

"""Take a checker back to shadow mode when it gets worse, or fails too often."""

from app.lib.clock import now
from app.models import Checker, CheckerAnswer, Mode, audit
from app.models.audit import Event, Who
from app.moderation.checker_figures import figures, pairs_of
from app.notify import events

# Newest decided comments whose precision counts, and answers among which they are looked for.
DECIDED, AMONG = 200, 2_000
# Newest answers of which at most so many may be failures, from so many answers on.
ANSWERS, LEAST_ANSWERS, MOST_TROUBLES = 50, 20, 0.2
PRECISION, TROUBLES = "precision", "errors"


def watch(checker: Checker) -> None:
    """Called after each answer; the caller holds the checker's lock."""
    if checker.holds and (cause := _cause(checker)):
        _take_back(checker, cause)


def _cause(checker: Checker) -> str:
    if _fails(checker):
        return TROUBLES
    precision = figures(checker, pairs_of(checker, DECIDED, AMONG)).held.precision
    return PRECISION if precision.high * 100 < checker.least_precision else ""


def _fails(checker: Checker) -> bool:
    newest = [each for each in CheckerAnswer.newest_of(checker, ANSWERS) if each.made_at >= checker.mode_since]
    failed = sum(bool(each.trouble) for each in newest)
    return len(newest) >= LEAST_ANSWERS and failed > MOST_TROUBLES * len(newest)


def _take_back(checker: Checker, cause: str) -> None:
    checker.set_mode(Mode.SHADOW, returned=cause)
    if cause == PRECISION:
        # It has to show again how good it is.
        checker.counted_from = now()
    events.checker_returned(checker, cause)
    audit.record(Event.CHECKER_RETURNED, by=Who.SYSTEM, site=checker.site, name=checker.name, because=cause)

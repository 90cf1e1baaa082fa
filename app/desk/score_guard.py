"""Turn the spam score off where moderators' last decisions disagree with it."""

from collections.abc import Iterator
from math import exp, lgamma, log, log1p
from typing import Any, NamedTuple

from sqlalchemy import select

from app.desk import settings
from app.extensions import db
from app.lib.clock import now
from app.models import Comment, Site, Status
from app.models.audit import Who
from app.notify import events
from app.screening.thresholds import scored_comments

DECISIONS = 200  # newest ones that are compared
# So many false alarms, or more, are no accident if the budget were kept: one such day in years.
CHANCE, FEWEST = 0.001, 4


class Disagreement(NamedTuple):
    """False alarms of the score among so many honest comments."""

    alarms: int
    honest: int


def check_all() -> Iterator[None]:
    """Look at each site whose score acts; yields after each step, and the caller commits."""
    for id in db.session.scalars(select(Site.id).where(Site.score_acts)).all():
        # Another process may have removed it.
        site = db.session.get(Site, id)
        if site and (found := disagreement(site)):
            _step_back(site, found)
        yield


def disagreement(site: Site) -> Disagreement | None:
    """More false alarms than the budgets explain, since the score was turned on."""
    rows = [row for row in scored_comments(site) if not site.score_acts_since or row.created_at > site.score_acts_since]
    decided = [row.id for row in rows if row.trained_as and not row.settled][-DECISIONS:]
    if not decided:
        return None
    verdicts = _verdicts(decided)
    since = next(at for at, row in enumerate(rows) if row.id == decided[0])
    honest = [row.id for row in rows[since:] if row.trained_as == "fine" or _is_public(row)]
    held = sum(verdicts.get(id, "pass") != "pass" for id in honest)
    spam = sum(verdicts.get(id) == "spam" for id in honest)
    for alarms, one_in in ((held, site.hold_one_in), (spam, site.spam_one_in)):
        if one_in and alarms >= FEWEST and _chance(alarms, len(honest), 1 / one_in) < CHANCE:
            return Disagreement(alarms, len(honest))
    return None


def _is_public(row: Any) -> bool:
    return not row.trained_as and row.status == Status.APPROVED


def _verdicts(ids: list[int]) -> dict[int, str]:
    """What the score did with each of these comments."""
    rows = db.session.execute(select(Comment.id, Comment.reasons).where(Comment.id.in_(ids)))
    return {id: reason["verdict"] for id, reasons in rows for reason in reasons if reason["check"] == "score"}


def _chance(alarms: int, honest: int, share: float) -> float:
    """Probability of so many false alarms or more, if each honest comment is one with this probability."""
    if share >= 1:
        return 1.0
    fewer = (
        count * log(share) + (honest - count) * log1p(-share) + _log_ways(honest, count) for count in range(alarms)
    )
    return 1 - sum(map(exp, fewer))


def _log_ways(of: int, count: int) -> float:
    """Logarithm of the binomial coefficient, which itself is too large for a float."""
    return lgamma(of + 1) - lgamma(count + 1) - lgamma(of - count + 1)


def _step_back(site: Site, found: Disagreement) -> None:
    site.score_stepped_back_at = now()
    events.score_stepped_back(site, found.alarms, found.honest)
    settings.change(site, {"score_acts": False}, by=Who.SYSTEM, because="disagreement")

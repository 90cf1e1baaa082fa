"""Thresholds of the spam score."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import selectinload

from app.extensions import db
from app.models import Comment, Site, newest_comments

SHOWN = 20  # comments of each kind of mistake
AMONG = 5_000  # newest comments that are compared


class Threshold(StrEnum):
    SPAM = "spam"
    HOLD = "hold"
    FINE = "fine"


def threshold_of(site: Site, score: float | None) -> Threshold | None:
    """The highest threshold that the score reaches; None without a score."""
    if score is None:
        return None
    if score * 100 >= site.score_spam_from:
        return Threshold.SPAM
    return Threshold.HOLD if score * 100 >= site.score_hold_from else Threshold.FINE


def publishes(site: Site, score: float | None) -> bool:
    """True if the site publishes a comment of this score that only `hold_all` would hold."""
    return site.score_acts and site.score_publishes and threshold_of(site, score) == Threshold.FINE


@dataclass(frozen=True)
class Backtest:
    """Thresholds against decisions: `counts[threshold]["fine"|"spam"|""]`; "" is undecided."""

    counts: dict[Threshold, dict[str, int]]
    # Newest first, a few of each: scored as spam but approved; scored as fine but marked as spam.
    false_positives: list[Comment]
    missed: list[Comment]

    @property
    def scored(self) -> int:
        return sum(sum(row.values()) for row in self.counts.values())


def backtest(site: Site, since: datetime) -> Backtest:
    """Compare the site's thresholds with the decisions on comments since then."""
    threshold = case(
        (Comment.score * 100 >= site.score_spam_from, Threshold.SPAM.value),
        (Comment.score * 100 >= site.score_hold_from, Threshold.HOLD.value),
        else_=Threshold.FINE.value,
    )
    since = max(since, newest_comments.moment_back(site.id, AMONG) or since)
    scored = (Comment.site_id == site.id, Comment.score.is_not(None), Comment.created_at > since)
    rows = db.session.execute(
        select(threshold, Comment.trained_as, func.count()).where(*scored).group_by(threshold, Comment.trained_as)
    )
    counts = {each: {"fine": 0, "spam": 0, "": 0} for each in Threshold}
    for name, label, count in rows:
        counts[Threshold(name)][label] = count
    false_positives = _newest(*scored, threshold == Threshold.SPAM.value, Comment.trained_as == "fine")
    missed = _newest(*scored, threshold == Threshold.FINE.value, Comment.trained_as == "spam")
    return Backtest(counts, false_positives, missed)


def _newest(*conditions: ColumnElement[bool]) -> list[Comment]:
    query = select(Comment).where(*conditions).options(selectinload(Comment.thread))
    return list(db.session.scalars(query.order_by(Comment.created_at.desc(), Comment.id.desc()).limit(SHOWN)))

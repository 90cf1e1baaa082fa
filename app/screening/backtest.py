"""What a site's budget would have done with its past comments, and how often the score was right."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.extensions import db
from app.models import Comment, Site
from app.models.newest_comments import LATEST_FIRST
from app.screening.thresholds import Pasts, Threshold, band, scored_comments
from app.spam.budget import FEWEST_SEEN, Bands

SHOWN = 20  # comments of each kind of mistake
EVERY = 20  # comments after which the replay looks for its thresholds again


@dataclass
class Bin:
    """Comments with scores of one tenth: their mean score, and how many were spam."""

    count: int = 0
    spam: int = 0
    total: float = 0.0

    def add(self, score: float, *, spam: bool) -> None:
        self.count, self.spam, self.total = self.count + 1, self.spam + spam, self.total + score

    @property
    def said(self) -> float:
        return self.total / self.count

    @property
    def was(self) -> float:
        return self.spam / self.count


@dataclass
class Backtest:
    """The budget against decisions: `counts[band]["fine"|"spam"|""]`; "" is undecided.

    Each comment with the thresholds that the comments before it would have given.
    """

    counts: dict[Threshold, dict[str, int]]
    # Honest comments that are missing: before the score stops any, and before each budget is kept exactly.
    missing: int = FEWEST_SEEN
    missing_hold: int = 0
    missing_spam: int = 0
    bins: list[Bin] = field(default_factory=lambda: [Bin() for _ in range(10)])
    # Newest first, a few of each: held or spam but approved; published but marked as spam.
    false_positives: list[Comment] = field(default_factory=list)
    missed: list[Comment] = field(default_factory=list)

    @property
    def filled(self) -> list[Bin]:
        return [each for each in self.bins if each.count]

    @property
    def scored(self) -> int:
        return sum(sum(row.values()) for row in self.counts.values())

    def total(self, label: str) -> int:
        return sum(row[label] for row in self.counts.values())

    def called(self, label: str) -> int:
        """Comments with this label that would have been held or spam."""
        return self.total(label) - self.counts[Threshold.FINE][label]


def backtest(site: Site, since: datetime) -> Backtest:
    """What the site's budget would have done with the comments since then, beside the decisions on them."""
    seen = Backtest({each: {"fine": 0, "spam": 0, "": 0} for each in Threshold})
    past, alarms, missed = Pasts(site), [], []
    for row, done in replay(scored_comments(site), past):
        if row.trained_as:
            seen.bins[min(int(row.score * 10), 9)].add(row.score, spam=row.trained_as == "spam")
        if row.created_at <= since:
            continue
        seen.counts[done][row.trained_as] += 1
        if row.trained_as == "fine" and done != Threshold.FINE:
            alarms.append(row.id)
        if row.trained_as == "spam" and done == Threshold.FINE:
            missed.append(row.id)
    seen.missing_hold, seen.missing_spam = past.hold.missing, past.spam.missing
    seen.missing = max(FEWEST_SEEN - max(past.hold.honest, past.spam.honest), 0)
    seen.false_positives, seen.missed = _newest(alarms), _newest(missed)
    return seen


def replay(rows: Iterable[Any], past: Pasts) -> Iterator[tuple[Any, Threshold]]:
    """Each comment with its band, by the comments before it."""
    known: dict[str, Bands] = {}
    for number, row in enumerate(rows):
        if number % EVERY == 0:
            known.clear()
        if row.written_in not in known:
            known[row.written_in] = past.bands(row.written_in)
        yield row, band(known[row.written_in], row.score)
        past.add(row)


def _newest(ids: list[int]) -> list[Comment]:
    query = select(Comment).where(Comment.id.in_(ids[-SHOWN:])).options(selectinload(Comment.thread))
    return list(db.session.scalars(query.order_by(*LATEST_FIRST)))

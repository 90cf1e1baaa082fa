"""Thresholds of the spam score that keep a budget of false alarms, from the site's own past.

A budget is a number N: at most one in N honest comments may reach the threshold. It lies where so few of the last
honest comments were, each with the score that it had before it was learnt.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import merge
from math import exp, inf, log, nextafter
from typing import NamedTuple

# The scores of honest comments fall while the filter learns, so only the last ones count.
TIMES, FEWEST, MOST = 5, 300, 2_000
# A language with few comments counts by all others, too, as if they were so many.
OTHERS_COUNT = 60
NEVER = 2.0  # above each score
# A budget is no reason to stop comments that are probably fine.
HOLD_FLOOR, SPAM_FLOOR = 0.2, 0.8
# Honest comments from which a threshold above all of them is estimated, and the odds that are taken as certain.
FEWEST_SEEN, CERTAIN = 20, 30.0


class Scored(NamedTuple):
    """A comment with the score that it had before it was learnt. `label`: "fine", "spam" or "" (public, undecided)."""

    score: float
    language: str
    label: str


@dataclass
class Past:
    """The last honest comments of a site, for one budget."""

    one_in: int
    _queue: "deque[Scored]" = field(default_factory=deque)
    # Sorted scores by language, also of undecided comments: where the last N are undecided, no other would be left.
    _honest: dict[str, list[float]] = field(default_factory=dict)

    @property
    def window(self) -> int:
        return max(self.one_in, min(max(TIMES * self.one_in, FEWEST), MOST))

    @property
    def honest(self) -> int:
        return len(self._queue)

    @property
    def missing(self) -> int:
        """Honest comments that are missing before the threshold lies among them; until then it is above all."""
        return max(0, self.one_in - 1 - self.honest)

    def add(self, row: Scored) -> None:
        """Add the next comment in time."""
        if row.label == "spam" or not self.one_in:
            return
        if self.honest >= self.window:
            self._drop(self._queue.popleft())
        self._queue.append(row)
        insort(self._honest.setdefault(row.language, []), row.score)

    def threshold(self, language: str) -> float:
        """The least score of the band; NEVER while the past is too short, or if the budget is 0."""
        if not self.one_in or self.honest < FEWEST_SEEN:
            return NEVER
        if self.missing:
            return self._above_all()
        own, weight = self._count(language), self._weight_of_others(language)
        whole = own + weight * (self.honest - own)
        # One of them may be the next comment itself.
        allowed = (whole + 1) / self.one_in - own / whole
        for score, each in self._highest(language, weight):
            allowed -= each
            if allowed < 0:
                return nextafter(score, inf)
        return 0.0

    def _above_all(self) -> float:
        """Above the highest honest score by the odds that are missing: half as many comments, twice the odds.

        So the next one is above it in one of N cases, if high odds are at least as rare as they are high.
        """
        highest = max((scores[-1] for scores in self._honest.values() if scores), default=0.5)
        odds = log(max(highest, 1e-9)) - log(max(1 - highest, 1e-9)) + log(self.one_in / (self.honest + 1))
        return NEVER if odds > CERTAIN else 1 / (1 + exp(-odds))

    def _drop(self, row: Scored) -> None:
        scores = self._honest[row.language]
        scores.pop(bisect_left(scores, row.score))

    def _count(self, language: str) -> int:
        return len(self._honest.get(language, ()))

    def _weight_of_others(self, language: str) -> float:
        own = self._count(language)
        if own >= min(self.one_in, self.honest):
            return 0.0
        return min(1.0, OTHERS_COUNT * (1 - own / self.one_in) / (self.honest - own))

    def _highest(self, language: str, weight: float) -> Iterator[tuple[float, float]]:
        """Honest scores from above, each with its weight."""
        ranked = [
            [(score, 1.0 if each == language else weight) for score in reversed(scores[-self.window // 10 - 100 :])]
            for each, scores in self._honest.items()
        ]
        return merge(*ranked, key=lambda pair: pair[0], reverse=True)


@dataclass(frozen=True)
class Bands:
    """Least scores of the two bands; NEVER if the past or the budget does not allow it."""

    hold_from: float
    spam_from: float

    @classmethod
    def of(cls, hold: Past, spam: Past, language: str) -> "Bands":
        hold_from = max(hold.threshold(language), HOLD_FLOOR)
        spam_from = max(spam.threshold(language), SPAM_FLOOR)
        return cls(hold_from, spam_from if hold_from == NEVER else max(spam_from, hold_from))

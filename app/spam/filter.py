"""The spam model: learns from decisions and unlearns exactly.

The model is a sum. Each example increments the counts of its slots, as spam or as fine, and adds its residual: the
difference between decision and prediction at that time. The residual is stored, so that subtraction restores the model
without the example. Sums commute: processes may add in any order, and the same log gives the same bytes.
"""

import sys
import zlib
from array import array
from collections.abc import Iterable
from functools import cache
from math import exp, log, sqrt
from struct import Struct
from typing import Self

from app.spam.features import SLOTS, VERSION, Example, Slots, slots

# Naive Bayes on presence (normalised by length as in Rennie et al., "Tackling the Poor Assumptions of Naive Bayes",
# ICML 2003), one vote per family; and a logistic regression by gradient steps for what that leaves unexplained.
# Measured values: docs/decisions/0013-spam-filter.md.
SMOOTHING = 0.1
HALF_TRUST = 0.5  # a slot seen once counts two thirds, seen ten times nearly in full
WEIGHTS = {"words": 0.35, "ngrams": 0.25, "metadata": 0.35}
LEARNING_RATE = 3.0  # log odds
# A class that is less than a fifth of the other corrects more: of a hundred comments, three may be spam.
RARE, MOST_WEIGHT = 5, 6.0
UNIT = 4096  # residuals are integers of this unit, for exact unlearning
ENOUGH = 5  # decisions of the rarer class at which scores are halved towards 0.5

HEADER = Struct("<4sHcIII")
MAGIC = b"KAI1"
# An example was subtracted that was not contained: usable, but to be retrained.
UNSOUND = b"KAI0"
# Two bytes for a count; four on sites with larger ones.
NARROW, WIDE, SIGNED = "H", "I", "i"
NARROW_MOST = 65_535


class WrongModel(ValueError):
    """Stored bytes of another version, or damaged: retrain."""


class NotLearnt(ValueError):
    """The example was not learnt with this label."""


class Filter:
    """A site's model: two megabytes; neutral until it has examples of both classes."""

    def __init__(self) -> None:
        self.fine = 0
        self.spam = 0
        # False after an example was subtracted that was not contained.
        self.sound = True
        # Both counts of a slot are adjacent: one cache line per look-up.
        self._counts = _empty(NARROW)
        self._residuals = array(SIGNED, bytes(SLOTS * array(SIGNED).itemsize))

    def learn(self, example: Example, *, spam: bool) -> int:
        """Add an example; returns its residual for `unlearn`."""
        found = slots(example)
        residual = self.residual(found, spam=spam)
        self.add(found.all(), spam=spam, residual=residual)
        return residual

    def unlearn(self, example: Example, *, spam: bool, residual: int) -> None:
        """Undo a `learn` of the same example and label. Raises NotLearnt without changes."""
        found = slots(example).all()
        if not self._total(spam) or any(not self._counts[2 * slot + spam] for slot in found):
            raise NotLearnt("this example was not learnt with this label")
        self.add(found, spam=spam, residual=residual, step=-1)

    def score(self, example: Example) -> float:
        """Probability of spam, 0 to 1; 0.5 if untrained."""
        return self.score_of(slots(example))

    def score_of(self, found: Slots) -> float:
        return probability(self.evidence(found))

    def evidence(self, found: Slots) -> float:
        votes = ((WEIGHTS[name], getattr(found, name)) for name in WEIGHTS)
        counted = sum(weight * self._vote(family) for weight, family in votes if family)
        return self.scale() * (counted + self._residual_sum(found))

    def weight(self, slot: int, family: str, found: Slots) -> float:
        counted = WEIGHTS[family] * self._log_odds(slot) / sqrt(len(getattr(found, family)) + 1)
        return self.scale() * (counted + self._residuals[slot] / UNIT / _length(found))

    def residual(self, found: Slots, *, spam: bool) -> int:
        """Residual of an example with these slots, if decided now."""
        error = spam - probability(self.evidence(found))
        return round(UNIT * LEARNING_RATE * self.scale() * self._rarity(spam) * error / _length(found))

    def _rarity(self, spam: bool) -> float:
        others, own = (self.fine, self.spam) if spam else (self.spam, self.fine)
        return min(max(others / (RARE * max(own, 1)), 1.0), MOST_WEIGHT)

    def scale(self) -> float:
        """Weight of the evidence: 0 until there are examples of both classes."""
        seen = min(self.fine, self.spam)
        return seen / (seen + ENOUGH)

    def seen(self, slot: int) -> tuple[int, int]:
        return self._counts[2 * slot], self._counts[2 * slot + 1]

    def dump(self) -> bytes:
        """The model as bytes; equal models give equal bytes."""
        width = NARROW if max(self._counts) <= NARROW_MOST else WIDE
        header = HEADER.pack(MAGIC if self.sound else UNSOUND, VERSION, width.encode(), SLOTS, self.fine, self.spam)
        parts = array(width, self._counts), array(SIGNED, self._residuals)
        return header + zlib.compress(b"".join(_little_endian(part).tobytes() for part in parts), 1)

    @classmethod
    def load(cls, data: bytes) -> Self:
        """The model from `dump`; b"" is an untrained one. Raises WrongModel."""
        model = cls()
        if data:
            width, model.fine, model.spam = _read_header(data)
            model.sound = data.startswith(MAGIC)
            model._counts, model._residuals = _read_sums(data, width)
        return model

    def add(self, found: Iterable[int], *, spam: bool, residual: int, step: int = 1) -> None:
        """Add an example by its distinct slots; with step -1, subtract it.

        Subtracting one that was not added leaves no count negative, and clears `sound`.
        """
        if self._may_overflow(spam, step):
            self._counts = array(WIDE, self._counts)
        counts, residuals = self._counts, self._residuals
        for slot in found:
            at = 2 * slot + spam
            if counts[at] or step > 0:
                counts[at] += step
                residuals[slot] += step * residual
            else:
                self.sound = False
        self._add_to_total(spam, step)

    def _may_overflow(self, spam: bool, step: int) -> bool:
        """In sound sums a count is at most the total."""
        return step > 0 and self._counts.typecode == NARROW and (self._total(spam) >= NARROW_MOST or not self.sound)

    def _add_to_total(self, spam: bool, step: int) -> None:
        if self._total(spam) + step < 0:
            self.sound = False
        elif spam:
            self.spam += step
        else:
            self.fine += step

    def _total(self, spam: bool) -> int:
        return self.spam if spam else self.fine

    def _prior(self) -> float:
        return log((self.fine + 2 * SMOOTHING) / (self.spam + 2 * SMOOTHING))

    def _vote(self, family: tuple[int, ...]) -> float:
        # Divided by the root of the length: a long comment is not more certain.
        counts, prior, total = self._counts, self._prior(), 0.0
        for slot in family:
            fine, spam = counts[2 * slot], counts[2 * slot + 1]
            if fine or spam:
                trust, lean = _parts(fine, spam)
                total += trust * (lean + prior)
        return total / sqrt(len(family) + 1)

    def _residual_sum(self, found: Slots) -> float:
        families = (found.words, found.ngrams, found.metadata)
        return sum(sum(map(self._residuals.__getitem__, family)) for family in families) / UNIT / _length(found)

    def _log_odds(self, slot: int) -> float:
        fine, spam = self.seen(slot)
        if not fine and not spam:
            return 0.0
        trust, lean = _parts(fine, spam)
        return trust * (lean + self._prior())


def probability(evidence: float) -> float:
    """Without overflow."""
    return 1 / (1 + exp(-max(-60.0, min(60.0, evidence))))


def _length(found: Slots) -> float:
    return sqrt(found.count + 1)


@cache
def _log(count: int) -> float:
    return log(count + SMOOTHING)


def _parts(fine: int, spam: int) -> tuple[float, float]:
    seen = fine + spam
    return seen / (seen + HALF_TRUST), _log(spam) - _log(fine)


def _empty(width: str) -> "array[int]":
    return array(width, bytes(array(width).itemsize * 2 * SLOTS))


def _little_endian(sums: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        sums.byteswap()
    return sums


def is_current(data: bytes) -> bool:
    """True if bytes with this header are a sound model of this version, or b""."""
    try:
        return not data or (bool(_read_header(data)) and data.startswith(MAGIC))
    except WrongModel:
        return False


def _read_header(data: bytes) -> tuple[str, int, int]:
    if len(data) < HEADER.size:
        raise WrongModel("the stored filter is cut short")
    magic, version, width, size, fine, spam = HEADER.unpack_from(data)
    if magic not in (MAGIC, UNSOUND) or (version, size) != (VERSION, SLOTS) or width not in (b"H", b"I"):
        raise WrongModel("the stored filter is of another version")
    return width.decode(), fine, spam


def _read_sums(data: bytes, width: str) -> tuple["array[int]", "array[int]"]:
    # Bounded, so that a damaged row cannot fill the memory.
    counted = 2 * SLOTS * array(width).itemsize
    expected, unpacker = counted + SLOTS * array(SIGNED).itemsize, zlib.decompressobj()
    try:
        raw = unpacker.decompress(data[HEADER.size :], expected + 1)
    except zlib.error as error:
        raise WrongModel("the stored filter is damaged") from error
    if len(raw) != expected or not unpacker.eof:
        raise WrongModel("the stored filter is damaged")
    return _little_endian(array(width, raw[:counted])), _little_endian(array(SIGNED, raw[counted:]))

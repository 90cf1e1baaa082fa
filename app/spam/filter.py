"""Learn a site's taste from its moderators, and forget exactly what they take back.

The model only counts: in how many spam and how many fine examples each slot occurred. Counts commute, so the
order of decisions does not matter, processes may learn in any order, unlearning any example leaves what was
there without it, and learning the log again gives the same bytes.
"""

import sys
import zlib
from array import array
from collections.abc import Iterable
from functools import cache
from math import exp, log, sqrt
from struct import Struct

from app.spam.features import SLOTS, VERSION, Example, Slots, slots

# Naive Bayes on presence (Rennie et al., "Tackling the Poor Assumptions of Naive Bayes", ICML 2003, for the
# normalisation by length), one vote per family. Numbers measured on shared/data/moderation, see docs.
SMOOTHING = 0.1
HALF_TRUST = 0.5  # a slot seen once counts two thirds, one seen ten times nearly whole
WEIGHTS = {"words": 1.0, "grams": 0.7, "facts": 2.0}
SHARPNESS = 0.5  # makes the sum a probability
ENOUGH = 5  # decisions of the rarer kind at which the score may go half of its way from 0.5

HEADER = Struct("<4sHcIII")
MAGIC = b"KAI1"
# Two bytes for a count, four on the few sites where something occurred more often than that.
NARROW, WIDE = "H", "I"
NARROW_MOST = 65_535


class WrongModel(ValueError):
    """The stored bytes are no model of this version: learn the log again."""


class NotLearnt(ValueError):
    """The example to be unlearnt was never learnt as this label."""


class Filter:
    """A site's model: one megabyte of counts, neutral until both kinds were seen."""

    def __init__(self) -> None:
        self.fine = 0
        self.spam = 0
        # Fine and spam of a slot lie side by side: one cache line per look-up.
        self._counts = _empty(NARROW)

    def learn(self, example: Example, *, spam: bool) -> None:
        """Count the example as spam or as fine."""
        self.count(slots(example).all(), spam=spam, step=1)

    def unlearn(self, example: Example, *, spam: bool) -> None:
        """Take back one `learn` of the same example and label; NotLearnt, and no change, if none was."""
        found = slots(example).all()
        if not self._total(spam) or any(not self._counts[2 * slot + spam] for slot in found):
            raise NotLearnt("this example was not learnt with this label")
        self.count(found, spam=spam, step=-1)

    def score(self, example: Example) -> float:
        """Return how likely the example is spam, 0 to 1; 0.5 knows nothing."""
        return probability(self.evidence(slots(example)))

    def evidence(self, found: Slots) -> float:
        """Return the log odds for spam that these slots carry on this site."""
        votes = ((WEIGHTS[name], getattr(found, name)) for name in WEIGHTS)
        return self.scale() * sum(weight * self._vote(family) for weight, family in votes if family)

    def scale(self) -> float:
        """Return what one unit of weighted vote is worth in log odds: nothing until both kinds were seen."""
        seen = min(self.fine, self.spam)
        return SHARPNESS * seen / (seen + ENOUGH)

    def seen(self, slot: int) -> tuple[int, int]:
        """Return in how many (fine, spam) examples the slot occurred."""
        return self._counts[2 * slot], self._counts[2 * slot + 1]

    def leaning(self, slot: int) -> float:
        """Return the unweighted log odds of one slot, positive for spam."""
        fine, spam = self.seen(slot)
        return _leaning(fine, spam, self._prior()) if fine or spam else 0.0

    def dump(self) -> bytes:
        """Return the model as bytes; equal models give equal bytes."""
        width = NARROW if max(self._counts) <= NARROW_MOST else WIDE
        header = HEADER.pack(MAGIC, VERSION, width.encode(), SLOTS, self.fine, self.spam)
        return header + zlib.compress(_little_endian(array(width, self._counts)).tobytes(), 1)

    @classmethod
    def load(cls, data: bytes) -> "Filter":
        """Return the model that `dump` gave; WrongModel for anything else. b"" knows nothing yet."""
        model = cls()
        if data:
            width, model.fine, model.spam = _read_header(data)
            model._counts = _read_counts(data, width)
        return model

    def count(self, found: Iterable[int], *, spam: bool, step: int) -> None:
        """Count an example by its slots: 1 learns it, -1 takes it back."""
        if step > 0 and self._total(spam) >= NARROW_MOST and self._counts.typecode == NARROW:
            self._counts = array(WIDE, self._counts)
        counts = self._counts
        for slot in found:
            counts[2 * slot + spam] += step
        self.spam += step * spam
        self.fine += step * (not spam)

    def _total(self, spam: bool) -> int:
        return self.spam if spam else self.fine

    def _prior(self) -> float:
        return log((self.fine + 2 * SMOOTHING) / (self.spam + 2 * SMOOTHING))

    def _vote(self, family: tuple[int, ...]) -> float:
        # Divided by the root of the length: a long comment is not a surer one.
        counts, prior, total = self._counts, self._prior(), 0.0
        for slot in family:
            fine, spam = counts[2 * slot], counts[2 * slot + 1]
            if fine or spam:
                trust, lean = _parts(fine, spam)
                total += trust * (lean + prior)
        return total / sqrt(len(family) + 1)


def retrain(decisions: Iterable[tuple[Example, bool]]) -> Filter:
    """Return the model of a log of (example, is spam); what was undone is simply not in it."""
    model = Filter()
    for example, spam in decisions:
        model.learn(example, spam=spam)
    return model


def probability(evidence: float) -> float:
    """Return log odds as a probability, without overflow."""
    return 1 / (1 + exp(-max(-60.0, min(60.0, evidence))))


def _leaning(fine: int, spam: int, prior: float) -> float:
    trust, lean = _parts(fine, spam)
    return trust * (lean + prior)


@cache
def _log(count: int) -> float:
    return log(count + SMOOTHING)


def _parts(fine: int, spam: int) -> tuple[float, float]:
    seen = fine + spam
    return seen / (seen + HALF_TRUST), _log(spam) - _log(fine)


def _empty(width: str) -> "array[int]":
    return array(width, bytes(array(width).itemsize * 2 * SLOTS))


def _little_endian(counts: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        counts.byteswap()
    return counts


def _read_header(data: bytes) -> tuple[str, int, int]:
    if len(data) < HEADER.size:
        raise WrongModel("the stored filter is cut short")
    magic, version, width, size, fine, spam = HEADER.unpack_from(data)
    if (magic, version, size) != (MAGIC, VERSION, SLOTS) or width not in (b"H", b"I"):
        raise WrongModel("the stored filter is of another version")
    return width.decode(), fine, spam


def _read_counts(data: bytes, width: str) -> "array[int]":
    # The bound is set while unpacking: a damaged row cannot fill the memory.
    expected, unpacker = len(_empty(width)) * array(width).itemsize, zlib.decompressobj()
    try:
        raw = unpacker.decompress(data[HEADER.size :], expected + 1)
    except zlib.error as error:
        raise WrongModel("the stored filter is damaged") from error
    if len(raw) != expected or not unpacker.eof:
        raise WrongModel("the stored filter is damaged")
    return _little_endian(array(width, raw))

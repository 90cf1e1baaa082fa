"""Learn a site's taste from its moderators, and forget exactly what they take back.

The model is a sum. Each example adds one to the counts of its slots, as spam or as fine, and to their corrections
what the model had to be told: how far its score was from the decision, when that was made. The example keeps its
correction, so that the sum without it is the model that was never given it; sums commute, so processes may learn in
any order, and the same log gives the same bytes.
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
# normalisation by length), one vote per family; and a logistic regression by steps of its gradient, which learns
# only what that leaves unexplained. Numbers measured on shared/data/moderation, see docs.
SMOOTHING = 0.1
HALF_TRUST = 0.5  # a slot seen once counts two thirds, one seen ten times nearly whole
WEIGHTS = {"words": 0.35, "grams": 0.25, "facts": 0.35}
STEP = 3.0  # how far one example may move its own log odds, were the score quite wrong
UNIT = 4096  # corrections are whole numbers of this part, so that taking back is exact
ENOUGH = 5  # decisions of the rarer kind at which the score may go half of its way from 0.5

HEADER = Struct("<4sHcIII")
MAGIC = b"KAI1"
# The same, of sums that an example was taken from that is not in them: usable, and to be learnt again.
UNSOUND = b"KAI0"
# Two bytes for a count, four on the few sites where something occurred more often than that.
NARROW, WIDE, SIGNED = "H", "I", "i"
NARROW_MOST = 65_535


class WrongModel(ValueError):
    """The stored bytes are no model of this version: learn the log again."""


class NotLearnt(ValueError):
    """The example to be unlearnt was never learnt as this label."""


class Filter:
    """A site's model: two megabytes of sums, neutral until both kinds were seen."""

    def __init__(self) -> None:
        self.fine = 0
        self.spam = 0
        # False after an example was taken back that was not in the sums.
        self.sound = True
        # Fine and spam of a slot lie side by side: one cache line per look-up.
        self._counts = _empty(NARROW)
        self._corrections = array(SIGNED, bytes(SLOTS * array(SIGNED).itemsize))

    def learn(self, example: Example, *, spam: bool) -> int:
        """Add the example as spam or as fine; returns its correction, which `unlearn` must be given."""
        found = slots(example)
        correction = self.correction(found, spam=spam)
        self.add(found.all(), spam=spam, correction=correction)
        return correction

    def unlearn(self, example: Example, *, spam: bool, correction: int) -> None:
        """Take back one `learn` of the same example and label; NotLearnt, and no change, if none was."""
        found = slots(example).all()
        if not self._total(spam) or any(not self._counts[2 * slot + spam] for slot in found):
            raise NotLearnt("this example was not learnt with this label")
        self.add(found, spam=spam, correction=correction, step=-1)

    def score(self, example: Example) -> float:
        """Return how likely the example is spam, 0 to 1; 0.5 knows nothing."""
        return probability(self.evidence(slots(example)))

    def evidence(self, found: Slots) -> float:
        """Return the log odds for spam that these slots carry on this site."""
        votes = ((WEIGHTS[name], getattr(found, name)) for name in WEIGHTS)
        counted = sum(weight * self._vote(family) for weight, family in votes if family)
        return self.scale() * (counted + self._corrected(found))

    def weight(self, slot: int, family: str, found: Slots) -> float:
        """Return the part of `evidence` that one slot of a family carries."""
        counted = WEIGHTS[family] * self._leaning(slot) / sqrt(len(getattr(found, family)) + 1)
        return self.scale() * (counted + self._corrections[slot] / UNIT / _length(found))

    def correction(self, found: Slots, *, spam: bool) -> int:
        """Return what an example of these slots, decided like this now, adds to the corrections of each."""
        missed = spam - probability(self.evidence(found))
        return round(UNIT * STEP * self.scale() * missed / _length(found))

    def scale(self) -> float:
        """Return how far the evidence is believed: not at all until both kinds were seen."""
        seen = min(self.fine, self.spam)
        return seen / (seen + ENOUGH)

    def seen(self, slot: int) -> tuple[int, int]:
        """Return in how many (fine, spam) examples the slot occurred."""
        return self._counts[2 * slot], self._counts[2 * slot + 1]

    def dump(self) -> bytes:
        """Return the model as bytes; equal models give equal bytes."""
        width = NARROW if max(self._counts) <= NARROW_MOST else WIDE
        header = HEADER.pack(MAGIC if self.sound else UNSOUND, VERSION, width.encode(), SLOTS, self.fine, self.spam)
        parts = array(width, self._counts), array(SIGNED, self._corrections)
        return header + zlib.compress(b"".join(_little_endian(part).tobytes() for part in parts), 1)

    @classmethod
    def load(cls, data: bytes) -> "Filter":
        """Return the model that `dump` gave; WrongModel for anything else. b"" knows nothing yet."""
        model = cls()
        if data:
            width, model.fine, model.spam = _read_header(data)
            model.sound = data.startswith(MAGIC)
            model._counts, model._corrections = _read_sums(data, width)
        return model

    def add(self, found: Iterable[int], *, spam: bool, correction: int, step: int = 1) -> None:
        """Add an example by its slots, each of them once; a step of -1 takes it back.

        One that is not in the sums takes no count below zero, and `sound` tells that they are to be learnt again.
        """
        if self._may_overflow(spam, step):
            self._counts = array(WIDE, self._counts)
        counts, corrections = self._counts, self._corrections
        for slot in found:
            at = 2 * slot + spam
            if counts[at] or step > 0:
                counts[at] += step
                corrections[slot] += step * correction
            else:
                self.sound = False
        self._add_to_total(spam, step)

    def _may_overflow(self, spam: bool, step: int) -> bool:
        """Counts are at most the total, in sound sums."""
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
        # Divided by the root of the length: a long comment is not a surer one.
        counts, prior, total = self._counts, self._prior(), 0.0
        for slot in family:
            fine, spam = counts[2 * slot], counts[2 * slot + 1]
            if fine or spam:
                trust, lean = _parts(fine, spam)
                total += trust * (lean + prior)
        return total / sqrt(len(family) + 1)

    def _corrected(self, found: Slots) -> float:
        families = (found.words, found.grams, found.facts)
        return sum(sum(map(self._corrections.__getitem__, family)) for family in families) / UNIT / _length(found)

    def _leaning(self, slot: int) -> float:
        """The unweighted log odds of one slot by its counts, positive for spam."""
        fine, spam = self.seen(slot)
        if not fine and not spam:
            return 0.0
        trust, lean = _parts(fine, spam)
        return trust * (lean + self._prior())


def probability(evidence: float) -> float:
    """Return log odds as a probability, without overflow."""
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
    """Whether a model that begins so is of this version and sound; nothing stored is."""
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
    # The bound is set while unpacking: a damaged row cannot fill the memory.
    counted = 2 * SLOTS * array(width).itemsize
    expected, unpacker = counted + SLOTS * array(SIGNED).itemsize, zlib.decompressobj()
    try:
        raw = unpacker.decompress(data[HEADER.size :], expected + 1)
    except zlib.error as error:
        raise WrongModel("the stored filter is damaged") from error
    if len(raw) != expected or not unpacker.eof:
        raise WrongModel("the stored filter is damaged")
    return _little_endian(array(width, raw[:counted])), _little_endian(array(SIGNED, raw[counted:]))

"""Agreement of two people on the same things: Krippendorff's alpha for nominal values."""

from collections import Counter
from collections.abc import Mapping

Pairs = Mapping[tuple[str, str], int]


def alpha(pairs: Pairs) -> float | None:
    """1 if both always give the same value, 0 if they agree as often as chance would; None if nothing varies.

    `pairs` counts the things by the first and the second value that they got. Krippendorff, "Computing Krippendorff's
    Alpha-Reliability" (2011), part C: the case of two observers without missing values.
    """
    values: Counter[str] = Counter()
    differing = 0
    for (first, second), number in pairs.items():
        values[first] += number
        values[second] += number
        differing += number if first != second else 0
    given = values.total()
    by_chance = given**2 - sum(number**2 for number in values.values())
    return 1 - 2 * (given - 1) * differing / by_chance if by_chance else None


def about(value: str, pairs: Pairs) -> Counter[tuple[str, str]]:
    """The same pairs with two values only: this one, and any other."""
    found: Counter[tuple[str, str]] = Counter()
    for pair, number in pairs.items():
        first, second = ("this" if each == value else "other" for each in pair)
        found[first, second] += number
    return found


def number_with(value: str, pairs: Pairs) -> int:
    """Things that got this value at least once."""
    return sum(number for pair, number in pairs.items() if value in pair)

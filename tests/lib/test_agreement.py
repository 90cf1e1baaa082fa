"""Krippendorff's alpha: worked examples, limits, and the library `krippendorff` as an oracle."""

import random
from collections import Counter

import krippendorff
import pytest

from app.lib.agreement import about, alpha, number_with


def the_oracles(pairs: Counter[tuple[str, str]]) -> float:
    first, second = zip(*pairs.elements(), strict=True)
    data = [list(first), list(second)]
    return float(krippendorff.alpha(data, level_of_measurement="nominal", value_domain=sorted({*first, *second})))


def test_the_example_of_the_paper() -> None:
    """Krippendorff (2011), B: binary data of two observers."""
    first, second = "0100000001", "1110010000"
    assert alpha(Counter(zip(first, second, strict=True))) == pytest.approx(0.095, abs=0.0005)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ({}, None),
        ({("approved", "approved"): 9}, None),
        ({("approved", "approved"): 5, ("spam", "spam"): 5}, 1.0),
        ({("approved", "spam"): 1}, 0.0),
    ],
)
def test_without_variation_there_is_no_value(pairs: dict[tuple[str, str], int], expected: float | None) -> None:
    assert alpha(pairs) == expected


@pytest.mark.parametrize("seed", range(20))
def test_the_library_says_the_same_for_all_values_and_for_each(seed: int) -> None:
    chance = random.Random(seed)
    values = ["approved", "spam", "attack", "hate", "other"][: chance.randint(2, 5)]
    pairs: Counter[tuple[str, str]] = Counter()
    for _ in range(chance.randint(2, 200)):
        first = chance.choice(values)
        pairs[first, first if chance.random() < 0.7 else chance.choice(values)] += 1
    for each in (pairs, *(about(value, pairs) for value in values)):
        if (ours := alpha(each)) is not None:
            assert ours == pytest.approx(the_oracles(each), abs=1e-12)
    assert all(about(value, pairs).total() == pairs.total() >= number_with(value, pairs) for value in values)

"""Thresholds within a budget: of the next honest comments, at most one in N is above."""

import random

from app.spam.budget import FEWEST_SEEN, HOLD_FLOOR, NEVER, SPAM_FLOOR, Bands, Past, Scored


def past(one_in: int, scores: list[float], language: str = "ja", label: str = "fine") -> Past:
    found = Past(one_in)
    for score in scores:
        found.add(Scored(score, language, label))
    return found


def test_one_in_n_honest_comments_is_above() -> None:
    dice = random.Random(1)
    known = past(100, [])
    above = 0
    for number in range(20_000):
        score = dice.random()
        above += number >= 99 and score >= known.threshold("ja")
        known.add(Scored(score, "ja", "fine"))
    assert 0.008 < above / 20_000 < 0.011


def test_a_short_past_gives_no_threshold_then_a_careful_one_then_the_right_one() -> None:
    scores = [0.1 + number / 1000 for number in range(99)]
    assert past(100, scores[: FEWEST_SEEN - 1]).threshold("ja") == NEVER
    early, later = past(100, scores[:30]), past(100, scores[:60])
    assert early.threshold("ja") > later.threshold("ja") > 0.16
    assert (early.missing, past(100, scores).missing) == (69, 0)
    assert scores[-1] < past(100, scores).threshold("ja") < 0.199
    assert 0.195 < past(30, scores).threshold("ja") < scores[-2], "two of 99 are above"
    assert past(0, scores).threshold("ja") == NEVER


def test_spam_and_old_comments_do_not_count_and_undecided_ones_do() -> None:
    known = past(100, [0.99] * 500)
    for score in [0.1] * 500:
        known.add(Scored(score, "ja", "fine"))
    assert known.threshold("ja") < 0.11
    known.add(Scored(1.0, "ja", "spam"))
    assert known.threshold("ja") < 0.11
    for number in range(500):
        known.add(Scored(number / 1000, "ja", ""))
    assert 0.49 < known.threshold("ja") < 0.5 and known.honest == 500, "a busy site has no other ones in a week"


def test_a_minority_language_does_not_pay() -> None:
    """Honest comments in English on a Japanese site score higher, because they look unlike the others."""
    dice = random.Random(2)
    known, held = past(100, [dice.random() * 0.4 for _ in range(450)]), 0
    for _each in range(72):
        score = 0.3 + dice.random() * 0.6
        held += score >= known.threshold("en")
        known.add(Scored(score, "en", "fine"))
    assert held <= 7
    assert known.threshold("en") > 0.8 > 0.5 > known.threshold("ja")


def test_a_budget_stops_no_comment_that_is_probably_fine() -> None:
    hold, spam = past(100, [0.01] * 200), past(20, [0.01] * 200)
    assert Bands.of(hold, spam, "ja") == Bands(HOLD_FLOOR, SPAM_FLOOR)
    assert Bands.of(past(0, []), spam, "ja") == Bands(NEVER, SPAM_FLOOR)
    strict = past(100, [0.95] * 200)
    bands = Bands.of(strict, spam, "ja")
    assert bands.hold_from == bands.spam_from > 0.95

"""A moderator sees what an author changed."""

from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lib.diff import Change, between

CYCLE = "".join(map(chr, range(0x4E00, 0x4E00 + 110)))
SAME, GONE, NEW = Change.SAME, Change.GONE, Change.NEW


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        ("same", "same", [(SAME, "same")]),
        ("I like cats", "I love cats", [(SAME, "I "), (GONE, "like"), (NEW, "love"), (SAME, " cats")]),
        (
            "記事は参考になりました",
            "記事は退屈になりました",
            [(SAME, "記事は"), (GONE, "参考"), (NEW, "退屈"), (SAME, "になりました")],
        ),
        ("良い。", "良い。https://a.example", [(SAME, "良い。"), (NEW, "https://a.example")]),
        ("猫の話を読む", "犬の本を読む", [(GONE, "猫の話"), (NEW, "犬の本"), (SAME, "を読む")]),
        ("👨‍👩‍👧!", "👨‍👩‍👦!", [(GONE, "👨‍👩‍👧"), (NEW, "👨‍👩‍👦"), (SAME, "!")]),
        ("", "new", [(NEW, "new")]),
        ("a a", "a a a", [(SAME, "a a"), (NEW, " a")]),
    ],
)
def test_a_change_is_shown_where_it_is(before: str, after: str, parts: list[tuple[Change, str]]) -> None:
    assert between(before, after) == parts


@given(st.text("ab の。\n", max_size=40), st.text("ab の。\n", max_size=40))
def test_both_texts_are_there_completely(before: str, after: str) -> None:
    parts = between(before, after)
    assert "".join(text for change, text in parts if change != NEW) == before
    assert "".join(text for change, text in parts if change != GONE) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("あ" * 20_000, "い" * 20_000),
        ("あ" * 1_400 + "い", "う" + "あ" * 1_300),
        ("ab " * 700, "ba " * 700),
        ("ab " * 450, "ba " * 450),
        ("あいう" * 66, "うあい" * 66),
        (CYCLE * 9, CYCLE[::-1] * 9),
        (CYCLE * 9, (CYCLE[1::2] + CYCLE[::2]) * 9),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 1400))), "".join(map(chr, range(0x4E00 + 1400, 0x4E00, -1)))),
    ],
)
def test_no_text_makes_the_comparison_slow(before: str, after: str) -> None:
    started = thread_time()
    between(before, after)
    assert thread_time() - started < 1.5

"""Varied copies of spam share a key; different comments have different keys."""

import json
from pathlib import Path

import pytest

from app.lib.near_duplicates import key_of
from tests.growth import grows_straight

LONG = "Earn money from home with our new trading system, my sister Anna made a fortune in her first week of work"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Buy now 123!", "BUY   NOW 99999 🔥"),
        ("ﾊﾞｲﾄ募集！日給3万円", "バイト募集 日給 5 万円!!"),
        ("Cheap https://a.example/x watches", "cheap www.b.example/y?z=1 watches"),
        (f"{LONG} https://one.example", f"{LONG.upper()} — http://two.example/path 4711"),
    ],
)
def test_numbers_links_marks_and_width_make_no_difference(one: str, other: str) -> None:
    assert key_of(one) == key_of(other) != ""


def test_a_changed_name_rarely_parts_two_copies() -> None:
    names = ["Anna", "Maria", "Olga", "Keiko", "Yuki", "Petra", "Sofia", "Elena", "Ingrid", "Fatima"]
    keys = [key_of(LONG.replace("Anna", name)) for name in names]
    assert max(keys.count(key) for key in keys) >= len(names) // 2


def test_different_short_texts_differ() -> None:
    texts = ["賛成", "反対", "ありがとう", "Thanks", "Thanks a lot", "no", "yes"]
    assert len({key_of(text) for text in texts}) == len(texts)


def test_a_text_without_word_characters_has_no_key() -> None:
    assert {key_of(text) for text in ("", "123", "🔥🔥", "https://a.example")} == {""}


def test_a_long_text_takes_no_longer_than_it_is() -> None:
    assert grows_straight(key_of, "あいうえおかきくけこ" * 2000)


def texts_of(shared_data: Path, name: str) -> list[str]:
    lines = (shared_data / "moderation" / name).read_text().splitlines()
    return sorted({json.loads(line)["text"] for line in lines[:3000]})


def test_real_comments_do_not_collide(shared_data: Path) -> None:
    keys = [key_of(text) for text in texts_of(shared_data, "ham_hotel_reviews_ja.jsonl")]
    assert len(keys) > 500 and len(set(keys)) > len(keys) * 0.98


def test_a_real_flood_meets(shared_data: Path) -> None:
    texts = texts_of(shared_data, "unlabelled_youtube_comments_part.jsonl")
    flood = [key_of(text) for text in texts if text.startswith("GUYS GUYS")]
    assert len(flood) > 50 and flood.count(max(flood, key=flood.count)) > 0.9 * len(flood)

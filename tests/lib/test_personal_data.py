"""Personal data in texts: 200 cases in Japanese and English, texts that look alike, and real ones."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.lib import markup, personal_data

CASES = Path(__file__).parent / "cases"
FIND: dict[str, Callable[[str], list[str]]] = {
    "phone": personal_data.phone_numbers,
    "address": personal_data.postal_addresses,
    "number": personal_data.my_numbers,
    "email": personal_data.email_addresses,
}
# Ordinary sentences; other sets contain real numbers and addresses.
ORDINARY = ("ham_hotel_reviews_ja", "tox_inspection_ja", "spam_youtube_en", "spam_sms_en")


def lines(name: str) -> list[str]:
    return [line for line in (CASES / name).read_text().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("kind", FIND)
def test_each_kind_is_found_in_both_languages(kind: str) -> None:
    texts = [text for each, _tab, text in (line.partition("\t") for line in lines("personal_data.txt")) if each == kind]
    missed = [text for text in texts if not FIND[kind](text)]
    assert len(texts) >= 50
    assert len(missed) * 20 <= len(texts), missed


def test_each_passage_stands_in_the_text() -> None:
    for line in lines("personal_data.txt"):
        kind, _tab, text = line.partition("\t")
        assert all(found in text for found in FIND[kind](text))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("phone", "090\n1234\n5678"),
        ("phone", "090-1234-\n5678"),
        ("address", "東京都港区\n芝公園4-2-8"),
        ("number", "マイナンバー\n1234\n5678\n9018"),
    ],
)
def test_line_breaks_do_not_hide_them_and_each_line_is_marked(kind: str, text: str) -> None:
    (passage,) = FIND[kind](text)
    assert markup.marked(markup.render_clean(text), [passage]).count("<mark>") == len(passage.splitlines())


def test_texts_that_look_alike_have_none() -> None:
    found = {text: each(text) for text in lines("no_personal_data.txt") for each in FIND.values() if each(text)}
    assert not found
    # Four digits in three lines are a My Number only beside a word for it.
    assert not personal_data.my_numbers("1234\n5678\n9018")


def test_ordinary_sentences_have_none(shared_data: Path) -> None:
    texts, found = 0, []
    for name in ORDINARY:
        for line in (shared_data / "moderation" / f"{name}.jsonl").read_text().splitlines():
            row = json.loads(line)
            if row.get("label") != "spam":
                texts += 1
                found += [hits for each in FIND.values() if (hits := each(row["text"]))]
    assert texts > 10_000
    assert len(found) * 1000 <= texts, found


@pytest.mark.parametrize(("number", "right"), [("123456789018", True), ("123456789012", False)])
def test_the_check_digit_of_a_my_number(number: str, right: bool) -> None:
    assert personal_data.has_check_digit(number) == right

"""Cleaning of names and bodies removes only deceptive characters; comparison works for Japanese."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lib import grapheme
from app.lib.text import clean_body, clean_line, excerpt, fold, is_blank, link_spans, links_in
from tests.growth import grows_straight

FAMILY = "👨‍👩‍👧"
WALES = "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
KEPT_NAMES = [
    "田中 花子", "渡邉", "神田", "葛\U000e0100城", "ジョージ・ワシントン", "Zoë O'Brien", "Nguyễn Thị Hương",
    "עִבְרִית", "علی\u200cرضا", "ශ්\u200dරී ලංකා", "क्ष", f"Anna {FAMILY}", WALES, "한국어", "ไทย", "👍🏽",
]  # fmt: skip


@pytest.mark.parametrize("name", KEPT_NAMES)
def test_names_of_the_world_stay_as_their_bearers_write_them(name: str) -> None:
    assert clean_line(name) == name
    assert clean_body(name) == name


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ad\u200cmin", "admin"),
        ("ad\u200bmin\ufeff", "admin"),
        ("\u202enimda", "nimda"),
        ("a\u2066b\u2069\u200f", "ab"),
        ("a\U000e0041\U000e0042", "a"),
        ("a\nb\r\n\tc\u2028d\x85e", "a b c d e"),
        ("\x00a\x1b[31m", "a[31m"),
        ("\u3164\u115f\uffa0", ""),
        ("\ufdd0\uffff\U0010ffff\ud800a", "a"),
        ("か\u3099", "が"),
        ("神", "神"),
        ("a" + "\u0301" * 100, "á" + "\u0301" * 8),
    ],
)
def test_names_lose_invisible_characters(typed: str, kept: str) -> None:
    assert clean_line(typed) == kept


@given(st.text(alphabet=st.characters()))
def test_a_cleaned_line_is_one_line_without_controls_and_stays(text: str) -> None:
    line = clean_line(text)
    assert not set(line) & set("\n\r\t\x00\u202e\u2066\u2069\u200b\u2028\U000e0001")
    assert line == line.strip() and clean_line(line) == line
    line.encode()


@given(st.text(alphabet=st.characters() | st.sampled_from("\u2066\u2067\u2069\n\u202e")))
def test_a_cleaned_body_can_be_stored_and_stays(text: str) -> None:
    body = clean_body(text)
    assert not set(body) & set("\r\x00\u202e\u202a\u202c\u200b\U000e0001")
    assert all(line.count("\u2066") + line.count("\u2067") + line.count("\u2068") == line.count("\u2069")
               for line in body.split("\n"))  # fmt: skip
    assert clean_body(body) == body
    body.encode()


def test_a_body_keeps_its_lines_and_closed_isolates() -> None:
    assert clean_body("　一行目\r\n\r\n\t二行目\r三") == "　一行目\n\n\t二行目\n三"
    assert clean_body("a \u2067שלום\u2069 b \u2066c\nd\u2069") == "a \u2067שלום\u2069 b c\nd"


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("abc", 3), ("賛成", 2), (FAMILY, 1), (WALES, 1), ("か\u3099", 1), ("e\u0301", 1),
    ("葛\U000e0100", 1),
     ("👍🏽🇯🇵", 2), ("a\nb", 3), ("a\r\nb", 3), ("ｶﾞ", 1)],
)  # fmt: skip
def test_lengths_are_what_people_count(text: str, count: int) -> None:
    assert grapheme.count(text) == count


def test_an_excerpt_never_cuts_a_character_in_two() -> None:
    assert excerpt("賛成です。", 5) == "賛成です。"
    assert excerpt("賛成です。", 4) == "賛成で…"
    assert excerpt(f"ab{FAMILY}{FAMILY}cd", 4) == f"ab{FAMILY}…"
    assert excerpt("one\ntwo  three", 20) == "one two three"
    assert excerpt("one two", 5) == "one…"
    assert excerpt("ab", 1) == "…"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ﾊﾞｶ", "ばか"),
        ("バカ", "ばか"),
        ("ハ゛カ", "ばか"),
        ("は\u200b゛か", "ばか"),
        ("ば\u3099か", "ばか"),
        ("あ゛ほ", "あほ"),
        ("Ｖｉａｇｒａ", "viagra"),
        ("V\u200bI\u00adA\u2060GRA", "viagra"),
        ("v\u0335i\u0336a\u0337gra", "viagra"),
        ("Café", "CAFE"),
        ("STRASSE", "straße"),
        ("İstanbul", "istanbul"),
        ("㍿会話", "株式会社会話"),
        ("①", "1"),
        ("ヴァイオリン", "ゔぁいおりん"),
        ("一　二\n三", " 一 二 三 "),
        ("葛\U000e0100", "葛"),
        ("עִבְרִית", "עברית"),
        ("𝓯𝓻𝓮𝓮", "free"),
    ],
)
def test_a_word_written_otherwise_is_the_same_word(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("か", "が"), ("ハ", "パ"), ("ば", "ぱ"), ("ｶ", "ｶﾞ"), ("は", "ハ゛"), ("мой", "мои"), ("कि", "कु"),
    ("กิ", "กี"),
     ("つ", "っ"), ("死ね", "死")],
)  # fmt: skip
def test_another_word_stays_another_word(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text(alphabet=st.characters() | st.sampled_from("かガｶﾞ゛\u3099\u309a\u0301\u200dİйΣ")))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("詳細はhttps://example.jp/。次", ["https://example.jp/"]),
        ("（https://example.jp/a）と「https://example.jp/b」", ["https://example.jp/a",
        "https://example.jp/b"]), ("https://example.jp、https://example.com", ["https://example.jp",
        "https://example.com"]), ("https://example.jpについて", ["https://example.jp"]),
        ("https://日本語.jpです", ["https://日本語.jp"]),
        ("https://example.jp/を見て", ["https://example.jp/"]),
        ("https://example.jp/newsを読んで", ["https://example.jp/news"]),
        ("https://example.jp/?v=abc参照", ["https://example.jp/?v=abc"]),
        ("https://example.jp/?q=東京の天気！", ["https://example.jp/?q=東京の天気"]),
        ("https://ja.wikipedia.org/wiki/日本", ["https://ja.wikipedia.org/wiki/日本"]),
        ("https://ja.wikipedia.org/wiki/2024年の日本 参照", ["https://ja.wikipedia.org/wiki/2024年の日本"]),
        ("https://ja.wikipedia.org/wiki/ラーメン・餃子", ["https://ja.wikipedia.org/wiki/ラーメン・餃子"]),
        ("https://ru.wikipedia.org/wiki/Москва.", ["https://ru.wikipedia.org/wiki/Москва"]),
        ("https://en.wikipedia.org/wiki/Go_(game)", ["https://en.wikipedia.org/wiki/Go_(game)"]),
        ("(see https://example.com/a_b?c[]=d&e=f#g.)", ["https://example.com/a_b?c[]=d&e=f#g"]),
        ("**https://example.com/a**, <https://example.com/b>",
         ["https://example.com/a", "https://example.com/b"]),
        ("[a](http://example.com) www.example.org", ["http://example.com", "www.example.org"]),
        ("HTTPS://EXAMPLE.COM:8080/a", ["HTTPS://EXAMPLE.COM:8080/a"]),
        ("http://localhost ftp://example.com xhttp://example.com https://", []),
        ("alice@www.example.com", []),
        ("", []),
    ],
)  # fmt: skip
def test_links_end_where_people_see_them_end(text: str, links: list[str]) -> None:
    assert links_in(text) == links


def test_text_that_resembles_a_url_is_not_linked() -> None:
    assert list(link_spans("www.example.com")) == []
    assert list(link_spans("www.example.com", bare=True)) == [(0, 15)]


@pytest.mark.parametrize(
    "shape", ["http://a.b/((((", "www.", "http://www.", "http://a.b.", "http://a.b/あ", "a.", ")", "."]
)
def test_finding_links_takes_time_in_proportion(shape: str) -> None:
    many = "http://a.b/" + (shape * 20_000)[:20_000]
    assert grows_straight(links_in, many)


def test_nothing_to_see_is_blank() -> None:
    assert is_blank("") and is_blank(" \n　\u200b\u2800\u3164\ufe0f\u0301")
    assert not is_blank("。") and not is_blank("👍")

"""The language of a comment, by the script that it is written in."""

import pytest

from app.lib.script import written_in


@pytest.mark.parametrize(
    ("html", "site", "lang"),
    [
        ("<p>これは大切です</p>", "en", "ja"),
        ("<p>Ｔシャツ</p>", "en", "ja"),
        ("<p>I ate すし and it was lovely, thank you for the tip</p>", "en", "en"),
        ("<p>Good article, thanks</p>", "en", "en"),
        ("<p>Bom artigo</p>", "pt-BR", "pt-BR"),
        ("<p>Good article, thanks</p>", "ja", ""),
        ("<p>賛成</p>", "ja", "ja"),
        ("<p>贊成</p>", "zh-Hant", "zh-Hant"),
        ("<p>贊成</p>", "en", "zh"),
        ("<p>안녕하세요</p>", "en", "ko"),
        ("<p>שלום 123 (abc) עולם!</p>", "en", "he"),
        ("<p>مرحبا</p>", "en", "ar"),
        ("<p>سلام</p>", "fa", "fa"),
        ("<p>Привет</p>", "en", "ru"),
        ("<p>Привіт</p>", "uk", "uk"),
        ("<p>123 👍</p>", "ja", "ja"),
        ('<p><a href="https://example.org/a/very/long/address" rel="nofollow">見てね</a></p>', "en", "ja"),
        ("", "en", "en"),
    ],
)
def test_the_script_tells_the_language_or_else_the_site_does(html: str, site: str, lang: str) -> None:
    assert written_in(html, site) == lang

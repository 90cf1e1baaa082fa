"""The language of short texts."""

import pytest

from app.lib.tongue import READ, tongue


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("とても参考になりました", "ja"),
        ("この car は best です", "ja"),
        ("기사 잘 읽었습니다", "ko"),
        ("Это очень хорошо", "ru"),
        ("The ferry was late and that is not good", "en"),
        ("Ich finde das nicht gut", "de"),
        ("Je ne suis pas de cet avis", "fr"),
        ("video ini bagus banget, saya suka", "id"),
        ("Sản phẩm rất tốt", "vi"),
        ("Lorem ipsum", "latin"),
        ("https://example.com/the-of-and", "ja"),
        ("😀 12!", "ja"),
        ("", "ja"),
        ("東京", "ja"),
    ],
)
def test_a_text_has_the_language_of_its_script_or_words(text: str, tag: str) -> None:
    assert tongue(text, "ja") == tag


@pytest.mark.parametrize(
    ("text", "usual", "tag"),
    [
        ("Lorem ipsum", "en", "en"),
        ("video ini", "en", "en"),
        ("video ini bagus dan lucu banget", "en", "id"),
        ("Muito obrigado", "pt-BR", "pt"),
        ("东京", "zh-Hans", "zh"),
        ("Це дуже добре", "uk", "uk"),
    ],
)
def test_in_doubt_it_is_the_usual_language(text: str, usual: str, tag: str) -> None:
    assert tongue(text, usual) == tag


def test_only_the_beginning_is_read() -> None:
    assert tongue("a " * READ + "とても", "ja") == "latin"

"""The language that a comment is written in, as far as its script tells; for its `lang` attribute."""

import regex

TAGS = regex.compile(r"<[^<>]*>")
LATIN = regex.compile(r"\p{Latin}")
HAN = regex.compile(r"\p{Han}")
# A script that one language uses, or nearly one.
BY_SCRIPT = {
    "ja": regex.compile(r"[\p{Hiragana}\p{Katakana}]"),
    "ko": regex.compile(r"\p{Hangul}"),
    "he": regex.compile(r"\p{Hebrew}"),
    "th": regex.compile(r"\p{Thai}"),
    "ar": regex.compile(r"\p{Arabic}"),
    "ru": regex.compile(r"\p{Cyrillic}"),
}
# Other languages of these scripts: the site's own language is right where it is one of them.
SHARED = {"ar": {"fa", "ur", "ps", "ug", "ckb"}, "ru": {"uk", "bg", "sr", "be", "mk", "kk"}, "he": {"yi"}}
# Languages that are not written in Latin letters: such a site knows nothing of a comment in these.
NOT_LATIN = {*BY_SCRIPT, *(tag for tags in SHARED.values() for tag in tags), "zh", "el", "hi"}


def written_in(html: str, usual: str) -> str:
    """Return the tag of a text's language: by its script, else `usual`, the site's; '' when neither is likely.

    A foreign word in a comment changes nothing: a script must have a third as many letters as Latin has.
    """
    text = TAGS.sub("", html)
    latin, language = len(LATIN.findall(text)), usual.split("-")[0]
    for tag, letters in BY_SCRIPT.items():
        if (count := len(letters.findall(text))) and count * 3 >= latin:
            return usual if language in SHARED.get(tag, ()) or language == tag else tag
    if HAN.search(text) and not latin:
        return usual if language in ("ja", "zh") else "zh"
    return "" if latin and language in NOT_LATIN else usual

"""The language that a comment is written in, as far as its script tells."""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

import regex
from babel import Locale, UnknownLocaleError
from babel.core import get_global

from app.lib.text import without_links

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


# Scripts by ISO 15924; some codes are for several.
SCRIPTS = {
    "Jpan": ("Hira", "Kana", "Hani"),
    "Kore": ("Hang", "Hani"),
    "Hans": ("Hani", "Bopo"),
    "Hant": ("Hani", "Bopo"),
}
CODES = {
    "latin": "Latn", "han": "Hani", "hangul": "Hang", "cyrillic": "Cyrl", "greek": "Grek", "arabic": "Arab",
    "hebrew": "Hebr", "devanagari": "Deva", "thai": "Thai",
}  # fmt: skip
NAMED = {
    "kana": regex.compile(r"[\p{Hiragana}\p{Katakana}]"),
    **{name: regex.compile(rf"\p{{Script={code}}}") for name, code in CODES.items()},
}
LETTER = regex.compile(r"\p{L}")
# Fewer letters are a name or a greeting, which readers write in any script.
FEWEST_LETTERS = 20
READ = 4_000  # characters


def foreign_script(text: str, languages: Iterable[str]) -> str:
    """Name of the script that nearly all of a text is in, unless one of these languages is written in it; else ''.

    Names are the keys of `NAMED`, or "other". Links do not count. Chinese characters without any kana are foreign to
    Japanese.
    """
    letters = "".join(LETTER.findall(without_links(text[:READ])))
    if len(letters) < FEWEST_LETTERS:
        return ""
    counts = Counter({name: len(pattern.findall(letters)) for name, pattern in NAMED.items()})
    own = [_characters_of(tag) for tag in languages if tag]
    if any(len(pattern.findall(letters)) * 10 >= len(letters) for pattern in own):
        only_japanese = {tag.split("-")[0] for tag in languages if tag} == {"ja"}
        return "han" if only_japanese and not counts["kana"] and counts["han"] * 10 >= 9 * len(letters) else ""
    name, count = counts.most_common(1)[0]
    return name if count else "other"


def is_script_of(name: str, tag: str) -> bool:
    """True if the language is written in this script (a key of `NAMED`)."""
    codes = {"kana": ("Hira", "Kana")}.get(name, (CODES.get(name, ""),))
    return bool({*codes} & {*_codes_of(tag)})


@lru_cache
def _characters_of(tag: str) -> "regex.Pattern[str]":
    """The characters of a language's scripts."""
    return regex.compile("|".join(rf"\p{{Script={code}}}" for code in _codes_of(tag)))


def _codes_of(tag: str) -> tuple[str, ...]:
    """Scripts of a language, by CLDR's likely subtags."""
    code = _script_code(tag)
    return SCRIPTS.get(code, (code,))


def _script_code(tag: str) -> str:
    try:
        locale = Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError):
        return "Latn"
    likely = get_global("likely_subtags").get(locale.language, "")
    return locale.script or next((part for part in likely.split("_") if len(part) == 4), "Latn")

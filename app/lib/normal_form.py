"""Unicode normal forms in linear time for any input."""

import unicodedata
from typing import Literal

import regex

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]

# unicodedata sorts each run of combining marks by insertion: 100,000 alternating marks take ten seconds. The
# Stream-Safe Text Format (UAX 15, 13) allows runs of 30; the rest is dropped.
LONGEST_RUN = 30
# Sorted characters: combining classes above 0, Tibetan vowels that decompose to them, half-width voicing marks in the
# compatibility forms.
MARKS = r"[^\p{ccc=0}]\u0f73\u0f75\u0f81"
COMPATIBILITY_MARKS = rf"{MARKS}\uff9e\uff9f"


def _too_long(marks: str) -> "regex.Pattern[str]":
    # Without the lookbehind, each mark of a run would be tried as a start.
    return regex.compile(rf"(?<![{marks}])([{marks}]{{{LONGEST_RUN}}})[{marks}]+", flags=regex.V1)


LONG_RUN = {
    "NFC": _too_long(MARKS),
    "NFD": _too_long(MARKS),
    "NFKC": _too_long(COMPATIBILITY_MARKS),
    "NFKD": _too_long(COMPATIBILITY_MARKS),
}


def normalised(form: Form, s: str) -> str:
    return s if s.isascii() else unicodedata.normalize(form, LONG_RUN[form].sub(r"\1", s))

"""Unicode normal forms in linear time, whatever a stranger sends."""

import unicodedata
from typing import Literal

import regex

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]

# unicodedata sorts each run of combining marks by insertion, which takes time by the square of the run: 100,000
# marks of two classes in turn cost ten seconds. No text needs a run longer than the 30 of the Stream-Safe Text
# Format (UAX 15, 13); of a longer one the first 30 stay, in their order.
LONGEST_RUN = 30
# What is sorted: combining classes above 0, and the Tibetan vowels that decompose to such. The half-width voicing
# marks become such in the compatibility forms.
MARKS = r"[^\p{ccc=0}]\u0f73\u0f75\u0f81"
COMPATIBILITY_MARKS = rf"{MARKS}\uff9e\uff9f"


def _too_long(marks: str) -> "regex.Pattern[str]":
    # The look behind: else each mark of a run that is just short enough would be tried as a beginning.
    return regex.compile(rf"(?<![{marks}])([{marks}]{{{LONGEST_RUN}}})[{marks}]+", flags=regex.V1)


LONG_RUN = {
    "NFC": _too_long(MARKS),
    "NFD": _too_long(MARKS),
    "NFKC": _too_long(COMPATIBILITY_MARKS),
    "NFKD": _too_long(COMPATIBILITY_MARKS),
}


def normalised(form: Form, s: str) -> str:
    """Return the text in this normal form; of a run of more than LONGEST_RUN marks, the rest is left out."""
    return s if s.isascii() else unicodedata.normalize(form, LONG_RUN[form].sub(r"\1", s))

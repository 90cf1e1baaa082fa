"""Detect names without visible characters."""

import regex

from app.lib.text import is_blank

# Shown as nothing or an empty box: private use, unassigned and format characters, and some blank signs.
UNSEEN = regex.compile(
    r"[\p{Co}\p{Cn}\p{Cs}\p{Cc}\p{Cf}\s\u2800\ufffc\U0001d159\U00013441\U00013442\p{M}\p{Default_Ignorable_Code_Point}]*+"
)


def is_invisible(name: str) -> bool:
    """True for a name of spaces, marks, fillers and the like; False for ''."""
    return bool(name) and (is_blank(name) or UNSEEN.fullmatch(name) is not None)

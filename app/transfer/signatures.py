"""How a text file tells which program wrote it: patterns that all must be in its beginning.

In JSON a quotation mark inside a string has a backslash, so the text of a comment contains no key.
"""

import re

SIGNATURES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("cusdis", (r"\A[{\[]", r'"by_nickname"\s*:', r'"content"\s*:')),
    ("cusdis", (r'(?m)^(?:CREATE TABLE|COPY) (?:"?\w+"?\.)?"?comments"? \(', r"\bby_nickname\b")),
)

_PATTERNS = tuple((name, tuple(map(re.compile, patterns))) for name, patterns in SIGNATURES)


def program(head: str) -> str | None:
    head = head.lstrip("\ufeff \t\r\n")
    return next((name for name, patterns in _PATTERNS if all(each.search(head) for each in patterns)), None)

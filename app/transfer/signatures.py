"""How a text file tells which program wrote it: patterns that all must be in its beginning.

In JSON a quotation mark inside a string has a backslash, so the text of a comment contains no key.
"""

import re

SIGNATURES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("waline", (r"\A\{", r'"type"\s*:\s*"waline"')),
    ("waline", (r'\A(?=[^\n]*\bnick\b)(?=[^\n]*\bcomment\b)(?=[^\n]*\burl\b)"?\w+"?,',)),
    ("comentario", (r"\A\{", r'"version"\s*:\s*3\b', r'"(?:pages|comments|commenters)"\s*:')),
    ("twikoo", (r"\A[\[{]", r'"_id"\s*:', r'"nick"\s*:', r'"comment"\s*:', r'"created"\s*:')),
    ("artalk", (r"\A[\[{]", r'"page_key"\s*:', r'"content"\s*:')),
    ("cusdis", (r"\A[{\[]", r'"by_nickname"\s*:', r'"content"\s*:')),
    ("coral", (r"\A[{\[]", r'"storyID"\s*:', r'"revisions"\s*:')),
    ("coral", (r"\A[{\[]", r'"commentCounts"\s*:', r'"tenantID"\s*:')),
    ("hyvor", (r"\A[\[{]", r'"body_html"\s*:', r'"(?:htid|has_mod_seen|parent_ids)"\s*:')),
    ("github", (r"\A[\[{]", r'"discussions"\s*:\s*\{', r'"nodes"\s*:')),
    ("github", (r"\A\[", r'"author_association"\s*:', r'"body"\s*:')),
    ("blogger", (r"\A(?:<[?!][^>]{0,2000}>\s*){0,5}<feed[\s>]", r"blogger\.com,1999:|schemas\.google\.com/blogger/")),
    ("cusdis", (r"\A[^<{\[]", r'(?m)^(?:CREATE TABLE|COPY) (?:"?\w+"?\.)?"?comments"? \(', r"\bby_nickname\b")),
)

_PATTERNS = tuple((name, tuple(map(re.compile, patterns))) for name, patterns in SIGNATURES)


def program(head: str) -> str | None:
    head = head.lstrip("\ufeff \t\r\n")
    return next((name for name, patterns in _PATTERNS if all(each.search(head) for each in patterns)), None)

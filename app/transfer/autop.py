"""Convert WordPress's stored line breaks to paragraphs, like `wpautop` (wp-includes/formatting.php).

In one linear pass: a blank line starts a paragraph, a single newline breaks the line, block elements and `<pre>` stay
unchanged.
"""

import re
from collections.abc import Iterator

_BLOCKS = (
    "address|article|aside|blockquote|caption|center|col|colgroup|dd|details|div|dl|dt|fieldset|figcaption"
    "|figure|footer|form|h[1-6]|header|hr|li|nav|ol|p|pre|section|summary|table|tbody|td|tfoot|th|thead|tr|ul"
)
_BLOCK = re.compile(rf"<(/?)({_BLOCKS})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_BREAK = re.compile(r"<br[ \t]*/?>[ \t]*\n?", re.IGNORECASE)
_HOLDS_BLOCKS_ONLY = frozenset(["ul", "ol", "dl", "table", "thead", "tbody", "tfoot", "tr", "colgroup"])
_HOLDS_LINES = frozenset(["p", "li", "dd", "dt", "td", "th", "caption", "figcaption", "summary"])
_HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6"])


def paragraphs(text: str) -> str:
    """The HTML that WordPress shows for stored HTML."""
    return "\n".join(_runs(text.replace("\r\n", "\n").replace("\r", "\n")))


def _runs(text: str) -> Iterator[str]:
    """The texts between block tags, converted as their element requires."""
    inside, at = "", 0
    for tag in _BLOCK.finditer(text):
        if inside == "pre" and tag[2].lower() != "pre":
            continue
        yield from _shown(text[at : tag.start()], inside)
        yield tag[0]
        inside = "" if tag[1] else tag[2].lower()
        at = tag.end()
    yield from _shown(text[at:], inside)


def _shown(run: str, inside: str) -> Iterator[str]:
    if inside == "pre":
        yield run
    elif not run.strip():
        return
    elif inside in _HOLDS_BLOCKS_ONLY:
        yield run.strip()
    elif inside in _HOLDS_LINES or inside in _HEADINGS:
        yield "<br>\n".join(line for group in _groups(run) for line in group)
    else:
        yield from ("<p>" + "<br>\n".join(group) + "</p>" for group in _groups(run))


def _groups(run: str) -> Iterator[list[str]]:
    group: list[str] = []
    for line in _BREAK.sub("\n", run).split("\n"):
        if line.strip():
            group.append(line.strip())
        elif group:
            yield group
            group = []
    if group:
        yield group

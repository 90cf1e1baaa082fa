"""Split HTML of any origin into texts and tags, in linear time."""

from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

import regex

HIDDEN = "iframe noembed noframes noscript script style template textarea title"
HIDDEN_ENDS = {each: regex.compile(rf"</{each}(?=[\s/>])", regex.I) for each in HIDDEN.split()}

# HTML, 13.2.5. Possessive quantifiers: no backtracking.
_ATTRIBUTE = r"""([^\s/>][^\s/>=]*+)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+)?+)?+"""
ATTRIBUTE = regex.compile(_ATTRIBUTE)
TAG = regex.compile(rf"<(?P<close>/?)(?P<name>[a-z][^\s/>]*+)(?P<rest>(?:[\s/]++|{_ATTRIBUTE})*+)>", regex.I)
OPENS_TAG = regex.compile("</?[a-z]", regex.I)
COMMENT = regex.compile(r"<[!?]|</[^a-z]", regex.I)


class Token(NamedTuple):
    """A text (`name` is '') or a tag: lower-case name, whether it is an end tag, raw attributes."""

    text: str
    name: str = ""
    is_end: bool = False
    attributes: str = ""


def attribute(attributes: str, wanted: str) -> str:
    """An attribute's value, or ''. As in browsers, the first of a name counts."""
    for match in ATTRIBUTE.finditer(attributes):
        if match[1].lower() == wanted:
            value = match[2] or ""
            return unescape(value[1:-1] if value[:1] in ('"', "'") else value)
    return ""


def tokens(html: str) -> Iterator[Token]:
    """Yield texts (with entities) and tags, without comments, scripts and styles."""
    start = here = 0
    while (here := html.find("<", here)) >= 0:
        tag = TAG.match(html, here)
        if tag:
            name = tag["name"].lower()
            yield Token(html[start:here])
            yield Token("", name, bool(tag["close"]), tag["rest"])
            start = here = _after_hidden(html, name, tag.end()) if not tag["close"] else tag.end()
        elif COMMENT.match(html, here):
            yield Token(html[start:here])
            start = here = _after_comment(html, here)
        elif OPENS_TAG.match(html, here):
            break  # an unclosed tag: browsers drop the rest too
        else:
            here += 1
    yield Token(html[start:])


def _after_comment(html: str, here: int) -> int:
    end, length = (html.find("-->", here + 2), 3) if html.startswith("<!--", here) else (html.find(">", here), 1)
    return end + length if end >= 0 else len(html)


def _after_hidden(html: str, name: str, here: int) -> int:
    if name not in HIDDEN_ENDS:
        return here
    end = HIDDEN_ENDS[name].search(html, here)
    return end.start() if end else len(html)

"""Turn typed Markdown and HTML of other systems into safe HTML; no other module does.

Two independent steps, each sufficient: `markdown` or `html_reducer` write a few balanced elements; then bleach parses
them like a browser and applies its allowlist.
"""

import re
import threading
from collections.abc import Iterable, Iterator
from html import escape, unescape
from itertools import islice
from typing import Any

from bleach.html5lib_shim import Filter
from bleach.sanitizer import Cleaner

from app.lib.html_reader import Token, attribute, tokens
from app.lib.html_reducer import REL, REPLACEMENTS, reduce_html
from app.lib.markdown import ReaderMarkdown
from app.lib.text import clean_body
from app.lib.urls import safe_href

RENDERER = 1  # raised with each change of render(), to find older HTML

ADOPTED = 0  # HTML of another system, which has no Markdown body

TAGS = frozenset(["p", "br", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "a", "del"])

# A text with more of these is code, a drawing or an attack (up to 80 µs each); it is shown as typed.
MARK = re.compile(r"[*_~`\[\]\\<>&\n]|(?<=\])\(|(?<=\]\().|h(?=ttps?://)|://", re.I)
MAX_MARKS = 1000
TAG_OR_ENTITY = re.compile("[<&]")

# Most comments are paragraphs of escaped text, which bleach would not change but which took half the time of an import.
# No backtracking; not possessive, because CPython 3.11.7 accepted a lone <p> with that.
PARAGRAPHS = re.compile("(?:<p>[^<>&]*(?:(?:&(?:amp|lt|gt);|<br>)[^<>&]*)*</p>\n?)*")


def render(body: str) -> str:
    """Return a Markdown body as safe HTML.

    Never raises: text with too deep nesting or too many marks is shown as typed. Linear; forms limit the length.
    `sanitise` leaves the result unchanged.
    """
    return render_clean(clean_body(body))


def render_clean(body: str) -> str:
    """`render` for a result of `clean_body`, without cleaning it again."""
    if _too_many(MARK, body):
        return _as_typed(body)
    html = _markdown().html(body)
    return _as_typed(body) if html is None else sanitise(html)


def sanitise(html: str, *, newlines: bool = False) -> str:
    """Return HTML of another system as similar-looking safe HTML.

    `newlines`: line ends become breaks and paragraphs, as in WordPress. Scripts and styles are left out.
    """
    html = reduce_html(html, newlines=newlines)
    if PARAGRAPHS.fullmatch(html):
        return html
    return _as_typed(plain(html)) if _too_many(TAG_OR_ENTITY, html) else _cleaner().clean(html)


def has_tags(text: str) -> bool:
    """True for HTML, false for text with a <."""
    return any(token.name in REPLACEMENTS for token in tokens(text))


def _too_many(mark: re.Pattern[str], text: str) -> bool:
    return sum(1 for _ in islice(mark.finditer(text), MAX_MARKS + 1)) > MAX_MARKS


def _as_typed(text: str) -> str:
    text = _without_blank_end(text.strip("\n"))
    return f"<pre>{escape(text, quote=False)}</pre>" if text else ""


def _without_blank_end(text: str) -> str:
    """Without blank lines at the end, which `plain` leaves out as well."""
    end = len(text.rstrip(" \n"))
    return text[:end] + text[end:].partition("\n")[0]


def plain(html: str) -> str:
    """Safe HTML as plain text for email and feeds: quotes with >, lists with - or 1., links in <>."""
    text = PlainText()
    for token in tokens(html):
        if not token.name:
            text.add(unescape(token.text))
        elif token.is_end:
            text.end(token.name)
        else:
            text.begin(token.name, token.attributes)
    return text.finished()


def marked(html: str, words: Iterable[str]) -> str:
    """Safe HTML with <mark> around these words, in texts only; of several lines, each is marked."""
    lines = {line for word in words for line in word.splitlines() if line.strip()}
    found = "|".join(map(re.escape, sorted(lines, key=len, reverse=True)))
    if not found:
        return html
    return "".join(_tag(token) if token.name else _with_marks(token.text, re.compile(found)) for token in tokens(html))


def _tag(token: Token) -> str:
    return f"</{token.name}>" if token.is_end else f"<{token.name}{token.attributes}>"


def _with_marks(text: str, found: re.Pattern[str]) -> str:
    typed, parts, last = unescape(text), [], 0
    for match in found.finditer(typed):
        parts += [escape(typed[last : match.start()], quote=False), f"<mark>{escape(match[0], quote=False)}</mark>"]
        last = match.end()
    return "".join([*parts, escape(typed[last:], quote=False)])


class LinkFilter(Filter):
    """Set `rel` on every link."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for token in super().__iter__():
            if token["type"] == "StartTag" and token["name"] == "a":
                token["data"][(None, "rel")] = REL
            yield token


def _is_allowed(tag: str, name: str, value: str) -> bool:
    """Stricter than bleach, which allows relative URLs and scheme:1. Values contain entities."""
    address = unescape(value)
    return tag == "a" and name == "href" and address != "" and safe_href(address) == address


# Parser and cleaner take milliseconds to create and are not thread-safe.
_local = threading.local()


def _markdown() -> ReaderMarkdown:
    if not hasattr(_local, "markdown"):
        _local.markdown = ReaderMarkdown()
    markdown: ReaderMarkdown = _local.markdown
    return markdown


def _cleaner() -> Cleaner:
    if not hasattr(_local, "cleaner"):
        _local.cleaner = Cleaner(
            tags=TAGS,
            attributes=_is_allowed,
            protocols=["http", "https"],
            strip=True,
            strip_comments=True,
            filters=[LinkFilter],
        )
    return _local.cleaner


class PlainText:
    """Lines of text, each with the margin of its quotes and lists."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line = ""
        self.margins: list[str] = []
        self.marker = ""
        self.numbers: list[int | None] = []  # of the last item of each open list
        self.link = ("", 0)
        self.gap_inside: int | None = None  # number of margins of a pending empty line
        self.in_pre = False

    def finished(self) -> str:
        self._end_line()
        return "\n".join(self.lines).strip("\n")

    def add(self, text: str) -> None:
        if self.in_pre:
            *ended, text = text.split("\n")
            for each in ended:
                self.line += each
                self._end_line(even_if_blank=True)
        else:
            text = text.replace("\n", " ")
            text = text if self.line else text.lstrip(" ")
        self.line += text

    def begin(self, tag: str, attributes: str) -> None:
        if tag == "br":
            self._end_line(even_if_blank=True)
        elif tag == "a":
            self.link = (attribute(attributes, "href"), len(self.line))
        elif tag == "li":
            self._begin_item()
        elif tag in ("ul", "ol"):
            self._gap() if not self.numbers else self._end_line()
            self.numbers.append(0 if tag == "ol" else None)
        elif tag in ("p", "blockquote", "pre"):
            self._gap()
            self.margins += ["> "] if tag == "blockquote" else []
            self.in_pre = self.in_pre or tag == "pre"

    def end(self, tag: str) -> None:
        href, start = self.link
        if tag == "a" and safe_href(self.line[start:]) != href:
            self.line += f" <{href}>"
        elif tag in ("p", "pre", "blockquote", "ul", "ol", "li"):
            self._end_line()
            del self.margins[len(self.margins) - (tag in ("blockquote", "li")) :]
            del self.numbers[len(self.numbers) - (tag in ("ul", "ol")) :]
            self.in_pre = self.in_pre and tag != "pre"
            self.marker = ""
            if tag != "li" and not self.numbers:
                self._gap()

    def _begin_item(self) -> None:
        self._end_line()
        number = self.numbers[-1] if self.numbers else None
        if number is not None:
            number = self.numbers[-1] = number + 1
        self.marker = "- " if number is None else f"{number}. "
        self.margins.append(" " * len(self.marker))

    def _end_line(self, *, even_if_blank: bool = False) -> None:
        if self.line.strip(" ") or even_if_blank:
            margin = "".join(self.margins)
            if self.lines and self.gap_inside is not None:
                self.lines.append("".join(self.margins[: self.gap_inside]).rstrip())
            self.gap_inside = None
            if self.marker:
                margin = margin[: -len(self.marker)] + self.marker
                self.marker = ""
            self.lines.append((margin + self.line).rstrip(" ") if not self.in_pre else margin + self.line)
        self.line = ""

    def _gap(self) -> None:
        self._end_line()
        if not self.marker:
            inside = len(self.margins)
            self.gap_inside = inside if self.gap_inside is None else min(inside, self.gap_inside)

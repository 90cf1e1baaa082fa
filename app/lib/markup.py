"""What a reader typed, or another system kept, becomes HTML that may be shown: the only place that says so.

Two steps that share nothing: `dialect` and `foreign` write few elements in balanced order, then bleach reads
that as a browser would and lets through what is on its list. Either would do; neither is trusted alone.
"""

import re
import threading
from collections.abc import Iterable, Iterator
from html import escape, unescape
from itertools import islice
from typing import Any

from bleach.html5lib_shim import Filter
from bleach.sanitizer import Cleaner

from app.lib.html_reader import AS, REL, Piece, attribute, pieces, reduced
from app.lib.markdown import ReaderMarkdown
from app.lib.text import clean_body
from app.lib.urls import linkable

RENDERER = 1  # raised with every change of what render() gives, so that older HTML can be found and made anew

ADOPTED = 0  # HTML of another system, for which there is no body of ours to make it anew from

TAGS = frozenset(["p", "br", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "a", "del"])

# A text of 20,000 characters with more than these is code, a drawing, or an attack on the parsers, which take
# up to 80 microseconds for each. It is shown as it was typed.
MARK = re.compile(r"[*_~`\[\]\\<>&\n]|(?<=\])\(|(?<=\]\().|h(?=ttps?://)|://", re.I)
MOST_MARKS = 1000
TAG_OR_ENTITY = re.compile("[<&]")

# Most comments are paragraphs of escaped text and nothing else. bleach gives them back as they are, for half of
# what an import takes; to see that there is no more in them takes no parser. Each step is told by its first character,
# so nothing is read twice; a possessive group, which would say so, has accepted a lone <p> once (CPython 3.11.7).
PARAGRAPHS = re.compile("(?:<p>[^<>&]*(?:(?:&(?:amp|lt|gt);|<br>)[^<>&]*)*</p>\n?)*")


def render(body: str) -> str:
    """Return a comment's body (the dialect of Markdown) as safe HTML.

    Takes any text and never raises; what nests too deeply or has too many marks is shown as it was typed.
    Linear in time; the length is limited by the forms. `sanitise` of the result is the result.
    """
    return render_clean(clean_body(body))


def render_clean(body: str) -> str:
    """The same of a body that `clean_body` gave; to clean it again would take as long as all the rest."""
    if _too_many(MARK, body):
        return _as_typed(body)
    html = _markdown().html(body)
    return _as_typed(body) if html is None else sanitise(html)


def sanitise(html: str, *, newlines: bool = False) -> str:
    """Return HTML of another system as safe HTML that looks like it, as far as the list of elements allows.

    `newlines`: ends of lines are shown, as WordPress stores comments. What scripts and styles hold is left
    out.
    """
    html = reduced(html, newlines=newlines)
    if PARAGRAPHS.fullmatch(html):
        return html
    return _as_typed(plain(html)) if _too_many(TAG_OR_ENTITY, html) else _cleaner().clean(html)


def has_tags(text: str) -> bool:
    """Is this HTML, rather than a text with a < in it?"""
    return any(piece.name in AS for piece in pieces(text))


def _too_many(mark: re.Pattern[str], text: str) -> bool:
    return sum(1 for _ in islice(mark.finditer(text), MOST_MARKS + 1)) > MOST_MARKS


def _as_typed(text: str) -> str:
    """The one HTML that bleach need not see: everything in it is escaped."""
    text = text.strip("\n")
    return f"<pre>{escape(text, quote=False)}</pre>" if text else ""


def plain(html: str) -> str:
    """Return safe HTML as text for mails and feeds: quotes with >, lists with - or 1., links in <>."""
    text = PlainText()
    for piece in pieces(html):
        if not piece.name:
            text.add(unescape(piece.text))
        elif piece.closes:
            text.end(piece.name)
        else:
            text.begin(piece.name, piece.attributes)
    return text.finished()


def marked(html: str, words: Iterable[str]) -> str:
    """Return safe HTML with <mark> around these words where they stand in its text; never inside of a tag."""
    found = "|".join(re.escape(word) for word in sorted(set(words), key=len, reverse=True) if word)
    if not found:
        return html
    return "".join(_tag(piece) if piece.name else _with_marks(piece.text, re.compile(found)) for piece in pieces(html))


def _tag(piece: Piece) -> str:
    """As it stood in HTML that was safe already."""
    return f"</{piece.name}>" if piece.closes else f"<{piece.name}{piece.attributes}>"


def _with_marks(text: str, found: re.Pattern[str]) -> str:
    """`text` has entities; every part is escaped anew, and what is added around them is ours."""
    typed, parts, last = unescape(text), [], 0
    for match in found.finditer(typed):
        parts += [escape(typed[last : match.start()], quote=False), f"<mark>{escape(match[0], quote=False)}</mark>"]
        last = match.end()
    return "".join([*parts, escape(typed[last:], quote=False)])


class LinkFilter(Filter):
    """Every link says that we do not vouch for it and that its page learns nothing of ours."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for token in super().__iter__():
            if token["type"] == "StartTag" and token["name"] == "a":
                token["data"][(None, "rel")] = REL
            yield token


def _is_allowed(tag: str, name: str, value: str) -> bool:
    """bleach hands over values with their entities, and would let through relative addresses and scheme:1."""
    address = unescape(value)
    return tag == "a" and name == "href" and address != "" and linkable(address) == address


# Neither parser nor cleaner may be used by two threads at once, and both cost milliseconds to make.
_own = threading.local()


def _markdown() -> ReaderMarkdown:
    if not hasattr(_own, "markdown"):
        _own.markdown = ReaderMarkdown()
    return _own.markdown


def _cleaner() -> Cleaner:
    if not hasattr(_own, "cleaner"):
        _own.cleaner = Cleaner(
            tags=TAGS,
            attributes=_is_allowed,
            protocols=["http", "https"],
            strip=True,
            strip_comments=True,
            filters=[LinkFilter],
        )
    return _own.cleaner


class PlainText:
    """The lines of a text so far, each behind the margin of the quotes and lists that it stands in."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line = ""
        self.margins: list[str] = []
        self.marker = ""
        self.numbers: list[int | None] = []  # of the last item in each open list
        self.link = ("", 0)
        self.gap_inside: int | None = None  # how many margins an empty line that is due has
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
        if tag == "a" and linkable(self.line[start:]) != href:
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

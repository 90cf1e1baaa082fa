"""HTML of any origin, read once and written again with the few elements that a comment has."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape, unescape
from typing import NamedTuple

import regex

from app.lib.text import is_blank, without_never
from app.lib.urls import linkable

REL = "nofollow ugc noopener noreferrer"
MOST_OPEN = 60  # deeper elements are left out, their text is not

BLOCKS = frozenset(["p", "blockquote", "pre", "ul", "ol", "li"])
CONTAINERS = BLOCKS - {"p"}
# What other systems write, as what we show: the look, where we have one like it, else a paragraph of its own.
PARAGRAPH: tuple[str, ...] = ("p",)
AS: dict[str, tuple[str, ...]] = {
    each: (each,) for each in ["p", "br", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "a", "del"]
}
AS |= {"b": ("strong",), "i": ("em",), "s": ("del",), "strike": ("del",), "cite": ("em",), "dfn": ("em",)}
AS |= dict.fromkeys(("kbd", "samp", "tt", "var"), ("code",))
AS |= dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), ("p", "strong"))
AS |= dict.fromkeys(("listing", "xmp", "plaintext"), ("pre",)) | dict.fromkeys(("menu", "dir"), ("ul",))
AS |= dict.fromkeys(["address", "article", "aside", "caption", "center", "dd", "details", "div", "dl", "dt"], PARAGRAPH)
AS |= dict.fromkeys(["fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "legend", "main"], PARAGRAPH)
AS |= dict.fromkeys(["nav", "section", "summary", "table", "tr"], PARAGRAPH)
SPOKEN = {"q": ("“", "”"), "td": (" ", ""), "th": (" ", "")}
UNSEEN = "iframe noembed noframes noscript script style template textarea title"
UNSEEN_ENDS = {each: regex.compile(rf"</{each}(?=[\s/>])", regex.I) for each in UNSEEN.split()}

# HTML, 13.2.5: how a browser divides a tag. Possessive throughout: a tag is read once, or not at all.
_ATTRIBUTE = r"""([^\s/>][^\s/>=]*+)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+)?+)?+"""
ATTRIBUTE = regex.compile(_ATTRIBUTE)
TAG = regex.compile(rf"<(?P<close>/?)(?P<name>[a-z][^\s/>]*+)(?P<rest>(?:[\s/]++|{_ATTRIBUTE})*+)>", regex.I)
OPENS_TAG = regex.compile("</?[a-z]", regex.I)
REMARK = regex.compile(r"<[!?]|</[^a-z]", regex.I)


class Piece(NamedTuple):
    """A text (`name` is '') or a tag: its name in lower case, if it closes, its attributes as written."""

    text: str
    name: str = ""
    closes: bool = False
    attributes: str = ""


def reduced(html: str, *, newlines: bool = False) -> str:
    """Return `html` with nothing but the elements of `AS` in balanced order, a[href rel], and text.

    `newlines`: ends of lines are shown, as WordPress stores comments. Linear in time; any text goes in; given
    its own output it returns the same. What comes out is not yet called safe: app.lib.markup has it checked
    by a sanitiser that shares nothing with this file.
    """
    page = Page(newlines=newlines)
    for piece in pieces(html):
        if not piece.name:
            page.text(without_never(unescape(piece.text)))
        elif piece.closes:
            page.close(piece.name)
        else:
            page.tag(piece.name, piece.attributes)
    return page.finished()


def attribute(attributes: str, wanted: str) -> str:
    """Return the value of a tag's attribute, or ''. The first of a name counts, as in browsers."""
    for match in ATTRIBUTE.finditer(attributes):
        if match[1].lower() == wanted:
            value = match[2] or ""
            return unescape(value[1:-1] if value[:1] in ('"', "'") else value)
    return ""


def pieces(html: str) -> Iterator[Piece]:
    """Divide HTML into texts (still with entities) and tags; comments and what scripts hold are left out."""
    start = here = 0
    while (here := html.find("<", here)) >= 0:
        tag = TAG.match(html, here)
        if tag:
            name = tag["name"].lower()
            yield Piece(html[start:here])
            yield Piece("", name, bool(tag["close"]), tag["rest"])
            start = here = _after_unseen(html, name, tag.end()) if not tag["close"] else tag.end()
        elif REMARK.match(html, here):
            yield Piece(html[start:here])
            start = here = _after_remark(html, here)
        elif OPENS_TAG.match(html, here):
            break  # a tag without an end: for a browser it would take all the rest with it
        else:
            here += 1
    yield Piece(html[start:])


def _after_remark(html: str, here: int) -> int:
    end, length = (html.find("-->", here + 2), 3) if html.startswith("<!--", here) else (html.find(">", here), 1)
    return end + length if end >= 0 else len(html)


def _after_unseen(html: str, name: str, here: int) -> int:
    if name not in UNSEEN_ENDS:
        return here
    end = UNSEEN_ENDS[name].search(html, here)
    return end.start() if end else len(html)


@dataclass
class Open:
    """An element that is open: what closes it, what we write for it, and whether we have."""

    name: str
    tag: str
    href: str = ""
    written: bool = False
    named: bool = False  # a link of which something was seen, in an earlier block

    @property
    def start(self) -> str:
        return f'<a href="{escape(self.href)}" rel="{REL}">' if self.tag == "a" else f"<{self.tag}>"


class Page:
    """What has been written so far.

    Elements around text are written with their first visible character, so that none is empty; a link without
    one shows its address. Blocks never stand in elements around text: those are closed before and opened
    again inside.
    """

    def __init__(self, *, newlines: bool) -> None:
        self.newlines = newlines
        self.written: list[str] = []
        self.open: list[Open] = []
        self.names: Counter[str] = Counter()
        self.tags: Counter[str] = Counter()
        self.ignored: Counter[str] = Counter()  # opened too deep, or within their like: their ends count for nothing
        self.fresh = True  # nothing stands in this paragraph yet
        self.break_due = False

    def finished(self) -> str:
        while self.open:
            self._close_last()
        return "".join(self.written)

    def tag(self, name: str, attributes: str) -> None:
        if name == "br":
            self._break()
        elif name == "img":  # faces, in WordPress
            self.text(without_never(attribute(attributes, "alt")))
        elif name in SPOKEN:
            self.text(SPOKEN[name][0])
        else:
            for tag in AS.get(name, ()):
                self._open(name, tag, attributes)

    def close(self, name: str) -> None:
        if name in SPOKEN:
            self.text(SPOKEN[name][1])
        elif self.ignored[name]:
            self.ignored[name] -= 1
        elif AS.get(name, ("",))[0] == "p":
            self._end_paragraph()
        elif self.names[name]:
            self._close_through(name)

    def text(self, text: str) -> None:
        if not self.newlines or self.tags["pre"]:
            self._write(text)
            return
        first, *rest = text.split("\n")
        self._write(first)
        for line in rest:
            self._end_line()
            self._write(line)

    def _open(self, name: str, tag: str, attributes: str) -> None:
        href = linkable(attribute(attributes, "href").strip()) if tag == "a" else ""
        if len(self.open) >= MOST_OPEN or (tag not in BLOCKS and self.tags[tag]) or (tag == "a" and not href):
            self.ignored[name] += 1
        elif tag in BLOCKS:
            self._open_block(name, tag)
        else:
            self._open_around_text(Open(name, tag, href))

    def _open_block(self, name: str, tag: str) -> None:
        if self.tags["pre"]:
            self.ignored[name] += 1
            return
        around = self._close_paragraph()
        if tag == "li" and not self._close_to_list():
            tag = "p"
        self._push(Open(name, tag))
        if tag != "p":
            self._write_starts()
            self.fresh = True
        self._open_again(around)

    def _open_around_text(self, element: Open) -> None:
        self._start_paragraph()
        self._push(element)
        if element.tag == "code" and self.tags["pre"]:
            self._write_starts()

    def _open_again(self, around: list[Open]) -> None:
        for each in around:
            if AS[each.name][0] != "p":  # a heading's strength ends with it
                self._open_around_text(Open(each.name, each.tag, each.href, named=each.named or each.written))

    def _start_paragraph(self) -> None:
        if not self.open or (self.newlines and self.open[-1].tag == "blockquote"):
            self._push(Open("", "p"))

    def _end_paragraph(self) -> None:
        if not self.tags["pre"]:
            self._open_again(self._close_paragraph())

    def _close_paragraph(self) -> list[Open]:
        """Close down to the innermost container; return what was open around text, outermost first."""
        around = []
        while self.open and self.open[-1].tag not in CONTAINERS:
            if self.open[-1].tag != "p":
                around.append(self.open[-1])
            self._close_last()
        self.break_due = False
        return around[::-1]

    def _close_to_list(self) -> bool:
        containers = [each.tag for each in self.open if each.tag in CONTAINERS - {"li"}]
        if not containers or containers[-1] not in ("ul", "ol"):
            return False
        while self.open[-1].tag == "li":
            self._close_last()
        return True

    def _close_through(self, name: str) -> None:
        around = []
        while self.open[-1].name != name:
            around.append(self.open[-1])
            self._close_last()
        closed = self.open[-1]
        if closed.tag == "a" and not closed.written and not closed.named:
            self._write(closed.href)
        self._close_last()
        if closed.tag in CONTAINERS:
            self.ignored.clear()
        else:
            self._open_again([each for each in reversed(around) if each.tag not in BLOCKS])

    def _close_last(self) -> None:
        last = self.open.pop()
        self.names[last.name] -= 1
        self.tags[last.tag] -= 1
        if last.written:
            self.written.append(f"</{last.tag}>")
            self.fresh = self.fresh or last.tag in BLOCKS
        if last.tag in BLOCKS:
            self.break_due = False

    def _push(self, element: Open) -> None:
        self.open.append(element)
        self.names[element.name] += 1
        self.tags[element.tag] += 1

    def _write(self, text: str) -> None:
        if self.written and self.written[-1] == "<pre>":
            text = text.lstrip("\n")  # the parser drops one there
        if not text or (is_blank(text) and self._is_idle(text)):
            return
        self._start_paragraph()
        self._write_starts()
        self.written.append(escape(text, quote=False))
        self.fresh = False

    def _is_idle(self, blank: str) -> bool:
        """Does this white space stand between blocks, or where only a link's text would make it visible?"""
        if self.tags["pre"] or self.tags["code"]:
            return False
        if self.fresh and "\n" in blank and not self.newlines and self.written[-1:] != ["\n"]:
            self.written.append("\n")
        return self.fresh or self.break_due or any(each.tag == "a" and not each.written for each in self.open)

    def _write_starts(self) -> None:
        if self.break_due:
            self.written.append("<br>\n")
            self.break_due = False
        for each in self.open:
            if not each.written:
                self.written.append(each.start)
                each.written = True

    def _break(self) -> None:
        if self.fresh or any(each.tag == "a" and not each.written for each in self.open):
            return
        self._write_starts()
        self.written.append("<br>")

    def _end_line(self) -> None:
        """One end of a line is a break, as in <br>; two are a paragraph."""
        if self.break_due and not self.tags["li"]:
            self._end_paragraph()
        elif not self.fresh and self.written[-1] != "<br>":
            self.break_due = True

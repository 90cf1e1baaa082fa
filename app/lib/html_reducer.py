"""Reduce foreign HTML to the few elements of a comment, balanced."""

from collections import Counter
from dataclasses import dataclass
from html import escape, unescape

from app.lib.html_reader import attribute, tokens
from app.lib.text import is_blank, without_never
from app.lib.urls import safe_href

REL = "nofollow ugc noopener noreferrer"
MAX_OPEN = 60  # deeper elements are left out, but not their text

BLOCKS = frozenset(["p", "blockquote", "pre", "ul", "ol", "li"])
CONTAINERS = BLOCKS - {"p"}
# Replacements for elements of other systems.
PARAGRAPH: tuple[str, ...] = ("p",)
REPLACEMENTS: dict[str, tuple[str, ...]] = {
    each: (each,) for each in ["p", "br", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "a", "del"]
}
REPLACEMENTS |= {"b": ("strong",), "i": ("em",), "s": ("del",), "strike": ("del",), "cite": ("em",), "dfn": ("em",)}
REPLACEMENTS |= dict.fromkeys(("kbd", "samp", "tt", "var"), ("code",))
REPLACEMENTS |= dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), ("p", "strong"))
REPLACEMENTS |= dict.fromkeys(("listing", "xmp", "plaintext"), ("pre",)) | dict.fromkeys(("menu", "dir"), ("ul",))
REPLACEMENTS |= dict.fromkeys(
    ["address", "article", "aside", "caption", "center", "dd", "details", "div", "dl", "dt"], PARAGRAPH
)
REPLACEMENTS |= dict.fromkeys(
    ["fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "legend", "main"], PARAGRAPH
)
REPLACEMENTS |= dict.fromkeys(["nav", "section", "summary", "table", "tr"], PARAGRAPH)
QUOTES = {"q": ("“", "”"), "td": (" ", ""), "th": (" ", "")}


def reduce_html(html: str, *, newlines: bool = False) -> str:
    """Return `html` with only the elements of `REPLACEMENTS`, balanced, and a[href rel].

    `newlines`: line ends become breaks and paragraphs, as in WordPress. Linear and idempotent. The result is not
    trusted: app.lib.markup sanitises it independently.
    """
    page = Page(newlines=newlines)
    for token in tokens(html):
        if not token.name:
            page.text(without_never(unescape(token.text)))
        elif token.is_end:
            page.close(token.name)
        else:
            page.tag(token.name, token.attributes)
    return page.html()


@dataclass
class Open:
    """An open element: its closing name, its replacement, and whether that was written."""

    name: str
    tag: str
    href: str = ""
    written: bool = False
    named: bool = False  # a link that has visible text in an earlier block

    @property
    def start(self) -> str:
        return f'<a href="{escape(self.href)}" rel="{REL}">' if self.tag == "a" else f"<{self.tag}>"


class Page:
    """The output.

    Inline elements are written with their first visible character, so none is empty; an empty link shows its URL.
    Before a block, inline elements are closed, and reopened inside.
    """

    def __init__(self, *, newlines: bool) -> None:
        self.newlines = newlines
        self.written: list[str] = []
        self.open: list[Open] = []
        self.names: Counter[str] = Counter()
        self.tags: Counter[str] = Counter()
        self.ignored: Counter[str] = Counter()  # end tags to ignore: too deep, or nested in the same element
        self.fresh = True  # this paragraph is empty
        self.break_due = False

    def html(self) -> str:
        while self.open:
            self._close_last()
        return "".join(self.written)

    def tag(self, name: str, attributes: str) -> None:
        if name == "br":
            self._break()
        elif name == "img":  # emoji, in WordPress
            self.text(without_never(attribute(attributes, "alt")))
        elif name in QUOTES:
            self.text(QUOTES[name][0])
        else:
            for tag in REPLACEMENTS.get(name, ()):
                self._open(name, tag, attributes)

    def close(self, name: str) -> None:
        if name in QUOTES:
            self.text(QUOTES[name][1])
        elif self.ignored[name]:
            self.ignored[name] -= 1
        elif REPLACEMENTS.get(name, ("",))[0] == "p":
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
        href = safe_href(attribute(attributes, "href").strip()) if tag == "a" else ""
        if len(self.open) >= MAX_OPEN or (tag not in BLOCKS and self.tags[tag]) or (tag == "a" and not href):
            self.ignored[name] += 1
        elif tag in BLOCKS:
            self._open_block(name, tag)
        else:
            self._open_inline(Open(name, tag, href))

    def _open_block(self, name: str, tag: str) -> None:
        if self.tags["pre"]:
            self.ignored[name] += 1
            return
        inline = self._close_paragraph()
        if tag == "li" and not self._close_to_list():
            tag = "p"
        self._push(Open(name, tag))
        if tag != "p":
            self._write_starts()
            self.fresh = True
        self._reopen(inline)

    def _open_inline(self, element: Open) -> None:
        self._start_paragraph()
        self._push(element)
        if element.tag == "code" and self.tags["pre"]:
            self._write_starts()

    def _reopen(self, inline: list[Open]) -> None:
        for each in inline:
            if REPLACEMENTS[each.name][0] != "p":  # it also ends the <strong> of a heading
                self._open_inline(Open(each.name, each.tag, each.href, named=each.named or each.written))

    def _start_paragraph(self) -> None:
        if not self.open or (self.newlines and self.open[-1].tag == "blockquote"):
            self._push(Open("", "p"))

    def _end_paragraph(self) -> None:
        if not self.tags["pre"]:
            self._reopen(self._close_paragraph())

    def _close_paragraph(self) -> list[Open]:
        """Close up to the innermost container; return the open inline elements, outermost first."""
        inline = []
        while self.open and self.open[-1].tag not in CONTAINERS:
            if self.open[-1].tag != "p":
                inline.append(self.open[-1])
            self._close_last()
        self.break_due = False
        return inline[::-1]

    def _close_to_list(self) -> bool:
        containers = [each.tag for each in self.open if each.tag in CONTAINERS - {"li"}]
        if not containers or containers[-1] not in ("ul", "ol"):
            return False
        while self.open[-1].tag == "li":
            self._close_last()
        return True

    def _close_through(self, name: str) -> None:
        inline = []
        while self.open[-1].name != name:
            inline.append(self.open[-1])
            self._close_last()
        closed = self.open[-1]
        if closed.tag == "a" and not closed.written and not closed.named:
            self._write(closed.href)
        self._close_last()
        if closed.tag in CONTAINERS:
            self.ignored.clear()
        else:
            self._reopen([each for each in reversed(inline) if each.tag not in BLOCKS])

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
            text = text.lstrip("\n")  # parsers drop the first newline
        if not text or (is_blank(text) and self._is_insignificant(text)):
            return
        self._start_paragraph()
        self._write_starts()
        self.written.append(escape(text, quote=False))
        self.fresh = False

    def _is_insignificant(self, blank: str) -> bool:
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
        """One newline is a <br>, two are a paragraph."""
        if self.break_due and not self.tags["li"]:
            self._end_paragraph()
        elif not self.fresh and self.written[-1] != "<br>":
            self.break_due = True

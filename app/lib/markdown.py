"""Readers' Markdown: a subset of CommonMark with rules for Japanese and emoticons."""

import re
import unicodedata
from collections.abc import Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt, helpers
from markdown_it.parser_inline import ParserInline
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock, blockquote, fence, list_block, paragraph
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline import escape as escape_rule
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict, PresetType

from app.lib.text import link_at
from app.lib.urls import MAX_LENGTH, safe_href

MAX_OPEN = 60  # nested elements; none of 6,344 real comments came near

# Disabled, so shown as typed: headings (#1 is a number), rules, indented code (poems), tables, images, HTML, entities,
# and references, whose definitions would disappear.
PRESET: PresetType = {
    "options": {
        "maxNesting": MAX_OPEN,
        "html": False,
        "linkify": True,
        "typographer": False,
        "quotes": "",
        "xhtmlOut": False,
        "breaks": True,
        "langPrefix": "",
        "highlight": None,
    },
    "components": {
        "core": {"rules": ["normalize", "block", "inline", "text_join"]},
        "block": {"rules": ["blockquote", "fence", "list", "paragraph"]},
        "inline": {
            "rules": [
                "autolink",
                "backticks",
                "emphasis",
                "escape",
                "link",
                "linkify",
                "newline",
                "strikethrough",
                "text",
            ],
            "rules2": ["balance_pairs", "emphasis", "fragments_join", "strikethrough"],
        },
    },
}


class ReaderMarkdown(MarkdownIt):
    def __init__(self) -> None:
        super().__init__(PRESET, renderer_cls=ReaderHTML)
        self.inline = ReaderInline()
        self.helpers = Helpers()  # type: ignore[assignment]
        self.block.ruler.at("blockquote", _quote, {"alt": ["paragraph", "blockquote", "list"]})
        self.block.ruler.at("list", _list, {"alt": ["paragraph", "blockquote"]})
        self.block.ruler.at("fence", _fence, {"alt": ["paragraph", "blockquote", "list"]})
        self.block.ruler.at("paragraph", _paragraph)
        self.inline.ruler.at("linkify", _bare_link)
        self.inline.ruler.at("escape", _escape)
        self.configure(PRESET)

    def html(self, body: str) -> str | None:
        """The body as HTML, or None if it is nested too deeply to be markup."""
        env: EnvType = {}
        tokens = self.parse(body, env)
        return None if _depth(tokens) >= MAX_OPEN - 1 else self.renderer.render(tokens, self.options, env)

    def normalizeLink(self, url: str) -> str:
        """A safe URL, or '' for no link."""
        return safe_href(url)

    def normalizeLinkText(self, link: str) -> str:
        return link

    def validateLink(self, url: str) -> bool:
        return bool(url)


class Helpers:
    parseLinkLabel = staticmethod(helpers.parseLinkLabel)
    parseLinkTitle = staticmethod(helpers.parseLinkTitle)

    @staticmethod
    def parseLinkDestination(text: str, start: int, maximum: int) -> Any:
        # Otherwise each of 32 nested brackets would scan to the end of the text.
        return helpers.parseLinkDestination(text, start, min(maximum, start + MAX_LENGTH))


class ReaderHTML(RendererHTML):
    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<pre><code>{escape(tokens[idx].content)}</code></pre>\n"


def _depth(tokens: Sequence[Token]) -> int:
    deepest = depth = 0
    for token in tokens:
        depth += token.nesting
        deepest = max(deepest, depth + _depth(token.children or []))
    return deepest


# Blocks. >>12 refers to a comment number, as on Japanese boards; >_< and >:( are emoticons.
NOT_QUOTED = re.compile(r">{2,} *[0-9]|>[^\s\w>]{0,3}_?[^\s\w>]{0,3}<|>[:;=]['-]?[()DPXoO|/]")
# Ordered lists must start with 1: the start number is lost, and 「3. について」 must not become 1.
FIRST_ITEM = re.compile(r"(?:[-+*]|1[.)])[ \t]+\S")
SEPARATOR = re.compile(r"([-*+])(?:[ \t]*\1){2,}[ \t]*$")


def _quote(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:
    if NOT_QUOTED.match(_line(state, startLine)):
        return False
    return blockquote(state, startLine, endLine, silent)


def _list(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:
    line = _line(state, startLine)
    is_next_item = silent and state.sCount[startLine] < state.blkIndent
    if not is_next_item and (not FIRST_ITEM.match(line) or SEPARATOR.match(line)):
        return False
    return list_block(state, startLine, endLine, silent)


def _fence(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:
    if not _line(state, startLine).startswith("`"):  # ~~~ draws a line
        return False
    return fence(state, startLine, endLine, silent)


def _paragraph(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:
    """Keep the full-width space at the start of Japanese paragraphs."""
    found = paragraph(state, startLine, endLine, silent)
    state.tokens[-2].content = state.getLines(startLine, state.line, state.blkIndent, False).strip(" \t\n")
    return found


def _line(state: StateBlock, line: int) -> str:
    start = state.bMarks[line] + state.tShift[line]
    return state.src[start : state.eMarks[line]]


# Bare URLs.
SCHEME = re.compile(r"https?\Z", re.I)


def _bare_link(state: StateInline, silent: bool) -> bool:
    if silent or state.linkLevel or not state.src.startswith("://", state.pos):
        return False
    scheme = SCHEME.search(state.src, max(0, state.pos - 5), state.pos)
    if not scheme or not state.pending.endswith(scheme[0]):
        return False
    link = link_at(state.src, scheme.start())
    if not link:
        return False
    href = state.md.normalizeLink(link)
    if href:
        state.pending = state.pending[: -len(scheme[0])]
        state.push("link_open", "a", 1).attrs = {"href": href}
        state.push("text", "", 0).content = link
        state.push("link_close", "a", -1)
    else:  # skipped as a whole; otherwise each :// in it would be scanned again
        state.append_pending(link[len(scheme[0]) :])
    state.pos = scheme.start() + len(link)
    return True


# Emoticons use \, * and _.
SHRUG = "\\_(ツ)_/"
OPENING, CLOSING = "(（", ")）"
SPOKEN = "!?.,！？。、…"


def _escape(state: StateInline, silent: bool) -> bool:
    if not state.src.startswith(SHRUG, state.pos):
        return escape_rule(state, silent)
    if not silent:
        state.append_pending(SHRUG)
    state.pos += len(SHRUG)
    return True


# Emphasis. CommonMark requires a space or western punctuation around ** beside punctuation, which Japanese lacks:
# **「強調」**です. The rule is https://github.com/tats-u/markdown-cjk-friendly, version 1.
RUN = re.compile(r"(.)\1*", re.S)


class ReaderInline(ParserInline):
    def __init__(self) -> None:
        super().__init__()
        # Only characters that start our rules: each stop is as slow as a word.
        self.terminator_re = re.compile(r"[\n*_~`\[\]\\<]|:(?=//)")

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        state = ReaderState(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


class ReaderState(StateInline):
    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:
        run = RUN.match(self.src, start, self.posMax)
        assert run  # noqa: S101 - the caller stands on a delimiter
        end = run.end()
        before = self.src[start - 1] if start else " "
        after = self.src[end] if end < self.posMax else " "
        if _is_emoticon(self.src, start, end, before, after):
            return Scanned(False, False, end - start)
        left, right = _flanks(before, after), _flanks(after, before)
        can_open = left and (canSplitWord or not right or _is_mark(before))
        can_close = right and (canSplitWord or not left or _is_mark(after))
        return Scanned(can_open, can_close, end - start)


def _flanks(outside: str, inside: str) -> bool:
    """True if a delimiter run between these characters is left-flanking (mirrored: right-flanking)."""
    if inside.isspace():
        return False
    return not _is_western_mark(inside) or outside.isspace() or _is_mark(outside) or _is_east_asian(outside)


def _is_mark(char: str) -> bool:
    return unicodedata.category(char)[0] in "PS"


def _is_east_asian(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WFH"


def _is_western_mark(char: str) -> bool:
    return _is_mark(char) and not _is_east_asian(char)


def _is_emoticon(src: str, start: int, end: int, before: str, after: str) -> bool:
    """(*^_^*), m(_ _)m, ^_^; and *_* are emoticons, not emphasis."""
    if src[start] == "_":
        drawn = (_draws(before) or before in OPENING) and (_draws(after) or after in CLOSING)
        return drawn or before == after == "*"
    if src[start] == "~":
        return end - start != 2  # ~~~>> here <<~~~ is an arrow
    if src[start] != "*" or end - start > 1:
        return False
    if before in OPENING and (_draws(after) or after in CLOSING):
        return True
    if after in CLOSING and _draws(before) and before not in SPOKEN:
        return True
    return src.startswith("_*", end) or (start > 1 and src.startswith("*_", start - 2))


def _draws(char: str) -> bool:
    return char not in "*_~`\\" and unicodedata.category(char) in ("Pc", "Pd", "Po", "Sk", "Sm", "So", "Sc")

"""Read records out of XML that a stranger wrote: streaming, hardened, and patient with broken files.

A lexer that knows only CDATA, comments and a few tag names cuts the text into records; each record is
parsed on its own by expat. So one broken record harms no other, nothing outside of records has to be
well-formed, memory holds one record at a time, and there are no entities to expand: a document type is
refused, and a reference that XML does not know stays text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html import unescape
from html.entities import html5
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from app.transfer.record import Reason, Trouble, UnreadableFile
from app.transfer.source import File, Source
from app.transfer.stream_window import Tape

MAX_RECORD = 1 << 22  # characters of one record with its tags
MAX_DEPTH = 32  # elements inside each other; real exports have 3
MAX_OPENERS = 64  # CDATA sections that are looked at when a broken record is mended
HEAD = 4_000  # characters of a lost record that are kept to find its id

_PREFIX = r"(?:[A-Za-z_][\w.-]{0,30}:)?"
_CDATA_END = re.compile(r"]]>")
_REMARK_END = re.compile(r"-->")
_TAG_END = re.compile(r"/?>|<")


@dataclass(frozen=True)
class Shape:
    """The few element names of a format that matter; each may have any prefix where `prefixed` has it.

    `brackets` hold records and are announced when they open and close. A `records` element is read whole.
    A record that is not closed ends where one of `stops[name]` begins. Tags outside of `known` are taken
    for text when a broken record is mended. `bodies` are paths in which tags are text too.
    """

    root: str
    brackets: tuple[str, ...]
    records: tuple[str, ...]
    prefixed: frozenset[str]
    stops: dict[str, tuple[str, ...]]
    known: str
    bodies: frozenset[str]

    def _names(self, names: tuple[str, ...]) -> str:
        return "|".join((_PREFIX if name in self.prefixed else "") + re.escape(name) for name in names)

    @cached_property
    def tags(self) -> re.Pattern[str]:
        names = self._names((self.root, *self.brackets, *self.records))
        return re.compile(rf"<(?P<shut>/?)(?P<name>{names})(?=[\s/>])")

    @cached_property
    def between(self) -> re.Pattern[str]:
        special = r"(?P<cdata><!\[CDATA\[)|(?P<remark><!--)|(?P<doctype><!(?i:doctype))"
        return re.compile(f"{special}|{self.tags.pattern}")

    @cached_property
    def inside(self) -> dict[str, re.Pattern[str]]:
        return {name: self._inside(name) for name in self.records}

    def _inside(self, name: str) -> re.Pattern[str]:
        stops = rf"(?P<stop><(?:{self._names(self.stops[name])})(?=[\s/>])"
        stops += rf"|</(?:{self._names((self.root, *self.brackets))})(?=[\s>]))"
        end = rf"(?P<end></{_PREFIX}{re.escape(name)}\s{{0,16}}>)"
        return re.compile(rf"(?P<cdata><!\[CDATA\[)|(?P<remark><!--)|{end}|{stops}")

    @cached_property
    def known_tag(self) -> re.Pattern[str]:
        return re.compile(rf"</?{_PREFIX}(?:{self.known})(?=[\s/>])")


@dataclass(frozen=True, slots=True)
class Opening:
    """A bracket opened."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Closing:
    """A bracket closed."""

    name: str


@dataclass(slots=True)
class Element:
    """One record. `fields` are keyed by path below the record ("author/email", "" for its own text)."""

    name: str
    line: int
    fields: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    mended: bool = False
    cdata: set[str] = field(default_factory=set)

    def markup(self, path: str) -> str:
        """The field as HTML: XML's escaping taken off once, nothing else."""
        return self.fields.get(path, "")

    def text(self, path: str) -> str:
        """The field as plain text. In CDATA the source's own HTML escaping is still on, so it comes off."""
        text = self.fields.get(path, "")
        return unescape(text) if path in self.cdata else text

    def attribute(self, path: str, name: str) -> str:
        return self.attributes.get(path, {}).get(name, "")


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A record that could not be read; `head` is how it begins."""

    name: str
    reason: Reason
    line: int
    head: str


@dataclass(frozen=True, slots=True)
class Cut:
    """The last piece of a file that ends too early."""

    line: int
    position: int


Piece = Opening | Closing | Element | Spoiled | Cut


def pieces(file: File, shape: Shape) -> Iterator[Piece]:
    """The records of `shape` in the file, in order, with everything that could not be read among them.

    Raises UnreadableFile when the file cannot be opened, holds a document type, is a gzip bomb, or has
    not one element of the shape.
    """
    source = Source.of(file)
    tape = Tape(source.text())
    open_root = seen = False
    while match := tape.find(shape.between):
        name = _local(match["name"] or "")
        if name == shape.root:
            open_root = not match["shut"]
        seen = seen or bool(name)
        if name in shape.records and not match["shut"]:
            yield from _record(tape, shape, match["name"])
            continue
        if name in shape.brackets:
            yield Closing(name) if match["shut"] else Opening(name, tape.line())
        elif match["doctype"] and not seen:
            raise UnreadableFile(Trouble.DOCUMENT_TYPE, line=tape.line())
        line = tape.line()
        tape.mark = match.end()
        if not _passed(tape, match):
            yield Cut(line, source.position)
            return
    if not seen:
        raise UnreadableFile(Trouble.DAMAGED if source.damaged else Trouble.WRONG_FORMAT)
    if open_root or source.damaged:
        tape.mark = len(tape.window)
        yield Cut(tape.line(), source.position)


def _passed(tape: Tape, match: re.Match[str]) -> bool:
    """Move behind the CDATA section or comment that `match` opens; False where it never closes."""
    if match["cdata"]:
        return tape.pass_over(_CDATA_END)
    return tape.pass_over(_REMARK_END) if match["remark"] else True


def _record(tape: Tape, shape: Shape, tag: str) -> Iterator[Piece]:
    name, line = _local(tag), tape.line()
    tape.keep(MAX_RECORD)
    tape.mark += len(tag) + 1
    end = _run_to_end(tape, shape.inside[name])
    text, whole = tape.kept()
    if not whole:
        yield Spoiled(name, Reason.TOO_LARGE, line, text[:HEAD])
    elif end == "cut":
        yield Spoiled(name, Reason.CUT_OFF, line, text[:HEAD])
    elif end == "stop":
        yield _mended(f"{text}</{tag}>", shape, name, line, Reason.NOT_CLOSED)
    else:
        yield from _whole(text, shape, name, line)


def _run_to_end(tape: Tape, inside: re.Pattern[str]) -> str:
    """Move behind the record's end tag ("end"), to where it must have ended ("stop"), or "cut"."""
    match = tape.find(_TAG_END)
    while match:
        if match[0] == "/>" or (match.re is inside and match["end"]):
            tape.mark = match.end()
            return "end"
        if match.re is inside:
            if match["stop"]:
                return "stop"
            tape.mark = match.end()
            if not _passed(tape, match):
                break
        match = tape.find(inside)
    tape.mark = len(tape.window)
    return "cut"


def _whole(text: str, shape: Shape, name: str, line: int) -> Iterator[Piece]:
    try:
        yield _parse(text, shape, name, line)
        return
    except _TooDeep:
        yield Spoiled(name, Reason.TOO_DEEP, line, text[:HEAD])
        return
    except expat.ExpatError:
        mended = _mended(text, shape, name, line, Reason.MALFORMED)
    if isinstance(mended, Element) or "<![CDATA[" not in text:
        yield mended
    else:
        # A section that is never closed swallows what follows, up to the end of some later section.
        # Only a record that is broken anyway comes here: in a sound file whatever a commenter writes
        # stays inside his own section and is never looked at as markup.
        yield from _salvaged(text, shape, line)


def _salvaged(text: str, shape: Shape, line: int) -> Iterator[Piece]:
    """Cut a broken stretch at every tag of the shape, sections or not, and read each record on its own."""
    begun: re.Match[str] | None = None
    begun_line = at = 0
    for match in shape.tags.finditer(text):
        line, at = line + text.count("\n", at, match.start()), match.start()
        name = _local(match["name"])
        if begun and match["name"] == begun["name"] and match["shut"]:
            end = text.find(">", match.end(), match.end() + HEAD) + 1
            candidate = _close_sections(text[begun.start() : end or match.end()])
            yield _mended(candidate, shape, name, begun_line, Reason.MALFORMED)
            begun = None
        elif not begun or _stops(shape, begun, name):
            if begun:
                yield _lost(begun, begun_line)
            begun, begun_line = (match if name in shape.records and not match["shut"] else None), line
            if name in shape.brackets:
                yield Closing(name) if match["shut"] else Opening(name, line)
    if begun:
        yield _lost(begun, begun_line)


def _stops(shape: Shape, begun: re.Match[str], name: str) -> bool:
    return name in shape.brackets or name in shape.stops[_local(begun["name"])]


def _lost(begun: re.Match[str], line: int) -> Spoiled:
    head = begun.string[begun.start() : begun.start() + HEAD]
    return Spoiled(_local(begun["name"]), Reason.NOT_CLOSED, line, head)


def _mended(text: str, shape: Shape, name: str, line: int, reason: Reason) -> Element | Spoiled:
    try:
        element = _parse(mend(text, shape), shape, name, line)
    except _TooDeep:
        return Spoiled(name, Reason.TOO_DEEP, line, text[:HEAD])
    except expat.ExpatError:
        return Spoiled(name, reason, line, text[:HEAD])
    element.mended = True
    return element


class _TooDeep(Exception):
    """The record has more than MAX_DEPTH elements inside each other."""


class _Forbidden(expat.ExpatError):
    """The record brings declarations of its own."""


def _parse(text: str, shape: Shape, name: str, line: int) -> Element:
    """Raises expat.ExpatError for what is not well-formed, _TooDeep beyond MAX_DEPTH."""
    element = Element(name, line)
    builder = _Builder(element, shape.bodies)
    parser = expat.ParserCreate("utf-8")  # without namespaces: prefixes that nobody declared are common
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartCdataSectionHandler = builder.section
    for refused in ("StartDoctypeDeclHandler", "EntityDeclHandler", "ExternalEntityRefHandler"):
        setattr(parser, refused, _forbid)
    # One call for the whole record: expat 2.5 takes quadratic time for a long token in small pieces.
    parser.Parse(text, True)
    element.fields = {path: "".join(parts) for path, parts in builder.parts.items()}
    return element


def _forbid(*_declaration: Any) -> None:
    raise _Forbidden


class _Builder:
    """Collects what expat reports into fields by path."""

    def __init__(self, element: Element, bodies: frozenset[str]) -> None:
        self.parts: dict[str, list[str]] = {}
        self._element, self._bodies = element, bodies
        self._paths: list[str] = []
        self._current: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._paths) >= MAX_DEPTH:
            raise _TooDeep
        parent = self._paths[-1] if self._paths else None
        if parent is not None and parent in self._bodies:
            self._current.append(_tag_as_text(tag, attributes))
            self._paths.append(parent)
            return
        self._open(f"{parent}/{_local(tag)}" if parent else _local(tag) if parent == "" else "", attributes)

    def _open(self, path: str, attributes: dict[str, str]) -> None:
        self._paths.append(path)
        # A field that comes twice keeps its first value; the second is read into a list nobody looks at.
        self._current = [] if self.parts.get(path) else self.parts.setdefault(path, [])
        if attributes:
            known = self._element.attributes.setdefault(path, {})
            for name, value in attributes.items():
                known.setdefault(_local(name), value)

    def end(self, tag: str) -> None:
        path = self._paths.pop()
        parent = self._paths[-1] if self._paths else ""
        if path and path == parent:
            self._current.append(f"</{tag}>")
        else:
            self._current = [] if parent else self.parts.setdefault("", [])

    def data(self, text: str) -> None:
        self._current.append(text)

    def section(self) -> None:
        self._element.cdata.add(self._paths[-1])


def _tag_as_text(tag: str, attributes: dict[str, str]) -> str:
    return f"<{tag}" + "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items()) + ">"


def _local(name: str) -> str:
    return name.rpartition(":")[2]


_TOKEN = re.compile(
    r"(?P<cdata><!\[CDATA\[.*?(?:]]>|\Z))"
    r"|(?P<remark><!--.*?(?:-->|\Z))"
    r"|(?P<reference>&(?:\#[0-9]{1,8};|\#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};)?)"
    r"|(?P<tag></?[A-Za-z_][^<>]{0,4096}>)"
    r"|(?P<stray><|]]>)",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""([A-Za-z_][\w.:-]{0,63})\s{0,8}=\s{0,8}(?:"([^"]*)"|'([^']*)'|([^\s"'>]*[^\s"'>/]))""")
_OPENER = re.compile(r"<([A-Za-z_][\w.:-]{0,63})(?:\s[^<>]{0,400})?>\s{0,64}<!\[CDATA\[")


def mend(text: str, shape: Shape) -> str:
    """`text` with what exporters get wrong set right: bare ampersands, HTML's entities, stray brackets,
    unquoted attributes, comments with "--", tags that are not the format's own (they become text)."""
    return _TOKEN.sub(lambda token: _mended_token(token, shape), text)


def _mended_token(token: re.Match[str], shape: Shape) -> str:
    whole = token[0]
    match token.lastgroup:
        case "cdata":
            return whole if whole.endswith("]]>") else whole + "]]>"
        case "remark":
            return ""
        case "reference":
            return escape(_referred(whole))
        case "tag" if shape.known_tag.match(whole):
            return _mended_tag(whole)
        case _:
            return escape(whole)


def _referred(reference: str) -> str:
    """What a reference stands for; itself where it stands for nothing that XML may hold."""
    if reference.startswith("&#"):
        return unescape(reference)  # maps what is forbidden to U+FFFD or nothing, by HTML's own table
    return html5.get(reference[1:], reference)


def _mended_tag(tag: str) -> str:
    if "=" not in tag:
        return tag
    attributes: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(tag):
        attributes.setdefault(match[1], unescape(match[2] or match[3] or match[4] or ""))
    name = re.split(r"[\s/>]", tag.lstrip("</"), maxsplit=1)[0]
    end = "/>" if tag.endswith("/>") else ">"
    return _tag_as_text(name, attributes)[:-1] + end


def _close_sections(text: str) -> str:
    """Close each CDATA section that runs over the end tag of the element in which it was opened."""
    out: list[str] = []
    at = 0
    for _ in range(MAX_OPENERS):
        opener = _OPENER.search(text, at)
        end = text.find(f"</{opener[1]}>", opener.end()) if opener else -1
        if opener is None or end < 0:
            break
        close = text.find("]]>", opener.end(), end)
        out += [text[at:end]] if close >= 0 else [text[at:end], "]]>"]
        at = end
    return "".join([*out, text[at:]])

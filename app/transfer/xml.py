"""Split foreign XML into records, streaming; broken records do not affect others.

A lexer for CDATA, comments and a few tag names cuts the text into records, and expat parses each. So the rest need not
be well-formed, and memory holds one record at a time. A document type is refused, so entities cannot expand; an unknown
reference stays text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.parsers import expat

from app.transfer.record import Reason, Trouble, UnreadableFile
from app.transfer.source import File, Source
from app.transfer.stream_window import StreamWindow
from app.transfer.xml_element import Element, TooDeep, parse
from app.transfer.xml_repair import close_sections, repair
from app.transfer.xml_shape import Shape, local_name

MAX_RECORD = 1 << 22  # characters of one record with its tags
HEAD = 4_000  # characters of a lost record, searched for its id

_CDATA_END = re.compile(r"]]>")
_COMMENT_END = re.compile(r"-->")
_TAG_END = re.compile(r"/?>|<")


@dataclass(frozen=True, slots=True)
class SectionStart:
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class SectionEnd:
    name: str


@dataclass(frozen=True, slots=True)
class BadRecord:
    name: str
    reason: Reason
    line: int
    head: str


@dataclass(frozen=True, slots=True)
class Truncated:
    """Last event of a file that ends too early."""

    line: int
    position: int


Event = SectionStart | SectionEnd | Element | BadRecord | Truncated


def events(file: File, shape: Shape) -> Iterator[Event]:
    """Records in order, including unreadable ones.

    Raises UnreadableFile if the file cannot be opened, has a document type, is a gzip bomb, or is of another format.
    """
    source = Source.of(file)
    stream = StreamWindow(source.text())
    open_root = seen = proven = False
    while match := stream.find(shape.between):
        name = local_name(match["name"] or "")
        if name == shape.root:
            open_root = not match["closing"]
        seen, proven = seen or bool(name), proven or name in shape.proofs
        if name in shape.records and not match["closing"]:
            yield from _record(stream, shape, match["name"])
            continue
        if name in shape.sections:
            yield SectionEnd(name) if match["closing"] else SectionStart(name, stream.line())
        elif match["html"] and not seen:
            raise UnreadableFile(Trouble.WRONG_FORMAT)
        elif match["doctype"] and not seen:
            raise UnreadableFile(Trouble.DOCUMENT_TYPE, line=stream.line())
        line = stream.line()
        stream.mark = match.end()
        if not _skip_section(stream, match):
            yield Truncated(line, source.position)
            return
    if not proven:
        raise UnreadableFile(Trouble.DAMAGED if source.damaged else Trouble.WRONG_FORMAT)
    if open_root or source.damaged:
        stream.mark = len(stream.window)
        yield Truncated(stream.line(), source.position)


def _skip_section(stream: StreamWindow, match: re.Match[str]) -> bool:
    """Skip the CDATA section or comment that `match` opens; False if it never closes."""
    if match["cdata"]:
        return stream.skip_past(_CDATA_END)
    return stream.skip_past(_COMMENT_END) if match["comment_start"] else True


def _record(stream: StreamWindow, shape: Shape, tag: str) -> Iterator[Event]:
    name, line = local_name(tag), stream.line()
    stream.capture(MAX_RECORD)
    stream.mark += len(tag) + 1
    end = _find_end(stream, shape.inside[name])
    text, whole = stream.captured()
    if not whole:
        yield BadRecord(name, Reason.TOO_LARGE, line, text[:HEAD])
    elif end == "cut":
        yield BadRecord(name, Reason.CUT_OFF, line, text[:HEAD])
    elif end == "stop":
        yield _repaired(f"{text}</{tag}>", shape, name, line, Reason.NOT_CLOSED)
    else:
        yield from _whole(text, shape, name, line)


def _find_end(stream: StreamWindow, inside: re.Pattern[str]) -> str:
    """Move to the record's end: "end" (its tag), "stop" (a tag that cannot be inside), or "cut"."""
    match = stream.find(_TAG_END)
    while match:
        if match[0] == "/>" or (match.re is inside and match["end"]):
            stream.mark = match.end()
            return "end"
        if match.re is inside:
            if match["stop"]:
                return "stop"
            stream.mark = match.end()
            if not _skip_section(stream, match):
                break
        match = stream.find(inside)
    stream.mark = len(stream.window)
    return "cut"


def _whole(text: str, shape: Shape, name: str, line: int) -> Iterator[Event]:
    try:
        yield parse(text, shape, name, line)
        return
    except TooDeep:
        yield BadRecord(name, Reason.TOO_DEEP, line, text[:HEAD])
        return
    except expat.ExpatError:
        repaired = _repaired(text, shape, name, line, Reason.MALFORMED)
    if isinstance(repaired, Element) or "<![CDATA[" not in text:
        yield repaired
    else:
        # An unclosed section swallows the following records. Valid records never get here, so commenters' text is not
        # parsed as markup.
        yield from _salvage(text, shape, line)


def _salvage(text: str, shape: Shape, line: int) -> Iterator[Event]:
    opened: re.Match[str] | None = None
    opened_line = at = 0
    for match in shape.tags.finditer(text):
        line, at = line + text.count("\n", at, match.start()), match.start()
        name = local_name(match["name"])
        if opened and match["name"] == opened["name"] and match["closing"]:
            end = text.find(">", match.end(), match.end() + HEAD) + 1
            candidate = close_sections(text[opened.start() : end or match.end()])
            yield _repaired(candidate, shape, name, opened_line, Reason.MALFORMED)
            opened = None
        elif not opened or _stops(shape, opened, name):
            if opened:
                yield _unclosed(opened, opened_line)
            opened, opened_line = (match if name in shape.records and not match["closing"] else None), line
            if name in shape.sections:
                yield SectionEnd(name) if match["closing"] else SectionStart(name, line)
    if opened:
        yield _unclosed(opened, opened_line)


def _stops(shape: Shape, opened: re.Match[str], name: str) -> bool:
    return name in shape.sections or name in shape.stops[local_name(opened["name"])]


def _unclosed(opened: re.Match[str], line: int) -> BadRecord:
    head = opened.string[opened.start() : opened.start() + HEAD]
    return BadRecord(local_name(opened["name"]), Reason.NOT_CLOSED, line, head)


def _repaired(text: str, shape: Shape, name: str, line: int, reason: Reason) -> Element | BadRecord:
    try:
        element = parse(repair(text, shape), shape, name, line)
    except TooDeep:
        return BadRecord(name, Reason.TOO_DEEP, line, text[:HEAD])
    except expat.ExpatError:
        return BadRecord(name, reason, line, text[:HEAD])
    element.repaired = True
    return element

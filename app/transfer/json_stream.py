"""Stream the elements of the lists of a long JSON document, or of several in one file."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.transfer.record import Reason, Trouble, TruncatedFile, UnreadableFile
from app.transfer.source import Source
from app.transfer.stream_window import StreamWindow

MAX_ELEMENT = 1 << 22  # characters
HEAD = 4_000  # characters of a lost element, searched for its id
MAX_DEPTH = 100  # nested lists and objects; in Cusdis each level of replies is three
MAX_INSIDE = 4  # objects inside each other whose lists are streamed

_TOKEN = re.compile(r'["{}\[\]]')
_STRING_END = re.compile(r'\\.|"', re.DOTALL)
_START = re.compile(r"\S")
_NEXT = re.compile(r"[^\s,]")
_KEY_OR_END = re.compile(r'["}]')
_ELEMENT_OR_END = re.compile(r"[^\s,]")
_PLAIN_END = re.compile(r"[,\]}\s]")
# At the beginning of an element: an answer of an API, with its rows under "data".
_ANSWER = re.compile(r'(?=\S)(?P<data>\{\s{0,99}"data"\s{0,9}:)?')


@dataclass(frozen=True, slots=True)
class Element:
    """An element of the list `key`, or (not `listed`) the value of `key`."""

    key: str
    value: object
    line: int
    listed: bool


@dataclass(frozen=True, slots=True)
class BadElement:
    key: str
    reason: Reason
    line: int
    head: str


def elements(
    source: Source, *, inside: frozenset[str] = frozenset(), rows: bool = False
) -> Iterator[Element | BadElement]:
    """Elements of the top-level objects and lists in order; a top-level list has the key "".

    Objects under a key of `inside` are streamed like the top-level one. With `rows`, a top-level object is an element
    (JSON lines). Lists and answers in one list (jq --slurp, gh --slurp) are read like one after the other. Raises
    UnreadableFile if the text is no JSON, TruncatedFile if it ends too early.
    """
    stream = StreamWindow(source.text())
    if stream.find(_START) is None and not source.damaged:
        raise UnreadableFile(Trouble.WRONG_FORMAT)
    try:
        yield from _documents(stream, inside, rows=rows)
    except _End as end:
        if end.begun:
            yield end.begun
        raise TruncatedFile(line=stream.line(), position=source.position) from None
    if source.damaged:
        raise TruncatedFile(line=stream.line(), position=source.position)


def is_null(element: Element | BadElement) -> bool:
    """True for null in the place of an empty list, as Go and PHP write it."""
    return isinstance(element, Element) and not element.listed and element.value is None


def until_cut(found: Iterator[Element | BadElement]) -> Iterator[Element | BadElement]:
    """The same elements without an error at the end of a truncated file, for a first pass."""
    try:
        yield from found
    except TruncatedFile:
        return  # the second pass reaches the same place, after all records


class _End(Exception):
    begun: BadElement | None = None


def _documents(stream: StreamWindow, inside: frozenset[str], *, rows: bool) -> Iterator[Element | BadElement]:
    first, begun = _found(stream, _START), False
    while first:
        if first == "[":
            stream.mark += 1
            yield from _slurped(stream, inside)
        elif first != "{":
            raise UnreadableFile(Trouble.DAMAGED if begun else Trouble.WRONG_FORMAT)
        elif rows:
            yield _value(stream, "", listed=True)
        else:
            yield from _object(stream, inside)
        match = stream.find(_NEXT)
        first, begun = match[0] if match else "", True


def _object(stream: StreamWindow, inside: frozenset[str], depth: int = 1) -> Iterator[Element | BadElement]:
    _expect(stream, "{")
    while _found(stream, _KEY_OR_END) == '"':
        key = _value(stream, "", listed=False)
        _expect(stream, ":")
        if not isinstance(key, Element) or not isinstance(key.value, str):
            raise UnreadableFile(Trouble.DAMAGED, line=stream.line())
        first = _found(stream, _START)
        if first == "[":
            stream.mark += 1
            yield from _list(stream, key.value)
        elif first == "{" and key.value in inside and depth < MAX_INSIDE:
            yield from _object(stream, inside, depth + 1)
        else:
            yield _value(stream, key.value, listed=False)
    stream.mark += 1


def _slurped(stream: StreamWindow, inside: frozenset[str]) -> Iterator[Element | BadElement]:
    while (first := _found(stream, _ELEMENT_OR_END)) != "]":
        answer = stream.find(_ANSWER) if inside else None
        if first == "[":
            stream.mark += 1
            yield from _list(stream, "")
        elif answer and answer["data"]:
            yield from _object(stream, inside)
        else:
            yield _value(stream, "", listed=True)
    stream.mark += 1


def _list(stream: StreamWindow, key: str) -> Iterator[Element | BadElement]:
    while _found(stream, _ELEMENT_OR_END) != "]":
        yield _value(stream, key, listed=True)
    stream.mark += 1


def _found(stream: StreamWindow, pattern: re.Pattern[str]) -> str:
    match = stream.find(pattern)
    if match is None:
        stream.mark = len(stream.window)
        raise _End
    return match[0]


def _expect(stream: StreamWindow, char: str) -> None:
    if _found(stream, _START) != char:
        raise UnreadableFile(Trouble.DAMAGED, line=stream.line())
    stream.mark += 1


def _value(stream: StreamWindow, key: str, *, listed: bool) -> Element | BadElement:
    line = stream.line()
    stream.capture(MAX_ELEMENT)
    try:
        depth = _skip_value(stream)
    except _End as end:
        end.begun = BadElement(key, Reason.CUT_OFF, line, stream.captured()[0][:HEAD])
        raise
    text, whole = stream.captured()
    if not whole or depth > MAX_DEPTH:
        reason = Reason.TOO_DEEP if whole else Reason.TOO_LARGE
        return BadElement(key, reason, line, text[:HEAD])
    try:
        return Element(key, json.loads(text, strict=False), line, listed)
    except ValueError:  # also a number with too many digits for Python
        return BadElement(key, Reason.MALFORMED, line, text[:HEAD])


def _skip_value(stream: StreamWindow) -> int:
    depth = deepest = 0
    first = _found(stream, _START)
    if first not in '"{[':
        stream.mark += 1
        _found(stream, _PLAIN_END)
        return 0
    while True:
        sign = _found(stream, _TOKEN)
        stream.mark += 1
        if sign == '"':
            _skip_string(stream)
        else:
            depth += 1 if sign in "{[" else -1
            deepest = max(deepest, depth)
        if depth <= 0:
            return deepest


def _skip_string(stream: StreamWindow) -> None:
    while True:
        sign = _found(stream, _STRING_END)
        stream.mark += len(sign)
        if sign == '"':
            return

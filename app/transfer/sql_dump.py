"""Stream the rows of a plain PostgreSQL dump (pg_dump): its COPY blocks.

The text format of COPY: postgresql.org/docs/current/sql-copy.html, "Text Format".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.transfer.record import Reason, Skip, TruncatedFile
from app.transfer.source import Source
from app.transfer.stream_window import StreamWindow

MAX_LINE = 1 << 22  # characters of one row

_NEWLINE = re.compile(r"\n")
_COPY = re.compile(r'COPY (?:"?\w{1,63}"?\.)?"?(?P<table>\w{1,63})"? \((?P<columns>[^()]{1,4000})\) FROM stdin;\s*\Z')
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
_PLAIN = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(frozen=True, slots=True)
class DumpRow:
    table: str
    values: dict[str, str | None]
    line: int


@dataclass(frozen=True, slots=True)
class TableStart:
    table: str
    columns: tuple[str, ...]


def rows(source: Source) -> Iterator[TableStart | DumpRow | tuple[str, Skip]]:
    """Rows in the order of the dump; an unreadable row is the table's name and a skip.

    Raises TruncatedFile if the dump ends inside of a table.
    """
    stream = StreamWindow(source.text())
    table: TableStart | None = None
    while line := _line(stream):
        text, whole, number, ended = line
        if table is None:
            found = _COPY.match(text) if whole else None
            if found:
                table = TableStart(found["table"], tuple(each.strip(' "') for each in found["columns"].split(",")))
                yield table
        elif text == "\\.":
            table = None
        elif not ended or not whole:
            yield table.table, Skip(None, Reason.TOO_LARGE if ended else Reason.CUT_OFF, number)
        else:
            yield _row(table, text, number)
    if table is not None or source.damaged:
        raise TruncatedFile(line=stream.line(), position=source.position)


def _line(stream: StreamWindow) -> tuple[str, bool, int, bool] | None:
    number = stream.line()
    stream.capture(MAX_LINE)
    ended = stream.skip_past(_NEWLINE)
    text, whole = stream.captured()
    return (text.removesuffix("\n").removesuffix("\r"), whole, number, ended) if text or ended else None


def _row(table: TableStart, text: str, line: int) -> DumpRow | tuple[str, Skip]:
    fields = text.split("\t")
    if len(fields) != len(table.columns):
        return table.table, Skip(None, Reason.MALFORMED, line)
    return DumpRow(table.table, dict(zip(table.columns, map(_value, fields), strict=True)), line)


def _value(field: str) -> str | None:
    if field == r"\N":
        return None
    return _ESCAPE.sub(_character, field) if "\\" in field else field


def _character(escape: re.Match[str]) -> str:
    hexadecimal, octal, plain = escape.groups()
    if plain is not None:
        return _PLAIN.get(plain, plain)
    return chr(int(hexadecimal, 16) if hexadecimal else int(octal, 8) & 0xFF)

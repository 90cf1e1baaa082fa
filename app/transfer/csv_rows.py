"""Stream the rows of a CSV file with a header line (RFC 4180)."""

import csv
import re
from collections.abc import Iterator, Set

from app.transfer.record import Reason, Skip, Trouble, TruncatedFile, UnreadableFile
from app.transfer.source import Source
from app.transfer.stream_window import StreamWindow

MAX_RECORD = 1 << 22  # characters of one row
MAX_COLUMNS = 200

_QUOTE_OR_NEWLINE = re.compile(r'["\n]')
_QUOTE = re.compile(r'"')

csv.field_size_limit(MAX_RECORD)  # of this process; the limit of a row comes before


def rows(source: Source, needed: Set[str]) -> Iterator[tuple[dict[str, str] | Skip, int]]:
    """Rows by column and their line numbers.

    Raises UnreadableFile if the header lacks one of the `needed` columns, TruncatedFile if the last row has no end.
    """
    stream = StreamWindow(source.text())
    header: list[str] = []
    while record := _record(stream):
        text, whole, line, ended = record
        if not header:
            header = _header(text, needed) if whole else []
            if not header:
                raise UnreadableFile(Trouble.WRONG_FORMAT)
        elif not ended:
            yield Skip(None, Reason.CUT_OFF, line), line
            raise TruncatedFile(line=line, position=source.position)
        elif not whole:
            yield Skip(None, Reason.TOO_LARGE, line), line
        elif text.strip():
            yield _row(text, header, line), line
    if source.damaged:
        raise TruncatedFile(line=stream.line(), position=source.position)
    if not header:
        raise UnreadableFile(Trouble.WRONG_FORMAT)


def _header(text: str, needed: Set[str]) -> list[str]:
    names = [each.strip() for each in _fields(text) or ()]
    return names if needed <= set(names) and len(names) <= MAX_COLUMNS else []


def _row(text: str, header: list[str], line: int) -> dict[str, str] | Skip:
    fields = _fields(text)
    if fields is None or len(fields) != len(header):
        return Skip(None, Reason.MALFORMED, line)
    return dict(zip(header, fields, strict=True))


def _fields(text: str) -> list[str] | None:
    try:
        found = list(csv.reader([text], strict=True))
    except csv.Error:
        return None
    return found[0] if len(found) == 1 else None


def _record(stream: StreamWindow) -> tuple[str, bool, int, bool] | None:
    """The next record, in which newlines may be quoted: text, whether it is within the limit, line, whether it ends."""
    line = stream.line()
    stream.capture(MAX_RECORD)
    ended = True
    while match := stream.find(_QUOTE_OR_NEWLINE):
        stream.mark = match.end()
        if match[0] == "\n":
            break
        if not stream.skip_past(_QUOTE):
            ended = False
            break
    else:
        stream.mark = len(stream.window)
    text, whole = stream.captured()
    return (text, whole, line, ended) if text else None

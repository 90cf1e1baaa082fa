"""Read an archive line by line; validate its header and settings."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from app.lib.language import languages
from app.lib.urls import is_origin
from app.transfer.archive import BY_NAME, FORMAT, SITE_COLUMNS, VERSION, Row
from app.transfer.counter import RestoreCounts
from app.transfer.record import Reason, Skip, Trouble, TruncatedFile, UnreadableFile
from app.transfer.source import Source
from app.transfer.stream_window import StreamWindow
from app.transfer.validate import InvalidValue, default_of, validated

MAX_LINE = 1 << 25  # characters
MAX_SETTING = 1_000_000  # days, minutes, comments
GROWING = ("version", "rules_version")
HIGHEST = 1 << 44  # of an id; nine digits of base 32 hold more

_NEWLINE = re.compile("\n")
_ID = re.compile(r'"id"\s{0,9}:\s{0,9}([0-9]{1,18})')


@dataclass(frozen=True)
class Line:
    kind: str
    row: Row
    number: int


def lines_of(source: Source, counts: RestoreCounts) -> Iterator[Line]:
    stream = StreamWindow(source.text())
    while True:
        number = stream.line()
        stream.capture(MAX_LINE)
        ended = stream.skip_past(_NEWLINE)
        text, whole = stream.captured()
        if not text and not ended:
            break
        row = _loaded(text) if whole else None
        if number == 1 and not text.lstrip("\ufeff").startswith("{"):
            raise UnreadableFile(Trouble.WRONG_FORMAT)
        if not ended and row is None:
            counts.skips.append(Skip(_id_in(text), Reason.CUT_OFF, number))
            raise TruncatedFile(line=number, position=source.position)
        if number == 1 and isinstance(row, dict):
            yield Line("", row, number)
        elif not isinstance(row, dict):
            counts.unrecognised(_id_in(text), Reason.MALFORMED if whole else Reason.TOO_LARGE, number)
        elif row.get("type") in (*BY_NAME, "moderator", "site"):
            yield Line(row["type"], row, number)
        else:
            counts.unrecognised(_id_in(text), Reason.UNKNOWN_RECORD, number)
    if source.damaged:
        raise TruncatedFile(line=stream.line(), position=source.position)


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _id_in(text: str) -> str | None:
    found = _ID.search(text, 0, 4_000)
    return found[1] if found else None


def display_id(line: Line) -> str | None:
    id = line.row.get("id")
    return f"{line.kind} {id}" if isinstance(id, int) else None


def table_sizes(head: Line | None) -> dict[str, dict[str, int]]:
    """Row count and highest id of each table, from the header."""
    row = head.row if head else {}
    if row.get("format") != FORMAT or not isinstance(row.get("tables"), dict):
        raise UnreadableFile(Trouble.WRONG_FORMAT)
    if row.get("version") != VERSION:
        raise UnreadableFile(Trouble.NEWER)
    found = {name: row["tables"][name] for name in BY_NAME if name in row["tables"]}
    for extent in found.values():
        numbers = [extent.get("rows"), extent.get("highest")] if isinstance(extent, dict) else [None]
        if not all(type(number) is int and 0 <= number < HIGHEST for number in numbers):
            raise UnreadableFile(Trouble.DAMAGED, line=1)
    return found


def settings_of(line: Line | None) -> Row:
    """The site's settings. Raises UnreadableFile if one is invalid."""
    row = line.row if line and line.kind == "site" else None
    if row is None:
        raise UnreadableFile(Trouble.DAMAGED, line=2)
    try:
        settings = {
            column.name: validated(column, row[column.name]) if column.name in row else default_of(column)
            for column in SITE_COLUMNS
        }
        if not _can_work(settings):
            raise InvalidValue
    except InvalidValue as trouble:
        raise UnreadableFile(Trouble.DAMAGED, line=2) from trouble
    return settings


def _can_work(settings: Row) -> bool:
    origins = settings["origins"]
    return (
        isinstance(origins, list)
        and all(map(is_origin, origins))
        and settings["lang"] in languages()
        and settings["timezone"] in available_timezones()
        and settings["max_depth"] <= 10
        and 1 <= settings["page_size"] <= 200
        and re.fullmatch("(?:[0-9a-f]{2}){1,32}", settings["avatar_key"]) is not None
        and all(value <= MAX_SETTING for name, value in settings.items() if type(value) is int and name not in GROWING)
    )

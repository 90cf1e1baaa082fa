"""Find text anywhere in the database, and remove the bytes of erased rows."""

import json
import logging
import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Row,
    String,
    Table,
    Text,
    and_,
    cast,
    false,
    func,
    or_,
    select,
    text,
    true,
)

from app.extensions import db
from app.lib import address_forms
from app.lib.secrets import Encrypted
from app.models import Site
from app.operations import dead_bytes

log = logging.getLogger(__name__)

ROWS = 1000  # in memory
AT_ONCE = 500  # ids in one statement
MEMORY = "256MB"  # for rebuilding indexes on PostgreSQL
CHUNK = 1 << 22  # bytes


class Place(NamedTuple):
    """A value in a row; `id` is its primary key."""

    table: Table
    column: Column[Any]
    id: tuple[Any, ...]
    value: Any


# author.email is found by its keyed hash; comment.address holds networks.
BY_INDEX = {"author.email": "email_index"}
# A Message-ID consists of a number and the host.
NOT_SEARCHED = {"comment.address", "comment.path", "delivery.message_id"}
# Found by the search index; HTML is rendered from the text.
INDEXED = {"comment.body", "comment.html", "comment.name"}
HASHES = (
    "_index", "_hash", "_digest", "avatar_key", "fingerprint", "recipient", "request_key", "text_key", "typed_by",
)  # fmt: skip
MAX_CODE = 32  # characters; no shorter column holds typed text
# More names are compared here: the expression would be too deep for SQLite.
MANY_NAMES = 50
# Characters that text, HTML and JSON write alike.
PLAIN = re.compile(r"[ !#-%(-;=?-\[\]-~]+")


def occurrences(
    address: str,
    names: Sequence[str] = (),
    site_ids: Sequence[int] | None = None,
    *,
    comments: Iterable[int],
    most: int | None = None,
) -> Iterator[tuple[str, Place]]:
    """Values that contain the email address in any spelling, or a name in any case.

    In all tables, or in rows of these sites; at most `most` values of a table. The database filters plain text;
    encrypted values are read one by one. `comments` are ids that may match according to the search index
    (app/search/index.py).
    """
    folded = {name: name.casefold() for name in names}
    for table in db.metadata.sorted_tables:
        yield from islice(_occurrences_in(table, address, folded, site_ids, comments), most)


def _occurrences_in(
    table: Table, address: str, folded: dict[str, str], site_ids: Sequence[int] | None, comments: Iterable[int]
) -> Iterator[tuple[str, Place]]:
    within = _of_sites(table, site_ids)
    if within is None:
        return
    texts = [column for column in table.columns if _may_hold(column)]
    indexed = [column for column in texts if str(column) in INDEXED]
    others = [column for column in texts if column not in indexed]
    for columns, rows in (
        (indexed, _by_id(table, indexed, within, comments)),
        (others, _narrowed(table, others, within, list(folded.values()), address)),
    ):
        for row in rows:
            for column, value in zip(columns, row[len(table.primary_key) :], strict=True):
                if value:
                    place = Place(table, column, tuple(row[: len(table.primary_key)]), value)
                    yield from ((needle, place) for needle in _matches(list(strings_in(value)), address, folded))


def _matches(texts: list[str], address: str, folded: dict[str, str]) -> Iterator[str]:
    if address and any(address_forms.contains(each, address) for each in texts):
        yield address
    said = "\n".join(texts).casefold() if folded else ""
    yield from (name for name, small in folded.items() if small in said)


def strings_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for each in pair for text in strings_in(each))
    elif isinstance(value, list):
        yield from (text for each in value for text in strings_in(each))


def _may_hold(column: Column[Any]) -> bool:
    kind = column.type
    typed = (
        isinstance(kind, String | Text | JSON | Encrypted)
        and (getattr(kind, "length", None) or MAX_CODE + 1) > MAX_CODE
    )
    return typed and str(column) not in NOT_SEARCHED and not str(column.name).endswith(HASHES)


def _by_id(
    table: Table, texts: list[Column[Any]], within: ColumnElement[bool], ids: Iterable[int]
) -> Iterator[Row[Any]]:
    waiting = iter(ids if texts else ())
    while some := list(islice(waiting, AT_ONCE)):
        yield from db.session.execute(select(table.c.id, *texts).where(table.c.id.in_(some), within))


def _narrowed(
    table: Table, texts: list[Column[Any]], within: ColumnElement[bool], names: list[str], address: str
) -> Iterator[Row[Any]]:
    if not texts:
        return
    keys = [key.label(f"key_{key.name}") for key in table.primary_key]
    holds: list[ColumnElement[bool]] = []
    is_any = [true()] if len(names) > MANY_NAMES else []
    for column in texts:
        if isinstance(column.type, Encrypted):
            index = BY_INDEX.get(str(column))
            holds.append(and_(column != "", table.c[index].is_(None)) if index else column != "")
        else:
            some = is_any or [_contains(column, name) for name in names] + ([_has_address(column)] if address else [])
            # Most are empty, which is cheaper to compare.
            holds.append(and_(_said(column).not_in(("", "[]")), or_(false(), *some)))
    query = select(*keys, *texts).where(within, or_(false(), *holds))
    with db.session.execute(query, execution_options={"yield_per": ROWS}) as rows:
        yield from rows


def _said(column: Column[Any]) -> ColumnElement[str]:
    return cast(column, Text) if isinstance(column.type, JSON) else column


def _of_sites(table: Table, site_ids: Sequence[int] | None) -> ColumnElement[bool] | None:
    if site_ids is None:
        return true()
    if table.name == "audit_event":
        return table.c.site.in_(select(Site.key).where(Site.id.in_(site_ids)))
    return table.c.site_id.in_(site_ids) if "site_id" in table.c else None


def _has_address(column: Column[Any]) -> ColumnElement[bool]:
    """True if it contains an @ in any spelling; JSON may escape it."""
    if isinstance(column.type, JSON):
        said = _said(column)
        return or_(*(said.contains(sign, autoescape=True) for sign in ("@", "\\uff20", "\\ufe6b", "%40", "&")))
    if db.engine.dialect.name == "sqlite":
        signs = ("@", "\uff20", "\ufe6b", "%40", "&#", "&c", "&C", "&amp;#", "&amp;c", "&amp;C")
        return or_(*(func.instr(column, sign) > 0 for sign in signs))
    return column.op("~")("[@\uff20\ufe6b]|%40|&(amp;)?[#cC]")


def _contains(column: Column[Any], needle: str) -> ColumnElement[bool]:
    """May be a false positive: compares a part, ignoring ASCII case."""
    said = _said(column)
    if needle.lower() == needle.upper():
        # JSON is written in ASCII.
        return or_(*(said.contains(form, autoescape=True) for form in {needle, json.dumps(needle)[1:-1]}))
    longest = max(PLAIN.findall(needle), key=len, default="")
    if len(longest) <= 2:
        return column.is_not(None)
    return or_(said.icontains(longest, autoescape=True), _is_odd(column, longest))


def _is_odd(column: Column[Any], plain: str) -> ColumnElement[bool]:
    """True if a character's lower case contains a part of it: Python compares those rows."""
    odd = "".join(character for character, letters in _odd_characters().items() if letters.intersection(plain))
    if isinstance(column.type, JSON):
        return _said(column).contains("\\u", autoescape=True)
    if db.engine.dialect.name == "sqlite":
        return column.op("GLOB")(f"*[{odd}]*")
    return column.op("~")(f"[{odd}]")


@cache
def _odd_characters() -> dict[str, set[str]]:
    """Characters whose lower case has ASCII letters, such as the Kelvin sign and ß, with those letters."""
    return {
        chr(code): letters
        for code in range(0x80, 0x1_0000)
        if (letters := {each for each in chr(code).casefold() if each.isascii()})
    }


def remove_dead_bytes(tables: Collection[str], tell: Callable[[str], None] = lambda _table: None) -> bool:
    """Remove the bytes of erased rows of these tables. Commits; False if other connections were in the way.

    SQLite zeroes deleted rows (secure_delete), but not copies of rows that moved to another page: those are
    overwritten. PostgreSQL keeps dead rows until VACUUM FULL, which locks each table during its copy: `tell` gets the
    name of each before.
    """
    db.session.commit()
    if db.engine.dialect.name == "sqlite":
        return _clean_file()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"SET maintenance_work_mem = '{MEMORY}'"))
        for table in sorted(tables):
            tell(table)
            connection.execute(text(f'VACUUM FULL "{table}"'))
        connection.execute(text("RESET maintenance_work_mem"))
    return True


def _clean_file() -> bool:
    """Falls back to VACUUM for an unknown layout."""
    path = db.engine.url.database
    db.engine.dispose()
    try:
        return dead_bytes.overwrite(Path(path)) if path else True
    except dead_bytes.UnknownLayout as trouble:
        log.warning("file is written again", extra={"because": str(trouble)})
        return _vacuum_file()


def _vacuum_file() -> bool:
    """Without SQLAlchemy, which would begin a transaction."""
    connection = db.engine.raw_connection()
    try:
        connection.execute("VACUUM")
        busy, _pages, _done = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return not busy


def occurrences_in_file(needles: list[str]) -> list[str] | None:
    """Texts that occur in SQLite's files, plain or as JSON; None for PostgreSQL."""
    path = db.engine.url.database
    if db.engine.dialect.name != "sqlite" or not path:
        return None
    db.engine.dispose()  # closing the file would lose its locks
    forms = {form: needle for needle in needles for form in _forms(needle)}
    return sorted({forms[form] for file in _files(Path(path)) for form in _within(file, forms)})


def _files(path: Path) -> list[Path]:
    beside = [path.with_name(path.name + end) for end in ("-wal", "-journal")]
    return [path, *(file for file in beside if file.exists())]


def _forms(needle: str) -> set[bytes]:
    escaped = needle.encode("ascii", "backslashreplace")
    return {needle.encode(), needle.casefold().encode(), escaped}


def _within(file: Path, needles: Collection[bytes]) -> set[bytes]:
    """The needles in the file, which is read once."""
    found, tail, longest = set[bytes](), b"", max(map(len, needles), default=0)
    with file.open("rb") as handle:
        while needles and (chunk := handle.read(CHUNK)):
            read = tail + chunk
            found |= {needle for needle in needles if needle in read}
            tail = read[-longest:]
    return found

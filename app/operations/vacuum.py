"""The database as a whole: where a text stands in it, and a file from which what was erased is really gone."""

import json
import re
import sqlite3
from collections.abc import Collection, Iterator, Sequence
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

ROWS = 1000  # in memory at once
CHUNK = 1 << 22  # bytes


class Place(NamedTuple):
    """A value of one row; `id` is its primary key."""

    table: Table
    column: Column[Any]
    id: tuple[Any, ...]
    value: Any


# An address in author.email is found by its keyed hash, if there is one; comment.address holds networks.
BY_INDEX = {"author.email": "email_index"}
NOT_SEARCHED = {"comment.address"}
UNREADABLE = ("_index", "_hash", "avatar_key", "fingerprint", "recipient", "request_key", "text_key", "typed_by")
OURS = 32  # characters; no shorter column holds typed text
# What is written alike in a text, in HTML and in JSON.
PLAIN = re.compile(r"[ !#-%(-;=?-\[\]-~]+")
# Characters that are ASCII letters in lower case, such as the Kelvin sign, and ß, which is two.
ODD = {
    chr(code): letters
    for code in range(0x80, 0x1_0000)
    if (letters := {each for each in chr(code).casefold() if each.isascii()})
}


def holding(
    address: str, names: Sequence[str] = (), site_ids: Sequence[int] | None = None
) -> Iterator[tuple[str, Place]]:
    """Every value that holds the email address however it is written, or a name in any case, with what it holds.

    In all tables, or only in the rows that belong to these sites. The database narrows plain text down; rows with an
    encrypted value are read one at a time.
    """
    folded = {name: name.casefold() for name in names}
    for table in db.metadata.sorted_tables:
        texts = [column for column in table.columns if _may_hold(column)]
        for row in _candidates(table, texts, list(folded.values()), site_ids):
            found = zip(texts, row[len(table.primary_key) :], strict=True)
            for column, value in ((column, value) for column, value in found if value):
                place = Place(table, column, tuple(row[: len(table.primary_key)]), value)
                yield from ((needle, place) for needle in _held(list(strings_in(value)), address, folded))


def _held(texts: list[str], address: str, folded: dict[str, str]) -> Iterator[str]:
    if any(address_forms.holds(each, address) for each in texts):
        yield address
    said = "\n".join(texts).casefold() if folded else ""
    yield from (name for name, small in folded.items() if small in said)


def strings_in(value: Any) -> Iterator[str]:
    """The texts of a value of a column; JSON holds several."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for each in pair for text in strings_in(each))
    elif isinstance(value, list):
        yield from (text for each in value for text in strings_in(each))


def _may_hold(column: Column[Any]) -> bool:
    kind = column.type
    typed = isinstance(kind, String | Text | JSON | Encrypted) and (getattr(kind, "length", None) or OURS + 1) > OURS
    return typed and str(column) not in NOT_SEARCHED and not str(column.name).endswith(UNREADABLE)


def _candidates(
    table: Table, texts: list[Column[Any]], names: list[str], site_ids: Sequence[int] | None
) -> Iterator[Row[Any]]:
    within = _of_sites(table, site_ids)
    if not texts or within is None:
        return
    keys = [key.label(f"key_{key.name}") for key in table.primary_key]
    holds: list[ColumnElement[bool]] = []
    for column in texts:
        if isinstance(column.type, Encrypted):
            index = BY_INDEX.get(str(column))
            holds.append(and_(column != "", table.c[index].is_(None)) if index else column != "")
        else:
            holds += [_has_address(column), *(_contains(column, name) for name in names)]
    query = select(*keys, *texts).where(within, or_(false(), *holds))
    yield from db.session.execute(query, execution_options={"yield_per": ROWS})


def _of_sites(table: Table, site_ids: Sequence[int] | None) -> ColumnElement[bool] | None:
    """Which rows belong to these sites; None when none of the table does."""
    if site_ids is None:
        return true()
    if "site_id" in table.c:
        return table.c.site_id.in_(site_ids)
    if "comment_id" not in table.c:
        return None
    comment = db.metadata.tables["comment"]
    return table.c.comment_id.in_(select(comment.c.id).where(comment.c.site_id.in_(site_ids)))


def _has_address(column: Column[Any]) -> ColumnElement[bool]:
    """Whether there is an @ in any spelling; in JSON it may be escaped."""
    if isinstance(column.type, JSON):
        said = cast(column, Text)
        return or_(*(said.contains(sign, autoescape=True) for sign in ("@", "\\uff20", "\\ufe6b", "%40", "&")))
    if db.engine.dialect.name == "sqlite":
        signs = ("@", "\uff20", "\ufe6b", "%40", "&#", "&c", "&C", "&amp;#", "&amp;c", "&amp;C")
        return or_(*(func.instr(column, sign) > 0 for sign in signs))
    return column.op("~")("[@\uff20\ufe6b]|%40|&(amp;)?[#cC]")


def _contains(column: Column[Any], needle: str) -> ColumnElement[bool]:
    """May say too much: the database compares a part of it, in any case of ASCII letters."""
    said = cast(column, Text) if isinstance(column.type, JSON) else column
    if needle.lower() == needle.upper():
        # JSON is written in ASCII.
        return or_(*(said.contains(form, autoescape=True) for form in {needle, json.dumps(needle)[1:-1]}))
    longest = max(PLAIN.findall(needle), key=len, default="")
    if len(longest) <= 2:
        return column.is_not(None)
    return or_(said.icontains(longest, autoescape=True), _is_odd(column, longest))


def _is_odd(column: Column[Any], plain: str) -> ColumnElement[bool]:
    """Whether characters are in it that could be a part of this in lower case: Python compares those rows."""
    odd = "".join(character for character, letters in ODD.items() if letters.intersection(plain))
    if isinstance(column.type, JSON):
        return cast(column, Text).contains("\\u", autoescape=True)
    if db.engine.dialect.name == "sqlite":
        return column.op("GLOB")(f"*[{odd}]*")
    return column.op("~")(f"[{odd}]")


def sweep(tables: list[str]) -> bool:
    """Write these tables again without what was erased from them. Commits; False when readers are in the way.

    SQLite zeroes what is deleted (secure_delete), but not the copies that stay in a page when its rows move to
    another one: only VACUUM leaves them behind. PostgreSQL keeps dead rows in its pages until VACUUM FULL, which
    locks each table for the time that it takes to copy it.
    """
    db.session.commit()
    if db.engine.dialect.name == "sqlite":
        return _sweep_file()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in tables:
            connection.execute(text(f'VACUUM FULL "{table}"'))
    return True


def _sweep_file() -> bool:
    """Past SQLAlchemy, which would begin a transaction: within one SQLite does neither."""
    connection = db.engine.raw_connection()
    try:
        connection.execute("VACUUM")
        busy, _pages, _done = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return not busy


def file_holds(needles: list[str]) -> list[str] | None:
    """Those of the texts that stand in SQLite's files, as text or as JSON writes it; None for another server's."""
    path = db.engine.url.database
    if db.engine.dialect.name != "sqlite" or not path:
        return None
    forms = {form: needle for needle in needles for form in _forms(needle)}
    return sorted({forms[form] for file in _files(Path(path)) for form in _within(file, forms)})


def _files(path: Path) -> list[Path]:
    beside = [path.with_name(path.name + end) for end in ("-wal", "-journal")]
    return [path, *(file for file in beside if file.exists())]


def _forms(needle: str) -> set[bytes]:
    escaped = needle.encode("ascii", "backslashreplace")
    return {needle.encode(), needle.casefold().encode(), escaped}


def _within(file: Path, needles: Collection[bytes]) -> set[bytes]:
    """Which of them stand in the file, which is read once."""
    found, tail, longest = set[bytes](), b"", max(map(len, needles), default=0)
    with file.open("rb") as handle:
        while needles and (chunk := handle.read(CHUNK)):
            read = tail + chunk
            found |= {needle for needle in needles if needle in read}
            tail = read[-longest:]
    return found

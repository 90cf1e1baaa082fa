"""The database as a whole: where a text stands in it, and a file from which what was erased is really gone."""

import json
import re
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import JSON, Column, ColumnElement, Row, String, Table, Text, cast, false, or_, select, text

from app.extensions import db
from app.lib.secrets import Encrypted

ROWS = 1000  # in memory at once
CHUNK = 1 << 22  # bytes


class Place(NamedTuple):
    """A value of one row; `id` is its primary key."""

    table: Table
    column: Column[Any]
    id: tuple[Any, ...]
    value: Any


# What these hold is found by a keyed hash beside them, or is no text that anybody typed.
NOT_SEARCHED = {"author.email", "comment.address"}
UNREADABLE = ("_index", "_hash", "avatar_key", "fingerprint", "recipient", "request_key", "text_key", "typed_by")
# What is written alike in a text, in HTML and in JSON.
PLAIN = re.compile(r"[ !#-%(-;=?-\[\]-~]+")


def holding(needles: Sequence[str], site_ids: Sequence[int] | None = None) -> Iterator[tuple[str, Place]]:
    """Every value that holds one of the texts in any case, with the text; encrypted ones are read.

    In all tables, or only in the rows that belong to these sites. The database looks through plain text by itself;
    rows with an encrypted value are read one at a time.
    """
    folded = {needle: needle.casefold() for needle in needles}
    for table in db.metadata.sorted_tables if folded else ():
        if site_ids is not None and "site_id" not in table.c:
            continue
        texts = [column for column in table.columns if _may_hold(column)]
        for row in _candidates(table, texts, list(folded.values()), site_ids):
            found = zip(texts, row[len(table.primary_key) :], strict=True)
            for column, value in ((column, value) for column, value in found if value):
                said = str(value).casefold()
                for needle in (needle for needle, small in folded.items() if small in said):
                    yield needle, Place(table, column, tuple(row[: len(table.primary_key)]), value)


def _may_hold(column: Column[Any]) -> bool:
    readable = isinstance(column.type, String | Text | JSON | Encrypted)
    return readable and str(column) not in NOT_SEARCHED and not str(column.name).endswith(UNREADABLE)


def _candidates(
    table: Table, texts: list[Column[Any]], needles: list[str], site_ids: Sequence[int] | None
) -> Iterator[Row[Any]]:
    keys = [key.label(f"key_{key.name}") for key in table.primary_key]
    plain = [column for column in texts if not isinstance(column.type, Encrypted)]
    query = select(*keys, *texts)
    if site_ids is not None:
        query = query.where(table.c.site_id.in_(site_ids))
    holds = [_contains(column, needle) for column in plain for needle in needles]
    holds += [column != "" for column in texts if column not in plain]
    yield from db.session.execute(query.where(or_(false(), *holds)), execution_options={"yield_per": ROWS})


def _contains(column: Column[Any], needle: str) -> ColumnElement[bool]:
    """May say too much: the database compares a part of it, in any case of ASCII letters."""
    said = cast(column, Text) if isinstance(column.type, JSON) else column
    if needle.lower() == needle.upper():
        # JSON is written in ASCII.
        return or_(*(said.contains(form, autoescape=True) for form in {needle, json.dumps(needle)[1:-1]}))
    longest = max(PLAIN.findall(needle), key=len, default="")
    return said.icontains(longest, autoescape=True) if len(longest) > 2 else column.is_not(None)


def sweep(tables: list[str], needles: list[str]) -> bool:
    """Remove from disk what was erased from these tables. Commits; False when readers are in the way.

    SQLite zeroes what is deleted (secure_delete), and its log goes here; the file is only rewritten when one of the
    texts is found in it, for that takes minutes when it is large. PostgreSQL keeps dead rows in its pages until
    VACUUM FULL, which locks each table for the time that it takes to copy it.
    """
    db.session.commit()
    if db.engine.dialect.name == "sqlite":
        return _sweep_file(whole=False) and (not file_holds(needles) or _sweep_file(whole=True))
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in tables:
            connection.execute(text(f'VACUUM FULL "{table}"'))
    return True


def _sweep_file(*, whole: bool) -> bool:
    """Past SQLAlchemy, which would begin a transaction: within one SQLite does neither."""
    connection = db.engine.raw_connection()
    try:
        if whole:
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

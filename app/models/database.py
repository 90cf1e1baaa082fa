"""The database as a whole: where a text stands in it, and a file from which what was erased is really gone."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import JSON, Column, String, Table, Text, select, text

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


def holding(needle: str, site_ids: Sequence[int] | None = None) -> Iterator[Place]:
    """Every value that holds the text in any case, encrypted ones read; a row at a time.

    In all tables, or only in the rows that belong to these sites.
    """
    folded = needle.casefold()
    for table in db.metadata.sorted_tables:
        if site_ids is not None and "site_id" not in table.c:
            continue
        keys = list(table.primary_key.columns)
        texts = [column for column in table.columns if isinstance(column.type, String | Text | JSON | Encrypted)]
        query = select(*[key.label(f"key_{key.name}") for key in keys], *texts)
        if site_ids is not None:
            query = query.where(table.c.site_id.in_(site_ids))
        for row in db.session.execute(query, execution_options={"yield_per": ROWS}):
            for column, value in zip(texts, row[len(keys) :], strict=True):
                if value and folded in str(value).casefold():
                    yield Place(table, column, tuple(row[: len(keys)]), value)


def sweep(tables: list[str]) -> bool:
    """Write these tables anew without what was erased from them. Commits; False when readers are in the way.

    SQLite zeroes what is deleted (secure_delete); the log and the free space of pages go here. PostgreSQL keeps
    dead rows in its pages until VACUUM FULL, which locks each table for the time that it takes to copy it.
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
    forms = {needle: _forms(needle) for needle in needles}
    found = {
        needle for file in _files(Path(path)) for needle in needles if any(_is_in(file, form) for form in forms[needle])
    }
    return sorted(found)


def _files(path: Path) -> list[Path]:
    beside = [path.with_name(path.name + end) for end in ("-wal", "-journal")]
    return [path, *(file for file in beside if file.exists())]


def _forms(needle: str) -> set[bytes]:
    escaped = needle.encode("ascii", "backslashreplace")
    return {needle.encode(), needle.casefold().encode(), escaped}


def _is_in(file: Path, needle: bytes) -> bool:
    tail = b""
    with file.open("rb") as handle:
        while chunk := handle.read(CHUNK):
            if needle in tail + chunk:
                return True
            tail = chunk[-len(needle) :]
    return False

"""Copy an SQLite database while others write, and verify a copy."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Column, Table

from app.connections import SQLITE_BUSY_MS
from app.lib.secrets import all_keys
from app.models import keyring
from app.operations.backup_error import COUNTED, BackupError

START = b"SQLite format 3\0"


def copy(source: Path, target: Path) -> None:
    """VACUUM INTO reads in one transaction, which blocks no writer in WAL mode. Erased data is not copied."""
    # rw: a missing file is not created.
    address = f"file:{quote(str(source.absolute()))}?mode=rw"
    try:
        with closing(sqlite3.connect(address, timeout=SQLITE_BUSY_MS / 1000, isolation_level=None, uri=True)) as opened:
            opened.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as trouble:
        raise BackupError(f"Could not copy {source} to {target.parent}: {trouble}.") from trouble


def verify(file: Path) -> dict[str, Any]:
    """Verify integrity, references and keys; returns {"counts", "revisions"}. Raises BackupError."""
    connection = sqlite3.connect(f"file:{quote(str(file.absolute()))}?mode=ro&immutable=1", uri=True)
    try:
        _check(connection, file)
        counts = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in COUNTED}  # noqa: S608
        _check_keys(connection)
        revisions = {row[0] for row in connection.execute("SELECT version_num FROM alembic_version")}
    except sqlite3.Error as trouble:
        raise BackupError(f"{file} is not a Kaiwa backup: {trouble}.") from trouble
    finally:
        connection.close()
    return {"counts": counts, "revisions": revisions}


def _check(connection: sqlite3.Connection, file: Path) -> None:
    broken = [row[0] for row in connection.execute("PRAGMA integrity_check(3)") if row[0] != "ok"]
    if broken:
        raise BackupError(f"{file} is damaged: {'; '.join(broken)}")
    lost = connection.execute("PRAGMA foreign_key_check").fetchone()
    if lost:
        raise BackupError(f"{file} is damaged: a row of {lost[0]} refers to a missing row of {lost[2]}.")


def _check_keys(connection: sqlite3.Connection) -> None:
    """Raises BackupError if values need a key that is not configured."""

    def rows_of(table: Table, column: Column[Any], newest: bool) -> list[tuple[Any, ...]]:
        order = "DESC" if newest else "ASC"
        query = f"SELECT id, {column.name} FROM {table.name} ORDER BY id {order} LIMIT {keyring.LOOKED_AT}"  # noqa: S608
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []  # schema without this column

    try:
        prints = [keyring.Print(*row) for row in connection.execute("SELECT salt, digest, since FROM key_print")]
    except sqlite3.OperationalError:
        prints = []
    try:
        keyring.judge(prints, rows_of, all_keys())
    except keyring.WrongKey as wrong:
        raise BackupError(str(wrong)) from wrong

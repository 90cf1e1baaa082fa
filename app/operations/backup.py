"""Copy an SQLite database while others write, and verify a copy."""

import hashlib
import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Column, Table

from app.connections import SQLITE_BUSY_MS
from app.extensions import db
from app.lib.secrets import all_keys
from app.models import keyring
from app.operations import schema

COUNTED = ("site", "thread", "comment", "author", "decision")


class BackupError(ValueError):
    """The backup failed or is invalid; the message says why."""


def path_of_database() -> Path:
    """The SQLite file. Raises BackupError for PostgreSQL."""
    path = db.engine.url.database
    if db.engine.dialect.name != "sqlite" or not path:
        raise BackupError("The database is PostgreSQL. Use pg_dump to back it up (docs/backup.md).")
    return Path(path)


def create(file: Path) -> dict[str, Any]:
    """Copy the database to `file`, readable for its owner only, without blocking writers.

    The copy is verified before it gets its name. Returns {"file", "bytes", "sha256", "counts"}. Raises BackupError.
    """
    source = path_of_database()
    if file.exists():
        raise BackupError(f"{file} already exists. Choose another file name.")
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _copy(source, part)
        found = verify(part)
        _publish(part, file)
    except (OSError, sqlite3.Error) as trouble:
        raise BackupError(f"Could not write {file}: {trouble}.") from trouble
    finally:
        part.unlink(missing_ok=True)
    return found | {"file": str(file)}


def _copy(source: Path, copy: Path) -> None:
    """VACUUM INTO reads in one transaction, which blocks no writer in WAL mode. Erased data is not copied."""
    connection = sqlite3.connect(source, timeout=SQLITE_BUSY_MS / 1000, isolation_level=None)
    try:
        connection.execute("VACUUM INTO ?", (str(copy),))
    finally:
        connection.close()


def _publish(part: Path, file: Path) -> None:
    """Flush, then link to the final name unless it exists."""
    with part.open("rb") as written:
        os.fsync(written.fileno())
    try:
        file.hardlink_to(part)
    except FileExistsError as trouble:
        raise BackupError(f"{file} already exists. Choose another file name.") from trouble
    folder = os.open(file.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def verify(file: Path) -> dict[str, Any]:
    """Verify a copy: integrity, schema version, counts.

    Returns {"file", "bytes", "sha256", "counts", "revision", "current"}. Raises BackupError.
    """
    if not file.is_file():
        raise BackupError(f"{file} does not exist.")
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
    return {
        "file": str(file),
        "bytes": file.stat().st_size,
        "sha256": _sha256(file),
        "counts": counts,
        "revision": " ".join(sorted(revisions)),
        "current": schema.is_expected(revisions),
    }


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


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()

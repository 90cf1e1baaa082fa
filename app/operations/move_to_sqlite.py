"""A move to SQLite: the file has another name until it is complete."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url, select, text

from app.operations.move_place import unfinished_file
from app.operations.move_rows import MoveError
from app.operations.move_target import INDEX, LAST, OWN_TABLES, PROGRESS, Target

CACHE_KIB = 64 * 1024


class SqliteTarget(Target):
    def __init__(self, path: str) -> None:
        self.file = Path(path).absolute()
        self.label = f"sqlite:///{self.file}"
        self.engine = _engine(unfinished_file(self.file))

    @cached_property
    def _final(self) -> Engine:
        return _engine(self.file)

    def found(self) -> str:
        if not self.file.parent.is_dir():
            raise MoveError(f"The folder {self.file.parent} does not exist.")
        if self.is_public():
            token = _token_of(self.file)
            if not token:
                raise MoveError(f"{self.file} exists already. Name a new file.")
            return token
        moving = unfinished_file(self.file)
        if not moving.exists():
            return ""
        if token := _token_of(moving):
            return token
        raise MoveError(f"{moving} is not of a move. Delete it, or name another file.")

    def is_public(self) -> bool:
        return self.file.exists() and not _has_no_tables(self.file)

    def close(self) -> None:
        self.engine.dispose()
        self._final.dispose()

    def reading_engine(self) -> Engine:
        return self._final if self.is_public() else self.engine

    def _make_place(self, connection: Connection) -> None:
        """The file is there since the connection was opened."""

    def _take_apart(self, connection: Connection) -> Iterator[tuple[str, str]]:
        query = text("SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL")
        for kind, name, sql in connection.execute(query).all():
            connection.exec_driver_sql(f'DROP {kind} "{name}"')
            yield INDEX if kind == "index" else LAST, sql

    def set_sequences(self, connection: Connection) -> None:
        """SQLite has none."""

    def publish(self) -> None:
        if not self.is_public():
            with self.engine.connect().execution_options(reads_only=True) as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            self.engine.dispose()
            _remove(self.file)
            _rename(unfinished_file(self.file), self.file)
        with self._final.begin() as connection:
            for name in OWN_TABLES:
                connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{name}"')

    def discard(self) -> None:
        self.engine.dispose()
        _remove(unfinished_file(self.file))


def _engine(file: Path) -> Engine:
    engine = create_engine(make_url("sqlite://").set(database=str(file)))

    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: Any) -> None:
        # References are complete at the end only.
        for pragma in ("foreign_keys=OFF", "synchronous=FULL", f"cache_size=-{CACHE_KIB}", "temp_store=FILE"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _token_of(file: Path) -> str:
    """The file may be of any program: it is only read."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as connection:
            row = connection.execute(str(select(PROGRESS.c.token))).fetchone()
    except sqlite3.Error:
        return ""
    return str(row[0]) if row else ""


def _has_no_tables(file: Path) -> bool:
    """As a server leaves a new file that was not allowed to make its tables."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
    except sqlite3.Error:
        return False


def _remove(file: Path) -> None:
    for ending in ("-wal", "-shm", ""):
        file.with_name(file.name + ending).unlink(missing_ok=True)


def _rename(part: Path, file: Path) -> None:
    with part.open("rb") as written:
        os.fsync(written.fileno())
    try:
        file.hardlink_to(part)
    except FileExistsError as trouble:
        raise MoveError(f"{file} was made by another program. Move it away, and run the command again.") from trouble
    _remove(part)
    folder = os.open(file.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)

"""Files that only their owner may read: the database, its WAL, the key, and backups beside them."""

from collections.abc import Iterator
from pathlib import Path

from app.extensions import db

GROUP_AND_OTHERS = 0o077


def database_file() -> Path | None:
    """SQLite's file; None on PostgreSQL."""
    path = db.engine.url.database
    return Path(path) if db.engine.dialect.name == "sqlite" and path else None


def open_to_others(instance: Path, database: Path | None) -> Iterator[Path]:
    """The instance folder and the files in it or beside the database that other accounts can use."""
    found = {instance, *_files_in(instance), *(_beside(database) if database else ())}
    yield from sorted(path for path in found if path.exists() and path.stat().st_mode & GROUP_AND_OTHERS)


def _files_in(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else iter(())


def _beside(database: Path) -> Iterator[Path]:
    """The file, its WAL and shared memory, and copies such as kaiwa.sqlite3.bak."""
    return (path for path in _files_in(database.parent) if path.name.startswith(database.name))

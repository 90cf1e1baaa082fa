"""Restore a backup into a temporary database, and look at it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from sqlalchemy import URL, create_engine, func, make_url, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from app.extensions import db
from app.lib.clock import Moment, now
from app.models import Comment, keyring
from app.operations import backup, postgresql_dump, schema, sqlite_copy
from app.operations.backup_error import COUNTED, BackupError
from config import database_url


def run(file: Path, *, identity: Path | None = None, into: str = "", tell: backup.Tell) -> dict[str, Any]:
    """Restore `file` and read it.

    SQLite: into a temporary folder beside the file. PostgreSQL: into a temporary database of this server, or of the
    server of the URL `into`. Returns {"file", "kind", "counts", "newest", "newest_seconds", "revision", "current",
    "seconds"}. Raises BackupError.
    """
    started = monotonic()
    with backup.opened(file, identity) as plain:
        kind = backup.kind_of(plain)
        with _on_sqlite(plain) if kind == "sqlite" else _on_postgresql(plain, into) as engine:
            tell(f"restored in {monotonic() - started:.1f} s")
            found = _examined(engine)
    return {"file": str(file), "kind": kind} | found | {"seconds": round(monotonic() - started, 1)}


@contextmanager
def _on_sqlite(plain: Path) -> Iterator[Engine]:
    """A copy: the backup itself stays as it is."""
    try:
        with TemporaryDirectory(prefix=".kaiwa-drill-", dir=plain.parent) as folder:
            copy = Path(folder) / "kaiwa.sqlite3"
            sqlite_copy.copy(plain, copy)
            sqlite_copy.verify(copy)
            with _engine(make_url(f"sqlite:///{copy}")) as engine:
                yield engine
    except OSError as trouble:
        raise BackupError(f"Could not restore {plain.name}: {trouble}.") from trouble


@contextmanager
def _on_postgresql(plain: Path, into: str) -> Iterator[Engine]:
    server = _server(into)
    if server.get_backend_name() != "postgresql":
        raise BackupError("--into must be a PostgreSQL server.")
    name = f"kaiwa_drill_{secrets.token_hex(6)}"
    with _engine(server) as admin:
        try:
            _execute(admin, f'CREATE DATABASE "{name}" TEMPLATE template0')
        except SQLAlchemyError as trouble:
            raise BackupError(
                f"Could not create a temporary database ({type(getattr(trouble, 'orig', trouble)).__name__}). Allow it "
                "(ALTER ROLE name CREATEDB), or name another server: --into postgresql://user:password@host/name"
            ) from trouble
        try:
            target = server.set(database=name)
            postgresql_dump.restore(plain, target)
            with _engine(target) as engine:
                yield engine
        finally:
            _execute(admin, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _execute(admin: Engine, statement: str) -> None:
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))


def _server(into: str) -> URL:
    if not into and db.engine.dialect.name != "postgresql":
        raise BackupError("This backup is of PostgreSQL. Name a server: --into postgresql://user:password@host/name")
    try:
        return make_url(database_url(into)) if into else db.engine.url
    except (ValueError, ArgumentError) as trouble:
        raise BackupError(f"--into is no address of a database: {trouble}.") from trouble


@contextmanager
def _engine(url: URL) -> Iterator[Engine]:
    engine = create_engine(url)
    try:
        yield engine
    except SQLAlchemyError as trouble:
        raise BackupError(f"The restored database cannot be read: {type(trouble).__name__}.") from trouble
    finally:
        engine.dispose()


def _examined(engine: Engine) -> dict[str, Any]:
    tables = db.metadata.tables
    with engine.connect().execution_options(reads_only=True) as connection:
        counts = {name: connection.scalar(select(func.count()).select_from(tables[name])) for name in COUNTED}
        newest: datetime | None = connection.scalar(select(func.max(Comment.created_at, type_=Moment)))
        revisions = set(connection.scalars(text("SELECT version_num FROM alembic_version")))
        if wrong := keyring.trouble(connection):
            raise BackupError(wrong)
    return {
        "counts": counts,
        "newest": newest and newest.isoformat(),
        "newest_seconds": newest and max(0, round((now() - newest).total_seconds())),
        "revision": " ".join(sorted(revisions)),
        "current": schema.is_expected(revisions),
    }

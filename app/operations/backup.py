"""Back up the database, SQLite or PostgreSQL, while others write; verify and decrypt backups."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from app.extensions import db
from app.models.files import database_file
from app.operations import age, postgresql_dump, schema, sqlite_copy
from app.operations.backup_error import BackupError

PROGRESS_S = 5.0
LEAST = 64  # bytes that are read to tell the kind of a file
Tell = Callable[[str], None]


def suffix() -> str:
    """The end of a backup's name."""
    return ".sqlite3" if db.engine.dialect.name == "sqlite" else ".dump"


def create(file: Path, *, recipients: str = "", tell: Tell = lambda _line: None) -> dict[str, Any]:
    """Back up the database to `file`, readable for its owner only, without blocking writers.

    The backup is verified before it is encrypted to `recipients` (age public keys) and gets its name. `tell` gets lines
    about the progress. Returns the same as `verify`. Raises BackupError.
    """
    if file.exists():
        raise BackupError(f"{file} already exists. Choose another file name.")
    try:
        with _private(file, "copy") as plain:
            with _progress(plain, tell):
                _copy(plain)
            found = _verified(plain)
            if not recipients:
                _publish(plain, file)
            else:
                _encrypt(plain, file, recipients, tell)
    except OSError as trouble:
        raise BackupError(f"Could not write {file}: {trouble}.") from trouble
    return found | {"file": str(file), "encrypted": bool(recipients)} | _measured(file)


def verify(file: Path, identity: Path | None = None) -> dict[str, Any]:
    """Verify a backup: integrity, schema version, counts.

    `identity` is the file with the secret key of an encrypted one. Returns {"file", "kind", "bytes", "sha256",
    "encrypted", "counts", "revision", "current"}. Raises BackupError.
    """
    with opened(file, identity) as plain:
        found = _verified(plain)
    return found | {"file": str(file), "encrypted": age.is_encrypted(file)} | _measured(file)


def kind_of(plain: Path) -> str:
    """sqlite or postgresql. Raises BackupError."""
    start = _start_of(plain)
    if start.startswith(sqlite_copy.START):
        return "sqlite"
    if start.startswith(postgresql_dump.START):
        return "postgresql"
    raise BackupError(f"{plain.name} is not a Kaiwa backup.")


@contextmanager
def opened(file: Path, identity: Path | None = None, folder: Path | None = None) -> Iterator[Path]:
    """The file, or a decrypted copy in `folder` (default: beside it) until the end of the block. Raises BackupError."""
    if not file.is_file():
        raise BackupError(f"{file} does not exist.")
    if not age.is_encrypted(file):
        yield file
        return
    if identity is None:
        raise BackupError(f"{file} is encrypted. Name the file with its secret key: --identity FILE")
    try:
        with _private((folder or file.parent) / file.name, "plain") as plain:
            age.decrypt(file, plain, identity)
            yield plain
    except OSError as trouble:
        raise BackupError(f"Could not decrypt {file}: {trouble}.") from trouble


def decrypt(file: Path, target: Path, identity: Path) -> None:
    """Write the decrypted backup to a new file, readable for its owner only. Raises BackupError."""
    if target.exists():
        raise BackupError(f"{target} already exists. Choose another file name.")
    with opened(file, identity, target.parent) as plain:
        if plain == file:
            raise BackupError(f"{file} is not encrypted.")
        _publish(plain, target)


def _copy(plain: Path) -> None:
    if db.engine.dialect.name == "postgresql":
        postgresql_dump.dump(plain)
    elif source := database_file():
        sqlite_copy.copy(source, plain)
    else:
        raise BackupError("The database is in memory.")


def _verified(plain: Path) -> dict[str, Any]:
    kind = kind_of(plain)
    found = sqlite_copy.verify(plain) if kind == "sqlite" else postgresql_dump.verify(plain)
    revisions = found.pop("revisions")
    return found | {
        "kind": kind, "revision": " ".join(sorted(revisions)), "current": schema.is_expected(revisions),
    }  # fmt: skip


def _encrypt(plain: Path, file: Path, recipients: str, tell: Tell) -> None:
    with _private(file, "encrypted") as encrypted:
        with _progress(encrypted, tell):
            age.encrypt(plain, encrypted, recipients)
        _publish(encrypted, file)


@contextmanager
def _private(file: Path, part: str) -> Iterator[Path]:
    """A new file beside `file` for its owner only, deleted at the end."""
    path = file.with_name(f".{file.name}.{part}.{os.getpid()}")
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _progress(file: Path, tell: Tell) -> Iterator[None]:
    """Tell the size of a growing file every few seconds."""
    done = Event()

    def watch() -> None:
        while not done.wait(PROGRESS_S):
            tell(f"{file.stat().st_size / 1e6:,.0f} MB written")

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


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


def _start_of(file: Path) -> bytes:
    with file.open("rb") as handle:
        return handle.read(LEAST)


def _measured(file: Path) -> dict[str, Any]:
    with file.open("rb") as handle:
        return {"bytes": file.stat().st_size, "sha256": hashlib.file_digest(handle, "sha256").hexdigest()}

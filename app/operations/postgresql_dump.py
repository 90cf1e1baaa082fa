"""Dump a PostgreSQL database with pg_dump, verify a dump, and restore it."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from flask import current_app
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL, text
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.lib import logs
from app.models import keyring
from app.operations.backup_error import COUNTED, BackupError

START = b"PGDMP"
DEBIAN = Path("/usr/lib/postgresql")
VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
COPY = re.compile(rb'COPY (?:\w+\.)?"?(\w+)"? \(.*\) FROM stdin;\n')
# A dump waits for a migration at most so long.
LOCK_WAIT = "60s"
MOST_SAID = 2_000  # bytes of an error message
SECRET = ("password", "sslpassword")


def dump(file: Path) -> None:
    """Dump the database in pg_dump's custom format. Raises BackupError."""
    try:
        wrong = keyring.trouble()
        with db.engine.connect() as connection:
            version = int(connection.scalar(text("SHOW server_version_num")) or 0) // 10_000
    except SQLAlchemyError as trouble:
        raise BackupError(f"The database does not answer: {logs.message(trouble)}.") from trouble
    if wrong:
        raise BackupError(wrong)
    command = [_program("pg_dump", version), "--format=custom", "--no-owner", f"--lock-wait-timeout={LOCK_WAIT}"]
    with _running([*command, f"--file={file}", _connection(db.engine.url)], db.engine.url):
        pass


def verify(file: Path) -> dict[str, Any]:
    """Read a whole dump; returns {"counts", "revisions"}. Raises BackupError."""
    counts, revisions = dict.fromkeys(COUNTED, -1), set[str]()
    with _running([_program("pg_restore"), "--data-only", "--file=-", str(file)]) as lines:
        table = ""
        for line in lines:
            if not table:
                table = _table_of(line, counts)
            elif line == b"\\.\n":
                table = ""
            elif table == "alembic_version":
                revisions.add(line.decode().strip())
            elif table in counts:
                counts[table] += 1
    if missing := [name for name, count in counts.items() if count < 0]:
        raise BackupError(f"{file} is not a Kaiwa backup: it has no table {missing[0]}.")
    return {"counts": counts, "revisions": revisions}


def _table_of(line: bytes, counts: dict[str, int]) -> str:
    if not (begins := COPY.fullmatch(line)):
        return ""
    table = begins[1].decode()
    if table in counts:
        counts[table] = 0
    return table


def restore(file: Path, url: URL) -> None:
    """Restore a dump into an empty database. Raises BackupError."""
    command = [_program("pg_restore"), "--exit-on-error", "--no-owner", "--no-privileges"]
    with _running([*command, f"--dbname={_connection(url)}", str(file)], url):
        pass


def _program(name: str, version: int = 0) -> str:
    """One of PostgreSQL's programs, of at least this version. Raises BackupError."""
    found = {path: _version_of(path) for path in _candidates(name)}
    for path, its in found.items():
        if its >= version:
            return path
    if not found:
        raise BackupError(
            f"{name} was not found. Install Debian's postgresql-client, or set PG_BIN to the folder of PostgreSQL's "
            "programs."
        )
    newest = max(found.values())
    raise BackupError(
        f"{name} {newest} cannot read a PostgreSQL {version} server. Install postgresql-client-{version}, or set "
        "PG_BIN to the folder of its programs."
    )


def _candidates(name: str) -> Iterator[str]:
    """In PG_BIN, if it is set; else in PATH, then Debian's folders, newest first."""
    if folder := current_app.config["PG_BIN"]:
        yield from (str(path) for path in [Path(folder) / name] if os.access(path, os.X_OK))
        return
    if path := shutil.which(name):
        yield path
    folders = sorted(DEBIAN.glob("*/bin"), key=lambda folder: int(re.sub(r"\D", "", folder.parent.name) or 0))
    yield from (str(folder / name) for folder in reversed(folders) if os.access(folder / name, os.X_OK))


def _version_of(path: str) -> int:
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, env=_environment())  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return -1
    found = VERSION.search(said.stdout)
    return int(found[1]) if found else -1


def _connection(url: URL) -> str:
    """The connection without its password, which others would see in the list of processes."""
    return make_conninfo("", **{name: value for name, value in _parameters(url).items() if name not in SECRET})


def _parameters(url: URL) -> dict[str, Any]:
    _words, parameters = url.get_dialect()().create_connect_args(url)
    if "sslpassword" in parameters:
        raise BackupError("pg_dump would show the sslpassword of DATABASE_URL to others. Use a key file without one.")
    # psycopg's own, not libpq's.
    return {name: value for name, value in parameters.items() if name != "context"}


def _environment(url: URL | None = None) -> dict[str, str]:
    """Without Kaiwa's settings; PostgreSQL's own variables stay."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME") or name.startswith("PG")}
    password = _parameters(url).get("password") if url else None
    return kept | {"LC_ALL": "C"} | ({"PGPASSWORD": password} if password else {})


@contextmanager
def _running(command: list[str], url: URL | None = None) -> Iterator[Iterator[bytes]]:
    """Run a program and yield the lines of its output. Raises BackupError with its message if it fails."""
    with TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=_environment(url)
        )
        with process:
            assert process.stdout  # noqa: S101
            try:
                yield iter(process.stdout.readline, b"")
                process.stdout.close()
                process.wait()
            except BaseException:
                # At a signal, too: pg_dump would go on, and hold its snapshot.
                process.terminate()
                raise
        if process.returncode:
            errors.seek(0)
            said = errors.read(MOST_SAID).decode(errors="replace").strip()
            raise BackupError(f"{Path(command[0]).name} failed: {said or f'exit code {process.returncode}'}")

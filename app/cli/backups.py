"""`flask upkeep backup`, `restore-check`, `drill`, `decrypt` and `backup-key`."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext

from app.cli import recording
from app.models import Turn
from app.models.audit import Event
from app.operations import age, backup, backup_folder, drill, turns
from app.operations.backup_error import BackupError

PATH = click.Path(path_type=Path)
IDENTITY = click.option(
    "--identity", type=PATH, metavar="FILE", help="File with the secret key of an encrypted backup."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
# SIGHUP: the terminal or the connection was closed.
ENDS = (signal.SIGTERM, signal.SIGHUP)
OTHER_VERSION = "The backup has the schema of another version. Run flask db upgrade after restoring it."


@click.command("backup")
@click.argument("target", metavar="FILE|FOLDER", type=PATH)
@click.option("--keep", type=click.IntRange(0), help="Keep so many backups in FOLDER; default: BACKUP_KEEP.")
@click.option(
    "--at-most-every",
    "hours",
    type=click.FloatRange(0, 8_760, min_open=True),
    metavar="HOURS",
    help="Do nothing if another machine makes a backup now, or made one in the last HOURS.",
)
@JSON
@with_appcontext
def take(target: Path, keep: int | None, hours: float | None, as_json: bool) -> None:
    """Back up the database while the service runs: SQLite, or PostgreSQL with pg_dump.

    FILE must not exist yet; in a FOLDER the backup gets a name with its time. It is readable only by its owner,
    verified, encrypted to BACKUP_RECIPIENTS, given to BACKUP_COMMAND, and its SHA-256 is printed. Exit code 1 if one of
    these fails.
    """
    if hours is None:
        _take(target, keep, as_json)
        return
    try:
        with turns.turn("backup"):
            if Turn.was_done("backup", timedelta(hours=hours)):
                raise turns.NothingToDo
            _take(target, keep, as_json)
    except (turns.Held, turns.NothingToDo):
        click.echo("Another machine has made the backup.", err=True)


def _take(target: Path, keep: int | None, as_json: bool) -> None:
    with _shown():
        recipients, in_folder = current_app.config["BACKUP_RECIPIENTS"], target.is_dir()
    if keep is not None and not in_folder:
        raise click.UsageError("--keep needs a folder.")
    file = backup_folder.new_file(target, encrypted=bool(recipients)) if in_folder else target
    with _shown(failure_of=file):
        if in_folder:
            backup_folder.forget_unfinished(target, _tell_progress)
        made = backup.create(file, recipients=recipients, tell=_tell_progress)
        if command := current_app.config["BACKUP_COMMAND"]:
            backup_folder.upload(file, command)
        kept = (current_app.config["BACKUP_KEEP"] if keep is None else keep) if in_folder else 0
        made["deleted"] = [str(gone) for gone in backup_folder.keep(target, kept, file)]
    recording.note(Event.BACKUP_MADE, file=made["file"], bytes=made["bytes"], sha256=made["sha256"])
    _print(made, as_json)


@click.command("restore-check")
@click.argument("file", type=PATH)
@IDENTITY
@JSON
@with_appcontext
def check(file: Path, identity: Path | None, as_json: bool) -> None:
    """Check that FILE can be restored: integrity, version and counts."""
    with _shown():
        found = backup.verify(file, identity)
    recording.note(Event.BACKUP_CHECKED, file=found["file"], bytes=found["bytes"], sha256=found["sha256"])
    _print(found, as_json)
    if not found["current"] and not as_json:
        click.echo(OTHER_VERSION)


@click.command("drill")
@click.argument("source", metavar="FILE|FOLDER", type=PATH)
@IDENTITY
@click.option("--into", default="", metavar="URL", help="A PostgreSQL server for the temporary database.")
@JSON
@with_appcontext
def practise(source: Path, identity: Path | None, into: str, as_json: bool) -> None:
    """Restore FILE, or the newest backup in FOLDER, into a temporary database, and tell its comments and their age.

    The temporary database is deleted afterwards. Exit code 1 if the backup cannot be restored.
    """
    with _shown():
        file = backup_folder.newest(source) if source.is_dir() else source
        found = drill.run(file, identity=identity, into=into, tell=_tell_progress)
    recording.note(Event.BACKUP_RESTORED, file=found["file"], comments=found["counts"]["comment"])
    click.echo(json.dumps(found) if as_json else _in_words(found))
    if not found["current"] and not as_json:
        click.echo(OTHER_VERSION)


@click.command("decrypt")
@click.argument("file", type=PATH)
@click.argument("target", type=PATH)
@click.option("--identity", type=PATH, metavar="FILE", required=True, help="File with the secret key.")
@with_appcontext
def decrypt(file: Path, target: Path, identity: Path) -> None:
    """Write the decrypted backup FILE to TARGET, readable only by its owner."""
    with _shown():
        backup.decrypt(file, target, identity)
    click.echo(f"Decrypted to {target}")


@click.command("backup-key")
@click.argument("file", type=PATH)
def make_key(file: Path) -> None:
    """Make a key pair for backups: write the secret key to FILE, and print the public key for BACKUP_RECIPIENTS."""
    with _shown():
        public = age.new_identity(file)
    click.echo(public)
    click.echo(f"Keep {file} away from this machine: without it no backup can be read.", err=True)


@contextmanager
def _shown(failure_of: Path | None = None) -> Iterator[None]:
    """Show a BackupError with exit code 1; that of a new backup is in the audit log. A signal leaves no plain copy."""
    before = {number: signal.getsignal(number) for number in ENDS}
    for number, action in before.items():
        # `nohup` ignores it.
        if action != signal.SIG_IGN:
            signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    try:
        yield
    except (BackupError, OSError) as no:
        if failure_of:
            recording.note(Event.BACKUP_FAILED, file=str(failure_of), because=str(no))
        raise click.ClickException(str(no)) from no
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _tell_progress(line: str) -> None:
    click.echo(line, err=True)


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found))
        return
    counts, deleted = found["counts"], found.get("deleted", [])
    plain = {name: value for name, value in found.items() if name not in ("counts", "deleted")}
    for name, value in (plain | counts).items():
        click.echo(f"{name:10} {value}")
    for file in deleted:
        click.echo(f"deleted    {file}")


def _in_words(found: dict[str, Any]) -> str:
    comments = f"{found['counts']['comment']:,} comments"
    if found["newest_seconds"] is None:
        return f"Restored {found['file']}: {comments}"
    return f"Restored {found['file']}: {comments}, newest {_ago(found['newest_seconds'])} ago"


def _ago(seconds: int) -> str:
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= unit:
            number = seconds // unit
            return f"{number} {name}{'s' if number > 1 else ''}"
    return f"{seconds} seconds"

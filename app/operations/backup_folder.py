"""A folder of backups: their names, the newest, and how many are kept."""

import os
import re
import subprocess
from pathlib import Path

import config
from app.lib.clock import now
from app.operations import backup
from app.operations.backup_error import BackupError

NAME = re.compile(r"kaiwa-\d{8}T\d{6}Z\.(sqlite3|dump)(\.age)?")


def new_file(folder: Path, *, encrypted: bool) -> Path:
    """The name of a backup that is made now."""
    return folder / f"kaiwa-{now():%Y%m%dT%H%M%SZ}{backup.suffix()}{'.age' if encrypted else ''}"


def newest(folder: Path) -> Path:
    """Raises BackupError if there is none."""
    found = _backups(folder)
    if not found:
        raise BackupError(f"{folder} has no backup that flask upkeep backup has named.")
    return found[-1]


def keep(folder: Path, number: int) -> list[Path]:
    """Delete all but the newest `number` backups; returns the deleted files. 0 keeps all. Raises BackupError."""
    gone = _backups(folder)[:-number] if number else []
    try:
        for file in gone:
            file.unlink()
    except OSError as trouble:
        raise BackupError(f"Could not delete an old backup: {trouble}.") from trouble
    return gone


def upload(file: Path, command: list[str]) -> None:
    """Run BACKUP_COMMAND with the path of a backup, without Kaiwa's settings. Raises BackupError if it fails."""
    settings = {setting.name for setting in config.SETTINGS}
    environment = {name: value for name, value in os.environ.items() if name not in settings}
    try:
        done = subprocess.run([*command, str(file)], env=environment, stdin=subprocess.DEVNULL, stdout=2, check=False)  # noqa: S603
    except OSError as trouble:
        raise BackupError(f"{file} was made, but BACKUP_COMMAND could not be run: {trouble}.") from trouble
    if done.returncode:
        raise BackupError(f"{file} was made, but BACKUP_COMMAND ended with exit code {done.returncode}.")


def _backups(folder: Path) -> list[Path]:
    """Oldest first. Other files in the folder are not ours."""
    return sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name) and path.is_file())

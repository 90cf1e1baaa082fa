"""A folder of backups: their names, the newest, and how many are kept."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import config
from app.lib.clock import now
from app.operations import backup
from app.operations.backup_error import BackupError

NAME = re.compile(r"kaiwa-\d{8}T\d{6}Z\.(sqlite3|dump)(\.age)?")
# Names of app/operations/backup.py and drill.py while they work.
UNFINISHED = re.compile(rf"\.{NAME.pattern}\.(copy|encrypted|plain)\.\d+|\.kaiwa-drill-\w+")
UNFINISHED_S = 24 * 60 * 60.0  # seconds without a write


def new_file(folder: Path, *, encrypted: bool) -> Path:
    """The name of a backup that is made now."""
    return folder / f"kaiwa-{now():%Y%m%dT%H%M%SZ}{backup.suffix()}{'.age' if encrypted else ''}"


def newest(folder: Path) -> Path:
    """Raises BackupError if there is none."""
    found = _backups(folder)
    if not found:
        raise BackupError(f"{folder} has no backup that flask upkeep backup has named.")
    return found[-1]


def keep(folder: Path, number: int, made: Path) -> list[Path]:
    """Delete all but `number` backups: the one just `made`, and the newest others; returns the deleted files.

    0 keeps all. By its name the one just made may be the oldest: after the clock was wrong. Raises BackupError.
    """
    if not number:
        return []
    others = [file for file in _backups(folder) if file.name != made.name]
    gone = others[: max(0, len(others) - number + 1)]
    try:
        for file in gone:
            file.unlink(missing_ok=True)
    except OSError as trouble:
        raise BackupError(f"Could not delete an old backup: {trouble}.") from trouble
    return gone


def forget_unfinished(folder: Path, tell: backup.Tell) -> None:
    """Delete what a run that was killed has left, perhaps a plain copy. A failure is told, and prevents no backup."""
    long_ago = now().timestamp() - UNFINISHED_S
    try:
        for path in folder.iterdir():
            if UNFINISHED.fullmatch(path.name) and path.stat().st_mtime < long_ago:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError as trouble:
        tell(f"Could not delete what an earlier run has left: {trouble}")


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
    """Oldest first. Other files in the folder are not ours. Raises BackupError."""
    try:
        return sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name) and path.is_file())
    except OSError as trouble:
        raise BackupError(f"Could not read the folder: {trouble}.") from trouble

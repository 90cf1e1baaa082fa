"""The formats of an export, and writing one to a file."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from app.models import Site
from app.transfer import archive, csv_export, wxr

FORMATS: dict[str, Callable[[Site], Iterator[str]]] = {
    "kaiwa": archive.lines,
    "wxr": wxr.lines,
    "csv": csv_export.lines,
}
# Lines of each, for progress.
COUNTS: dict[str, Callable[[Site], int]] = {
    "kaiwa": archive.count_lines,
    "wxr": wxr.count_lines,
    "csv": csv_export.count_lines,
}
ENDINGS = {"kaiwa": "jsonl", "wxr": "xml", "csv": "csv"}


def write_privately(path: Path, lines: Iterable[str]) -> None:
    """Write the file for its owner only; under its name it is whole, or it is not there."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)

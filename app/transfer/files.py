"""Files of imports and exports in the browser: names made here, for their owner only."""

import os
import re
import time
from pathlib import Path
from uuid import uuid4

from flask import current_app

NAME = re.compile(r"transfer-[0-9a-f]{32}")
ORPHAN_S = 3_600  # seconds without a row, after which a file is deleted


def new_name() -> str:
    return f"transfer-{uuid4().hex}"


def path_of(name: str) -> Path:
    """The path of a file; ValueError for any other name than those of `new_name`."""
    if not NAME.fullmatch(name):
        raise ValueError("not the name of a transfer")
    return _folder() / name


def write_at(name: str, at: int, data: bytes) -> None:
    """Write bytes at an offset; writing the same bytes again changes nothing."""
    handle = os.open(path_of(name), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        while data:
            written = os.pwrite(handle, data, at)
            at, data = at + written, data[written:]
    finally:
        os.close(handle)


def remove(name: str) -> None:
    if name:
        path_of(name).unlink(missing_ok=True)


def old_names() -> list[str]:
    """Names of files that no process can have made just now."""
    before = time.time() - ORPHAN_S
    return [each.name for each in _folder().iterdir() if NAME.fullmatch(each.name) and each.stat().st_mtime < before]


def _folder() -> Path:
    folder = Path(current_app.config["TRANSFER_FOLDER"])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder

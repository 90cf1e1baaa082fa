"""Check whether the database accepts writes."""

import os
from pathlib import Path
from time import monotonic

from flask import current_app
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.errors import outage
from app.extensions import db

FULL, READ_ONLY = "full", "read-only"
# SQLite's WAL can fill less before a person reacts.
LEAST_FREE = 16 * 1024 * 1024  # bytes
SEEN_FOR_S = 60.0
# By the codes of errors.outage.
NAMES = (
    ("53100", FULL), ("SQLITE_FULL", FULL), ("ENOSPC", FULL), ("EDQUOT", FULL),
    ("25006", READ_ONLY), ("SQLITE_READONLY", READ_ONLY), ("EROFS", READ_ONLY),
)  # fmt: skip


def note(fault: str) -> None:
    """Record a failed write: a remote server reports a full disk in no other way."""
    for start, name in NAMES:
        if fault.startswith(start):
            _seen()[name] = monotonic()


def trouble() -> str:
    """`full`, `read-only`, or ''. Writes nothing. Raises SQLAlchemyError."""
    if found := _file_trouble() if db.engine.dialect.name == "sqlite" else _server_trouble():
        return found
    return next((name for name, moment in _seen().items() if monotonic() < moment + SEEN_FOR_S), "")


def _seen() -> dict[str, float]:
    """Time of this process's last failed write by reason."""
    times: dict[str, float] = current_app.extensions.setdefault("failed writes", {})
    return times


def try_to_write() -> str:
    """Rewrite one row unchanged; returns the code of the fault, or ''."""
    try:
        db.session.rollback()
        db.session.execute(text("UPDATE alembic_version SET version_num = version_num"))
        db.session.commit()
    except SQLAlchemyError as fault:
        db.session.rollback()
        name = outage(fault)
        if not name:
            raise
        return name
    return ""


def _file_trouble() -> str:
    path = db.engine.url.database
    if not path or not Path(path).exists():
        return ""
    disk = os.statvfs(Path(path).parent)
    if disk.f_flag & os.ST_RDONLY or not os.access(path, os.W_OK):
        return READ_ONLY
    return FULL if disk.f_bavail * disk.f_frsize < LEAST_FREE else ""


def _server_trouble() -> str:
    """True on a standby or with `default_transaction_read_only`, which some hosts set on a nearly full disk."""
    only_reads = db.session.connection().scalar(text("SHOW transaction_read_only"))
    return READ_ONLY if only_reads == "on" else ""

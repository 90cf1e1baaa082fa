"""The state of the installation: service, database, disk, worker, outbox, backups, certificate."""

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import func, select

from app.extensions import db
from app.lib.certificate import Certificate, certificate_of
from app.lib.clock import now
from app.models import AuditEvent, ChainHead, Delivery, Heartbeat
from app.models.audit import CHAIN, Event
from app.models.files import database_file
from app.notify import reply_email
from app.operations import backup_age, metrics, schema, storage
from app.version import VERSION

OK, WARNING, WRONG = "ok", "warning", "wrong"
LEAST_FREE = 0.1  # of a disk
RENEW_BEFORE = timedelta(days=14)  # the usual clients renew a certificate 30 days before
LATE_EMAIL = timedelta(minutes=10)
CERTIFICATE_KEPT_S = 600.0


@dataclass(frozen=True)
class Fact:
    """One line of the page: `state` is ok, warning or wrong; `values` are JSON data."""

    name: str
    state: str
    values: dict[str, Any]


def facts() -> list[Fact]:
    """A few indexed queries, and at most three seconds for the certificate every ten minutes."""
    return [_version(), _database(), _disk(), _worker(), _outbox(), _backup(), _audit_log(), _certificate()]


def _version() -> Fact:
    tables = schema.state()
    states = {schema.State.OK: OK, schema.State.AHEAD: WARNING, schema.State.BEHIND: WRONG}
    return Fact("version", states[tables], {"version": VERSION, "migrations": tables})


def _database() -> Fact:
    trouble = storage.trouble()
    kind = db.engine.dialect.name
    sizes = file_sizes() if kind == "sqlite" else {"bytes": db.session.scalar(select(size_of_database()))}
    return Fact("database", WRONG if trouble else OK, {"kind": kind, "storage": trouble or "ok", **sizes})


def size_of_database() -> Any:
    return func.pg_database_size(func.current_database())


def file_sizes() -> dict[str, int]:
    path = database_file()
    if path is None:
        return {}
    wal = path.with_name(f"{path.name}-wal")
    return {"bytes": path.stat().st_size, "wal_bytes": wal.stat().st_size if wal.exists() else 0}


def _disk() -> Fact:
    free, whole = disk_space()
    state = WRONG if free < storage.LEAST_FREE else WARNING if free < LEAST_FREE * whole else OK
    return Fact("disk", state, {"free_bytes": free, "bytes": whole})


def disk_space() -> tuple[int, int]:
    """Free and all bytes of the disk of the database, or of the instance folder if the database is elsewhere."""
    path = database_file()
    disk = os.statvfs(path.parent if path else Path(current_app.instance_path))
    return disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize


def _worker() -> Fact:
    said, seen = Heartbeat.state(), Heartbeat.last_seen()
    return Fact("worker", OK if said == "ok" else WRONG, {"worker": said, "seen_at": seen and seen.isoformat()})


def _outbox() -> Fact:
    oldest = Delivery.overdue_since(bulk=reply_email.KIND)
    late = oldest is not None and oldest < now() - LATE_EMAIL and bool(current_app.config["MAIL_URL"])
    failing, waiting = Delivery.failing(), metrics.deliveries_waiting()
    values = {"waiting": waiting, "overdue_since": oldest and oldest.isoformat(), "failing": failing}
    return Fact("outbox", WARNING if late or failing else OK, values)


def _backup() -> Fact:
    """Backups of `flask upkeep backup` only; other programs leave no trace here."""
    ages, checked = backup_age.ages(), AuditEvent.newest(Event.BACKUP_CHECKED)
    is_missing = bool(ages.made_within) and not (ages.made_at and ages.tried_at)
    values = {
        "made_at": ages.made_at and ages.made_at.isoformat(),
        "checked_at": checked and checked.made_at.isoformat(),
        "restored_at": ages.tried_at and ages.tried_at.isoformat(),
    }
    return Fact("backup", WARNING if is_missing or ages.backup_is_due or ages.drill_is_due else OK, values)


def _audit_log() -> Fact:
    number, digest = ChainHead.of(CHAIN)
    return Fact("audit_log", OK, {"rows": number, "head": f"{number}:{digest}"})


def _certificate() -> Fact:
    public = urlsplit(current_app.config["PUBLIC_URL"])
    if public.scheme != "https":
        return Fact("certificate", OK, {"until": None, "trouble": None})
    found = _kept_certificate(public.hostname or "", public.port or 443)
    ends = found.until is None or found.until < now() + RENEW_BEFORE
    values = {"until": found.until and found.until.isoformat(), "trouble": found.trouble or None}
    return Fact("certificate", WARNING if ends else OK, values)


def _kept_certificate(host: str, port: int) -> Certificate:
    kept: dict[str, Any] = current_app.extensions.setdefault("certificate", {})
    if monotonic() > kept.get("until", 0.0):
        kept |= {"found": certificate_of(host, port), "until": monotonic() + CERTIFICATE_KEPT_S}
    found: Certificate = kept["found"]
    return found

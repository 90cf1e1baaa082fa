"""The words of the system page."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.desk.system import Fact
from app.lib.language import when

NAMES: dict[str, Any] = {
    "version": _l("Version"),
    "database": _l("Database"),
    "disk": _l("Disk"),
    "worker": _l("Worker"),
    "outbox": _l("Outgoing email"),
    "backup": _l("Backups"),
    "audit_log": _l("Audit log"),
    "certificate": _l("Certificate of PUBLIC_URL"),
}
STATES: dict[str, Any] = {"ok": _l("OK"), "warning": _l("Needs attention"), "wrong": _l("Problem")}
WORKERS: dict[str, Any] = {
    "ok": _l("Running"),
    "late": _l("Not running"),
    "restarting": _l("Keeps crashing"),
    "failing": _l("A task keeps failing"),
}
STORAGE: dict[str, Any] = {"full": _l("The disk is full."), "read-only": _l("The database is read-only.")}
# Of findings (app/desk/checks.py).
FINDINGS: dict[str, Any] = {
    "secret-key": _l("Weak key"),
    "file-mode": _l("Files that other accounts can read"),
    "public-url": _l("No encryption"),
    "public-url-host": _l("PUBLIC_URL"),
    "public-url-unset": _l("PUBLIC_URL"),
    "proxies": _l("Proxies"),
    "proxies-everybody": _l("Proxies"),
    "mail-from": _l("Sender of emails"),
    "mail-unset": _l("Email isn’t set up"),
    "mail-server": _l("Mail server"),
    "database": _l("Database"),
    "moving": _l("Database"),
    "moved": _l("Database"),
    "migrations": _l("Pending migration"),
    "keys": _l("Key of another database"),
    "storage": _l("Storage"),
    "unreadable": _l("Values that cannot be decrypted"),
    "site-origins": _l("Site without URLs"),
    "site-origin": _l("Invalid site URL"),
    "site-moderators": _l("Site without moderators"),
    "worker": _l("Worker"),
    "worker-deaths": _l("Worker"),
    "worker-failing": _l("Worker"),
    "identity-provider": _l("Identity provider"),
    "oidc-groups": _l("Identity provider"),
    "replica": _l("Replica"),
    "replica-other": _l("Replica"),
    "replica-primary": _l("Replica"),
    "replica-behind": _l("Replica"),
    "given-up": _l("Emails that could not be sent"),
    "outbox": _l("Outgoing email"),
    "counts": _l("Wrong counts"),
    "akismet-doubted": _l("Akismet"),
    "akismet-alert": _l("Akismet"),
    "akismet-key": _l("Akismet"),
    "akismet": _l("Akismet"),
    "filter": _l("Spam filter"),
    "demo": _l("Demo account"),
    "timezone": _l("Time zone"),
    "backup": _l("Backups"),
    "restore-drill": _l("Backups"),
    "unfinished": _l("Unfinished check"),
}
KB = 1024


def lines(fact: Fact) -> Iterator[str]:
    return _LINES[fact.name](fact.values)


def finding_name(code: str) -> str:
    return str(FINDINGS.get(code, code))


def _version(values: dict[str, Any]) -> Iterator[str]:
    yield f"Kaiwa {values['version']}"
    if values["migrations"] == "behind":
        yield str(_("A migration is pending. Run flask db upgrade."))
    elif values["migrations"] == "ahead":
        yield str(_("A newer version has migrated this database. Upgrade this machine too."))


def _database(values: dict[str, Any]) -> Iterator[str]:
    yield "SQLite" if values["kind"] == "sqlite" else "PostgreSQL"
    if values.get("bytes") is not None:
        yield str(_("Size: %(size)s", size=_size(values["bytes"])))
    if "wal_bytes" in values:
        yield str(_("Write-ahead log: %(size)s", size=_size(values["wal_bytes"])))
    if values["storage"] in STORAGE:
        yield str(STORAGE[values["storage"]])


def _disk(values: dict[str, Any]) -> Iterator[str]:
    yield str(_("%(free)s of %(all)s free", free=_size(values["free_bytes"]), all=_size(values["bytes"])))


def _worker(values: dict[str, Any]) -> Iterator[str]:
    yield str(WORKERS[values["worker"]])
    if values["seen_at"]:
        yield str(_("Last seen: %(when)s", when=_when(values["seen_at"])))


def _outbox(values: dict[str, Any]) -> Iterator[str]:
    yield str(_("Waiting: %(num)d", num=values["waiting"]))
    if values["failing"]:
        yield str(_("Failed at least once: %(num)d", num=values["failing"]))
    if values["overdue_since"]:
        yield str(_("Oldest due since: %(when)s", when=_when(values["overdue_since"])))


def _backup(values: dict[str, Any]) -> Iterator[str]:
    if values.get("made_at"):
        yield str(_("Last backup: %(when)s", when=_when(values["made_at"])))
    else:
        yield str(_("No backup by flask upkeep backup is known. Other tools leave no trace here."))
    if values["checked_at"]:
        yield str(_("Last checked with flask upkeep restore-check: %(when)s", when=_when(values["checked_at"])))
    if values["restored_at"]:
        yield str(_("Last restore drill: %(when)s", when=_when(values["restored_at"])))
    else:
        yield str(_("No backup was restored on trial yet. Run flask upkeep drill."))


def _audit_log(values: dict[str, Any]) -> Iterator[str]:
    yield str(_("Entries: %(num)d", num=values["rows"]))
    yield str(_("Verify it with flask upkeep verify-log."))


def _certificate(values: dict[str, Any]) -> Iterator[str]:
    if values["until"]:
        yield str(_("Valid until %(when)s", when=_when(values["until"])))
    elif values["trouble"]:
        yield str(_("It could not be verified from here: %(trouble)s", trouble=values["trouble"]))
    else:
        yield str(_("PUBLIC_URL does not use https."))


def _when(moment: str) -> str:
    return str(when(datetime.fromisoformat(moment)))


def _size(number: int) -> str:
    value, unit = float(number), "B"
    for larger in ("KB", "MB", "GB", "TB"):
        if value < KB:
            break
        value, unit = value / KB, larger
    return f"{value:.1f} {unit}" if value < 10 and unit != "B" else f"{value:.0f} {unit}"


_LINES = {
    "version": _version,
    "database": _database,
    "disk": _disk,
    "worker": _worker,
    "outbox": _outbox,
    "backup": _backup,
    "audit_log": _audit_log,
    "certificate": _certificate,
}

"""How old the last backup and the last restore drill are, from the audit log."""

from datetime import datetime, timedelta
from typing import NamedTuple

from flask import current_app

from app.lib.clock import now
from app.models import AuditEvent
from app.models.audit import Event


class Ages(NamedTuple):
    """`made_at`, `tried_at`: of the last backup and drill; the longest times between them, 0 if not expected."""

    made_at: datetime | None
    tried_at: datetime | None
    made_within: timedelta
    tried_within: timedelta
    # Of the first backup and of the first event of the audit log: before them nothing was due.
    began_at: datetime | None
    installed_at: datetime | None

    @property
    def backup_is_due(self) -> bool:
        return _is_due(self.made_at or self.installed_at, self.made_within)

    @property
    def drill_is_due(self) -> bool:
        return bool(self.made_within) and _is_due(self.tried_at or self.began_at, self.tried_within)


def ages() -> Ages:
    """A few indexed queries."""
    made, tried = AuditEvent.newest(Event.BACKUP_MADE), AuditEvent.newest(Event.BACKUP_RESTORED)
    return Ages(
        _time_of(made),
        _time_of(tried),
        timedelta(hours=current_app.config["BACKUP_MAX_HOURS"]),
        timedelta(days=current_app.config["DRILL_MAX_DAYS"]),
        _time_of(AuditEvent.oldest(Event.BACKUP_MADE)),
        _time_of(AuditEvent.oldest()),
    )


def _time_of(event: AuditEvent | None) -> datetime | None:
    return event.made_at if event else None


def _is_due(since: datetime | None, within: timedelta) -> bool:
    return bool(within) and since is not None and since < now() - within

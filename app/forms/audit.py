"""Filters of the audit log."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _l
from wtforms import SelectField
from wtforms.validators import Optional

from app.desk.audit_log import AuditFilter, count_sites_of, sites_of
from app.forms.day import DayField
from app.forms.filters import MOST_SITES, FilterForm, SiteField
from app.models import Moderator
from app.models.audit import LOGINS, Event

INSTALLATION = "-"
KINDS: dict[str, tuple[Any, frozenset[Event]]] = {
    "logins": (_l("Log-ins"), LOGINS),
    "accounts": (
        _l("Accounts and passwords"),
        frozenset(
            {
                Event.ACCOUNT_MADE, Event.ACCOUNT_REMOVED, Event.OPERATOR_CHANGED, Event.PASSWORD_RESET,
                Event.PASSWORD_CHANGED, Event.EMAIL_CHANGE_REQUESTED, Event.EMAIL_CHANGED, Event.FACTOR_ADDED,
                Event.FACTOR_REMOVED, Event.FACTOR_RESET, Event.RECOVERY_CODES_MADE, Event.RECOVERY_CODE_USED,
                Event.TOKEN_MADE, Event.TOKEN_ENDED, Event.IDENTITY_LINKED, Event.IDENTITY_UNLINKED,
                Event.WEBHOOK_ADDED, Event.WEBHOOK_CHANGED, Event.WEBHOOK_SECRET_CHANGED, Event.WEBHOOK_REMOVED,
            }
        ),
    ),
    "members": (
        _l("Members and roles"),
        frozenset(
            {
                Event.INVITED, Event.INVITATION_ACCEPTED, Event.INVITATION_REVOKED, Event.ROLE_GIVEN,
                Event.ROLE_CHANGED, Event.MEMBER_REMOVED,
            }
        ),
    ),
    "settings": (
        _l("Sites and settings"),
        frozenset(
            {
                Event.SITE_ADDED, Event.SITE_REMOVED, Event.SETTINGS_CHANGED, Event.MEMBER_KEY_ADDED,
                Event.MEMBER_KEY_REVOKED, Event.HANDOVER_WRITTEN, Event.HANDOVER_CLEARED,
            }
        ),
    ),
    "rules": (
        _l("Rules and blocks"),
        frozenset(
            {
                Event.RULE_ADDED, Event.RULES_ADDED, Event.RULE_ENDED, Event.RULE_SHARED, Event.LIST_PUBLISHED,
                Event.LIST_KEY_CHANGED, Event.LIST_SUBSCRIBED, Event.LIST_KEY_FOLLOWED, Event.LIST_LINES_CHANGED,
                Event.LIST_UNDONE, Event.LIST_COMMENTS_RETURNED,
            }
        ),
    ),
    "checkers": (
        _l("Checkers"),
        frozenset(
            {Event.CHECKER_ADDED, Event.CHECKER_CHANGED, Event.CHECKER_RETURNED, Event.CHECKER_REMOVED}
        ),
    ),
    "data": (
        _l("Imports, exports, erasures"),
        frozenset(
            {
                Event.IMPORT_STARTED, Event.IMPORTED, Event.EXPORT_STARTED, Event.EXPORTED, Event.EXPORT_DOWNLOADED,
                Event.PERSON_EXPORTED, Event.PERSON_ERASED, Event.LOG_EXPORTED,
            }
        ),
    ),
    "system": (
        _l("Keys, backups, this log"),
        frozenset(
            {
                Event.KEY_ROTATED, Event.KEY_ACCEPTED, Event.BACKUP_MADE, Event.BACKUP_CHECKED, Event.BACKUP_RESTORED,
                Event.BACKUP_FAILED, Event.MOVE_STARTED, Event.MOVE_CANCELLED, Event.LOG_ERASED,
            }
        ),
    ),
}  # fmt: skip


class AuditForm(FilterForm):
    """`AuditForm.of(me, people, given)`; choices are limited to those, and to the sites of `me`."""

    site = SiteField(_l("Site"))
    kind = SelectField(_l("Kind"))
    account = SelectField(_l("Account"))
    since = DayField(_l("From"), [Optional()])
    until = DayField(_l("Until"), [Optional()])

    @classmethod
    def of(cls, me: Moderator, people: list[Moderator], given: Any) -> "AuditForm":
        form = cls(given)
        if count_sites_of(me) > MOST_SITES:
            form.site.take_typed()
        else:
            form.site.offer({each.key: each.name for each in sites_of(me)} | {INSTALLATION: _l("Installation")})
        form._choose(form.kind, {name: said for name, (said, _events) in KINDS.items()})
        form._choose(form.account, {str(each.id): each.name for each in people})
        form.zone = ZoneInfo(me.timezone)
        return form

    @property
    def wanted(self) -> AuditFilter:
        """Whole days in the time zone of the moderator."""
        site = "" if self.site.data == INSTALLATION else self.site.data
        return AuditFilter(
            site=site if self.site.data else None,
            events=sorted(KINDS[self.kind.data][1]) if self.kind.data else None,
            account_id=int(self.account.data) if self.account.data else None,
            since=self._midnight(self.since.data) if self.since.data else None,
            until=self._midnight(self.until.data + timedelta(days=1)) if self.until.data else None,
        )

"""The words of the audit log."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.forms.checker import MODES
from app.forms.rule import EFFECTS, SUBJECTS
from app.forms.site import ROLE
from app.forms.site_page import GROUPS
from app.forms.wording import TEXTS, TypedWording
from app.lib.language import listed, when
from app.models import AuditEvent
from app.models.audit import Event, Who

EVENTS: dict[Event, Any] = {
    Event.LOGIN: _l("Logged in"),
    Event.LOGIN_FAILED: _l("Log-in failed"),
    Event.LOGOUT: _l("Logged out"),
    Event.LOGINS_ENDED: _l("Log-ins ended"),
    Event.REAUTHENTICATED: _l("Identity confirmed"),
    Event.REAUTHENTICATION_FAILED: _l("Identity not confirmed"),
    Event.RESET_REQUESTED: _l("Password reset requested"),
    Event.PASSWORD_RESET: _l("Password reset"),
    Event.PASSWORD_CHANGED: _l("Password changed"),
    Event.EMAIL_CHANGE_REQUESTED: _l("Email change requested"),
    Event.EMAIL_CHANGED: _l("Email changed"),
    Event.FACTOR_ADDED: _l("Second factor added"),
    Event.FACTOR_REMOVED: _l("Second factor removed"),
    Event.FACTOR_FAILED: _l("Second factor failed"),
    Event.FACTOR_RESET: _l("Second factor reset"),
    Event.RECOVERY_CODES_MADE: _l("Recovery codes made"),
    Event.RECOVERY_CODE_USED: _l("Recovery code used"),
    Event.IDENTITY_LINKED: _l("Single sign-on linked"),
    Event.IDENTITY_UNLINKED: _l("Single sign-on unlinked"),
    Event.FACTOR_ASKED: _l("Second factor asked for"),
    Event.TOKEN_MADE: _l("API token made"),
    Event.TOKEN_ENDED: _l("API token ended"),
    Event.WEBHOOK_ADDED: _l("Webhook added"),
    Event.WEBHOOK_CHANGED: _l("Webhook changed"),
    Event.WEBHOOK_SECRET_CHANGED: _l("Secret of a webhook changed"),
    Event.WEBHOOK_REMOVED: _l("Webhook removed"),
    Event.MEMBER_KEY_ADDED: _l("Key for members’ log-ins added"),
    Event.MEMBER_KEY_REVOKED: _l("Key for members’ log-ins revoked"),
    Event.ACCOUNT_MADE: _l("Account created"),
    Event.ACCOUNT_REMOVED: _l("Account removed"),
    Event.OPERATOR_CHANGED: _l("Owner of the installation changed"),
    Event.INVITED: _l("Invitation sent"),
    Event.INVITATION_ACCEPTED: _l("Invitation accepted"),
    Event.INVITATION_REVOKED: _l("Invitation revoked"),
    Event.ROLE_GIVEN: _l("Role given"),
    Event.ROLE_CHANGED: _l("Role changed"),
    Event.MEMBER_REMOVED: _l("Removed from site"),
    Event.SITE_ADDED: _l("Site added"),
    Event.SITE_REMOVED: _l("Site removed"),
    Event.SETTINGS_CHANGED: _l("Settings changed"),
    Event.RULE_ADDED: _l("Rule added"),
    Event.RULES_ADDED: _l("Rules added"),
    Event.RULE_ENDED: _l("Rule ended"),
    Event.RULE_SHARED: _l("Rule shared or kept private"),
    Event.LIST_PUBLISHED: _l("Published list changed"),
    Event.LIST_KEY_CHANGED: _l("Key of the published list replaced"),
    Event.LIST_SUBSCRIBED: _l("Subscribed to a shared list"),
    Event.LIST_KEY_FOLLOWED: _l("New key of a shared list accepted"),
    Event.LIST_LINES_CHANGED: _l("Lines of a shared list used or ignored"),
    Event.LIST_UNDONE: _l("Subscription to a shared list undone"),
    Event.LIST_COMMENTS_RETURNED: _l("Comments held by a shared list judged again"),
    Event.CHECKER_ADDED: _l("Checker added"),
    Event.CHECKER_CHANGED: _l("Checker changed"),
    Event.CHECKER_RETURNED: _l("Checker back in shadow mode"),
    Event.CHECKER_REMOVED: _l("Checker removed"),
    Event.IMPORT_STARTED: _l("Import started"),
    Event.IMPORTED: _l("Import finished"),
    Event.EXPORT_STARTED: _l("Export started"),
    Event.EXPORTED: _l("Export finished"),
    Event.EXPORT_DOWNLOADED: _l("Export downloaded"),
    Event.PERSON_EXPORTED: _l("Personal data exported"),
    Event.PERSON_ERASED: _l("Personal data erased"),
    Event.KEY_ROTATED: _l("Key replaced"),
    Event.KEY_ACCEPTED: _l("New key accepted"),
    Event.BACKUP_MADE: _l("Backup made"),
    Event.BACKUP_CHECKED: _l("Backup checked"),
    Event.BACKUP_RESTORED: _l("Restore drill done"),
    Event.BACKUP_FAILED: _l("Backup failed"),
    Event.MOVE_STARTED: _l("Move to another database started"),
    Event.MOVE_CANCELLED: _l("Move to another database cancelled"),
    Event.LOG_EXPORTED: _l("Audit log exported"),
    Event.HANDOVER_WRITTEN: _l("Hand-over note written"),
    Event.HANDOVER_CLEARED: _l("Hand-over note cleared"),
    Event.LOG_ERASED: _l("Old entries of this log erased"),
}
ACTORS: dict[str, Any] = {
    Who.OPERATOR: _l("Operator (command line)"),
    Who.SYSTEM: _l("Kaiwa"),
    Who.VISITOR: _l("Not logged in"),
    Who.TOKEN: _l("API token"),
}
DETAILS: dict[str, Any] = {
    "accounts": _l("Accounts"),
    "algorithm": _l("Algorithm"),
    "article": _l("Article"),
    "authors": _l("Authors"),
    "because": _l("Reason"),
    "before": _l("Before"),
    "bytes": _l("Bytes"),
    "comments": _l("Comments"),
    "database": _l("Database"),
    "effect": _l("Effect"),
    "email": _l("Email"),
    "events": _l("Events"),
    "factor": _l("Second factor"),
    "file": _l("File"),
    "format": _l("Format"),
    "host": _l("Host"),
    "imported": _l("Imported"),
    "key": _l("Key"),
    "kid": _l("Key ID"),
    "kinds": _l("Published"),
    "known_browser": _l("Known browser"),
    "mode": _l("Mode"),
    "name": _l("Name"),
    "number": _l("Number"),
    "on": _l("Owner of the installation"),
    "origins": _l("Site URLs"),
    "removed_text": _l("Comments deleted"),
    "role": _l("Role"),
    "rows": _l("Entries"),
    "rule": _l("Rule"),
    "scopes": _l("What it may do"),
    "state": _l("State"),
    "subject": _l("Subject"),
    "until": _l("Until"),
    "via": _l("With"),
}
VALUES: dict[str, dict[str, Any]] = {
    "role": dict(ROLE.choices() if ROLE.choices else ()),
    "before": dict(ROLE.choices() if ROLE.choices else ()),
    "subject": {each.value: said for each, said in SUBJECTS.items()},
    "effect": {each.value: said for each, said in EFFECTS.items()},
    "factor": {"passkey": _l("Passkey"), "app": _l("Authenticator app"), "recovery code": _l("Recovery code")},
    "because": {
        "retention": _l("Their time is over"),
        "person": _l("Personal data erased"),
        "group": _l("Group of the identity provider"),
        "disagreement": _l("The last decisions disagreed with the score"),
        "precision": _l("Moderators publish too much of what it holds"),
        "errors": _l("It fails too often"),
    },
    "via": {
        "password": _l("Password"),
        "passkey": _l("Passkey"),
        "app": _l("Authenticator app"),
        "provider": _l("Single sign-on"),
    },
    "mode": {each.value: said for each, said in MODES.items()},
}
SETTINGS = {name: control.label for _title, controls in GROUPS for name, control in controls.items()}
# Settings with a page of their own.
SETTINGS |= {"own_reasons": _l("Own reasons"), "saved_replies": _l("Saved replies")}
SETTINGS |= {"reason_texts": _l("Rejection reasons"), "state_key": _l("Key for signed article states")}
SETTINGS |= {name: getattr(TypedWording, name).args[0] for name in ("intro_shown", *TEXTS)}
SETTINGS |= {"factor_role": _l("Require two-factor authentication"), "sections": _l("Sections")}
# Of an entry of a site's own lists; its id says nothing.
PARTS = {
    "code": _l("Code"), "enabled": _l("Offer this reason"), "name": _l("Name"), "text": _l("Text"), "texts": _l("Text"),
}  # fmt: skip


def event_name(event: AuditEvent) -> str:
    """The code for an event of a later version."""
    return str(EVENTS.get(event.event, event.event))  # type: ignore[call-overload]


def actor_name(event: AuditEvent) -> str:
    return event.actor_name or str(ACTORS.get(event.actor, event.actor))


def changes(event: AuditEvent) -> Iterator[tuple[str, str, str]]:
    """Each changed setting with its value before and after."""
    for name, (before, after) in event.said.get("changes", {}).items():
        # Words have their language behind the name.
        setting, space, lang = name.partition(" ")
        yield f"{SETTINGS.get(setting, setting)}{space}{lang}", _said(before), _said(after)


def details(event: AuditEvent) -> Iterator[tuple[str, str]]:
    for name, value in event.said.items():
        if name in DETAILS and value not in (None, "", []):
            known = VALUES.get(name, {}).get(value) if isinstance(value, str) else None
            moment = when(datetime.fromisoformat(value)) if name == "until" else ""
            yield str(DETAILS[name]), str(known or moment or _said(value))


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return str(_("Yes") if value else _("No"))
    if isinstance(value, list):
        return " · ".join(map(_said, value)) or "–"
    if isinstance(value, dict):
        parts = ((PARTS.get(name, name), each) for name, each in value.items() if name != "id")
        return listed(f"{name}{_(': ')}{_said(each)}" for name, each in parts) or "–"
    return "–" if value in (None, "") else str(value)

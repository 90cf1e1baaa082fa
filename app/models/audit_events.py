"""The events of the audit log (audit.py)."""

from enum import StrEnum


class Event(StrEnum):
    """What happened. Each has its words in app/web/audit_words.py."""

    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    LOGOUT = "logout"
    LOGINS_ENDED = "logins_ended"
    REAUTHENTICATED = "reauthenticated"
    REAUTHENTICATION_FAILED = "reauthentication_failed"
    RESET_REQUESTED = "reset_requested"
    PASSWORD_RESET = "password_reset"  # noqa: S105
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    EMAIL_CHANGE_REQUESTED = "email_change_requested"
    EMAIL_CHANGED = "email_changed"
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    FACTOR_FAILED = "factor_failed"
    FACTOR_RESET = "factor_reset"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    RECOVERY_CODE_USED = "recovery_code_used"
    IDENTITY_LINKED = "identity_linked"
    IDENTITY_UNLINKED = "identity_unlinked"
    FACTOR_ASKED = "factor_asked"
    TOKEN_MADE = "token_made"  # noqa: S105
    TOKEN_ENDED = "token_ended"  # noqa: S105
    WEBHOOK_ADDED = "webhook_added"
    WEBHOOK_CHANGED = "webhook_changed"
    WEBHOOK_SECRET_CHANGED = "webhook_secret_changed"  # noqa: S105
    WEBHOOK_REMOVED = "webhook_removed"
    MEMBER_KEY_ADDED = "member_key_added"
    MEMBER_KEY_REVOKED = "member_key_revoked"
    ACCOUNT_MADE = "account_made"
    ACCOUNT_REMOVED = "account_removed"
    OPERATOR_CHANGED = "operator_changed"
    INVITED = "invited"
    INVITATION_ACCEPTED = "invitation_accepted"
    INVITATION_REVOKED = "invitation_revoked"
    ROLE_GIVEN = "role_given"
    ROLE_CHANGED = "role_changed"
    MEMBER_REMOVED = "member_removed"
    SITE_ADDED = "site_added"
    SITE_REMOVED = "site_removed"
    SETTINGS_CHANGED = "settings_changed"
    RULE_ADDED = "rule_added"
    RULES_ADDED = "rules_added"
    RULE_ENDED = "rule_ended"
    RULE_SHARED = "rule_shared"
    LIST_PUBLISHED = "list_published"
    LIST_KEY_CHANGED = "list_key_changed"
    LIST_SUBSCRIBED = "list_subscribed"
    LIST_KEY_FOLLOWED = "list_key_followed"
    LIST_LINES_CHANGED = "list_lines_changed"
    LIST_UNDONE = "list_undone"
    LIST_COMMENTS_RETURNED = "list_comments_returned"
    CHECKER_ADDED = "checker_added"
    CHECKER_CHANGED = "checker_changed"
    CHECKER_RETURNED = "checker_returned"
    CHECKER_REMOVED = "checker_removed"
    IMPORT_STARTED = "import_started"
    IMPORTED = "imported"
    EXPORT_STARTED = "export_started"
    EXPORTED = "exported"
    EXPORT_DOWNLOADED = "export_downloaded"
    PERSON_EXPORTED = "person_exported"
    PERSON_ERASED = "person_erased"
    KEY_ROTATED = "key_rotated"
    KEY_ACCEPTED = "key_accepted"
    BACKUP_MADE = "backup_made"
    BACKUP_CHECKED = "backup_checked"
    BACKUP_RESTORED = "backup_restored"
    BACKUP_FAILED = "backup_failed"
    MOVE_STARTED = "move_started"
    MOVE_CANCELLED = "move_cancelled"
    LOG_EXPORTED = "log_exported"
    HANDOVER_WRITTEN = "handover_written"
    HANDOVER_CLEARED = "handover_cleared"
    # Content of rows of this log, after their time or with a person's data; this row stays for ever.
    LOG_ERASED = "log_erased"


# Kept for AUDIT_LOGIN_DAYS; the others for AUDIT_DAYS.
LOGINS = frozenset(
    {
        Event.LOGIN, Event.LOGIN_FAILED, Event.LOGOUT, Event.LOGINS_ENDED, Event.REAUTHENTICATED,
        Event.REAUTHENTICATION_FAILED, Event.RESET_REQUESTED, Event.FACTOR_FAILED,
        Event.FACTOR_ASKED,
    }
)  # fmt: skip

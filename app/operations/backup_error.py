"""What both kinds of backups share: the error, and the tables that are counted."""

COUNTED = ("site", "thread", "comment", "author", "decision")


class BackupError(ValueError):
    """The backup failed or is invalid; the message says why."""

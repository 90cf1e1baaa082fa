"""Why a comment is reported or rejected: one coded list for readers, moderators, letters and figures."""

from enum import StrEnum
from typing import Any

from flask_babel import lazy_gettext as _l


class Reason(StrEnum):
    """The code is kept and exported; `label` is for people."""

    SPAM = "spam"
    OFF_TOPIC = "off_topic"
    ATTACK = "attack"
    HATE = "hate"
    ILLEGAL = "illegal"
    PERSONAL_DATA = "personal_data"
    ADVERTISING = "advertising"
    DUPLICATE = "duplicate"
    OTHER = "other"

    @property
    def label(self) -> Any:
        """The name as a lazy string, translated for the current reader."""
        return _LABELS[self]


_LABELS: dict[str, Any] = {
    Reason.SPAM: _l("Spam"),
    Reason.OFF_TOPIC: _l("Off topic"),
    Reason.ATTACK: _l("Personal attack"),
    Reason.HATE: _l("Hate"),
    Reason.ILLEGAL: _l("Illegal"),
    Reason.PERSONAL_DATA: _l("Personal data"),
    Reason.ADVERTISING: _l("Advertising"),
    Reason.DUPLICATE: _l("Duplicate"),
    Reason.OTHER: _l("Other"),
}

# What stands in the log when nobody chose a reason: what was done, or the check of screening that decided.
_CAUSES = {
    "undo": _l("Undone"),
    "mail": _l("Email link"),
    "reports": _l("Reported by readers"),
    "appeal": _l("Author’s appeal"),
    "withdrawn": _l("Withdrawn"),
    "import": _l("Import"),
    "hold_all": _l("Everything is held"),
    "first_comment": _l("First comment"),
    "links": _l("Links"),
    "trap": _l("Filled in the hidden field"),
}


def reason_codes() -> list[str]:
    """All that a decision's reason may be and that has a name."""
    return [*Reason, *_CAUSES]


def reason_name(code: str) -> Any:
    """What a decision's reason is called; '' for none, the code itself where it has no name."""
    return _LABELS.get(code) or _CAUSES.get(code, code)

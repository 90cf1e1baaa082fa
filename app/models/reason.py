"""Reasons of reports and rejections: one coded list for readers, moderators, emails and statistics."""

from enum import StrEnum
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Text, cast, select

from app.extensions import db
from app.models.moderator import Membership, Moderator
from app.models.site import Site

# With own reasons, whose reasons one menu has.
MOST_SITES = 200


class Reason(StrEnum):
    """The code is stored and exported; `label` is translated."""

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
        """The name as a lazy string."""
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

# Reasons that a moderator did not choose: the kind of action, or the deciding check.
_CAUSES = {
    "undo": _l("Undone"),
    "mail": _l("Email link"),
    "reports": _l("Reported by readers"),
    "appeal": _l("Author’s appeal"),
    "notice": _l("Legal notice"),
    "withdrawn": _l("Withdrawn"),
    "staff": _l("Reply by staff"),
    "edited": _l("Edited"),
    "covered": _l("Passage covered"),
    "uncovered": _l("Passage shown again"),
    "import": _l("Import"),
    "hold_all": _l("Everything is held"),
    "article": _l("Article is held"),
    "first_comment": _l("First comment"),
    "links": _l("Links"),
    "japanese": _l("No or little Japanese"),
    "personal": _l("Personal data"),
    "trap": _l("Filled in the hidden field"),
}


def reason_codes() -> list[str]:
    """All reason codes with a name."""
    return [*Reason, *_CAUSES]


def reason_name(code: str, site: Site | None = None) -> Any:
    """Name of a decision's reason, built in or of the site's own; '' for none, the code itself if it has no name."""
    if usual := _LABELS.get(code) or _CAUSES.get(code):
        return usual
    own = site.own_reason(code) if site and code else None
    return own.name if own else code


def own_reasons_of(moderator: Moderator) -> dict[str, str]:
    """Names of the own reasons of the moderator's sites by code, also of those that are no longer offered."""
    mine = select(Membership.site_id).where(Membership.moderator_id == moderator.id)
    some = Site.id.in_(mine), cast(Site.own_reasons, Text) != "[]"
    found = db.session.scalars(select(Site.own_reasons).where(*some).order_by(Site.id).limit(MOST_SITES))
    return {each["code"]: each["name"] for reasons in found for each in reasons}

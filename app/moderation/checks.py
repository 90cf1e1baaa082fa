"""The checks of screening, one function each: what it looks at, what it found, and what that means."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from app.lib.text import links_in
from app.models import Comment, Site, Status
from app.moderation.flood import holds


class Verdict(IntEnum):
    """What a finding asks for; the strictest of all wins."""

    PASS = 0
    HOLD = 1
    SPAM = 2


@dataclass(frozen=True)
class Case:
    """What a check may look at."""

    site: Site
    comment: Comment
    # The author showed a token of hers; a name and an address that were merely typed prove nothing.
    proven: bool
    trapped: bool = False


@dataclass(frozen=True)
class Finding:
    check: str
    verdict: Verdict
    facts: dict[str, Any] = field(default_factory=dict)

    def as_reason(self) -> dict[str, Any]:
        """JSON data, as kept with the comment; `sentence_of` puts it into words."""
        return {"check": self.check, "verdict": self.verdict.name.lower(), **self.facts}


Check = Callable[[Case], Finding | None]


def trap(case: Case) -> Finding | None:
    """A field that no person sees was filled in."""
    return Finding("trap", Verdict.SPAM) if case.trapped else None


def flood(case: Case) -> Finding | None:
    """More comments at once than is normal for the site."""
    return Finding("flood", Verdict.HOLD) if holds(case.site) else None


def links(case: Case) -> Finding | None:
    """More links than the site takes without looking (its `max_links` or more hold; 0 turns it off)."""
    count = len(links_in(case.comment.body))
    if case.site.max_links and count >= case.site.max_links:
        return Finding("links", Verdict.HOLD, {"count": count})
    return None


def first_comment(case: Case) -> Finding | None:
    """The author does not yet have as many approved comments as the site asks for."""
    needed = case.site.approvals_needed
    if not needed:
        return None
    record = Comment.records([case.comment.author_id])[case.comment.author_id] if case.proven else {}
    approved = record.get(Status.APPROVED, 0)
    return Finding("first_comment", Verdict.HOLD, {"approved": approved}) if approved < needed else None


def hold_all(case: Case) -> Finding | None:
    """The site looks at everything before it is published."""
    return Finding("hold_all", Verdict.HOLD) if case.site.hold_all else None


# In the order of the design; a new check is a function above and a name here, with its sentence below.
CHECKS: tuple[Check, ...] = (trap, flood, links, first_comment, hold_all)


def sentence_of(reason: dict[str, Any]) -> str:
    """A kept reason in the words of whoever reads it now."""
    said = _SENTENCES.get(reason["check"])
    return said(reason) if said else reason["check"]


_SENTENCES: dict[str, Callable[[dict[str, Any]], str]] = {
    "trap": lambda reason: _("filled in the hidden field"),
    "flood": lambda reason: _("came in a burst of comments"),
    "links": lambda reason: ngettext("%(num)d link", "%(num)d links", reason["count"]),
    "first_comment": lambda reason: _("first comment"),
    "hold_all": lambda reason: _("everything is held"),
    "edited": lambda reason: _("edited by its author"),
    "reports": lambda reason: _("reported by readers"),
    "failed": lambda reason: _("check “%(name)s” failed", name=reason["name"]),
}

"""Set the state of a legal notice, and write the log of its case."""

from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import update

from app.database import rows_changed
from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.models import Decision, Moderator, Notice, NoticeEvent, NoticeState, Party, Status
from app.notify import events

_MAY_BE_PUBLIC = (Status.PENDING, Status.APPROVED)
# What happened in a case, by code.
EVENTS: dict[str, Any] = {
    "opened": _l("Notice received"),
    "confirmed": _l("Email address confirmed"),
    "disowned": _l("The owner of the email address says the notice isn’t theirs"),
    "reminded": _l("Moderators reminded of the deadline"),
    "asked": _l("Inquiry sent to the author"),
    "consented": _l("The author agrees to the removal"),
    "objected": _l("The author objects to the removal"),
    "unanswered": _l("The author did not answer in time"),
    "undelivered": _l("The inquiry could not be delivered"),
    "held": _l("Legal hold placed"),
    "released": _l("Legal hold ended"),
    "exported": _l("Case file downloaded"),
    "closed": _l("Decided"),
    "reopened": _l("Reopened"),
    "appealed": _l("The notifier objected"),
    "restored": _l("Reopened, because the comment may become public again"),
}


def move(
    notice: Notice,
    state: NoticeState,
    event: str,
    *,
    seen: int,
    by: Moderator | None = None,
    party: Party = Party.SYSTEM,
    text: str = "",
    **columns: Any,
) -> None:
    """Set the state of a notice with other columns, and insert the event, in the caller's transaction.

    `seen` is the version that the change is based on (optimistic lock). Raises Refused (409) if the case has changed.
    """
    with_version = update(Notice).where(Notice.id == notice.id, Notice.version == seen)
    changed = rows_changed(with_version.values(state=state, version=Notice.version + 1, **columns))
    db.session.refresh(notice)
    if changed != 1:
        said = _("This case was updated since you opened it. Review it and try again.")
        raise Refused("case_changed", said, status=409)
    note(notice, event, by=by, party=party, text=text)


def note(
    notice: Notice, event: str, *, by: Moderator | None = None, party: Party = Party.SYSTEM, text: str = ""
) -> None:
    """Insert an event that changes no state."""
    actor = Party.MODERATOR if by else party
    row = NoticeEvent(site_id=notice.site_id, notice_id=notice.id, kind=event, actor=actor, moderator=by, text=text)
    db.session.add(row)
    db.session.flush()


def reopen(notice: Notice, event: str, **given: Any) -> None:
    """Open a closed case, with another deadline. The decision stays in its log."""
    move(notice, NoticeState.OPEN, event, **given, **_undecided(), **term(notice))
    events.notice_opened(notice, event)


def term(notice: Notice) -> dict[str, Any]:
    """The deadline of a case that begins now."""
    return {"due_at": now() + timedelta(days=notice.site.notice_days), "reminded_at": None}


def follow(decision: Decision, by: Moderator | None) -> None:
    """Reopen the cases that had removed a comment which may become public again, also by way of spam."""
    if decision.from_status in _MAY_BE_PUBLIC or decision.to_status not in _MAY_BE_PUBLIC:
        return
    for notice in Notice.removed_from(decision.comment_id):
        reopen(notice, "restored", seen=notice.version, by=by)


def _undecided() -> dict[str, Any]:
    return {"outcome": "", "ground": "", "provision": "", "facts": "", "closed_at": None, "decision_id": None}

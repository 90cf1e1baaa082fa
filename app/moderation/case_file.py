"""One case as data for a lawyer: notice, texts with hashes, decisions and history."""

from typing import Any

from app.models import LegalHold, Notice, NoticeEvent
from app.moderation import legal_hold
from app.moderation.legal_hold import Copy


def contents(notice: Notice) -> dict[str, Any]:
    """The case; texts that a legal hold keeps are among them."""
    hold = LegalHold.on(notice.comment)
    return {"hold": hold, "data": _data(notice, hold), "events": NoticeEvent.all_of(notice)}


def _data(notice: Notice, hold: LegalHold | None) -> Copy:
    return legal_hold.copy_of(hold) if hold else legal_hold.snapshot(notice.comment)

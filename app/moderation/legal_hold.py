"""Keep a copy of a comment's data for a legal case, whatever is erased, deleted or edited meantime."""

import hashlib
import json
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.lib.secrets import is_unreadable
from app.models import Comment, Decision, LegalHold, Moderator, Note, Notice, Report, Revision
from app.moderation.notice_state import note

# Values of one record by name, and such records by id or hash.
Record = dict[str, Any]
Copy = dict[str, Record]
# Values that may change after a copy was made.
LIVE = frozenset({"question", "outcome", "provision", "facts"})


def place(notice: Notice, *, reason: str, until: datetime, by: Moderator) -> LegalHold:
    """Hold the data of the notice's comment until then. Raises Refused (409) if a hold runs already."""
    notice.comment.lock()
    if LegalHold.on(notice.comment):
        raise Refused("held", _("This comment is under a legal hold already."), status=409)
    hold = LegalHold(
        site_id=notice.site_id, comment=notice.comment, notice=notice, reason=reason, until=until, made_by=by,
        kept=json.dumps(snapshot(notice.comment)),
    )  # fmt: skip
    db.session.add(hold)
    note(notice, "held", by=by, text=reason)
    return hold


def release(hold: LegalHold, *, by: Moderator | None = None) -> None:
    """End a hold and delete its copy; `by` is None when its time is over."""
    hold.ended_at, hold.ended_by_id, hold.kept = now(), by.id if by else None, ""
    if hold.notice:
        note(hold.notice, "released", by=by)


def release_overdue() -> Iterator[None]:
    """Yields after each hold, and the caller commits."""
    for id in LegalHold.overdue():
        hold = db.session.get(LegalHold, id, with_for_update=True, populate_existing=True)
        # An administrator may have ended it by now, or its site may be gone.
        if hold and hold.ended_at is None:
            release(hold)
            yield


def absorb(comment_ids: Collection[int]) -> int:
    """Copy the present data of held comments before it is changed or deleted; returns the number of holds."""
    # A copy under a lost key stays as it is: the key may be found.
    holds = [hold for hold in LegalHold.of(comment_ids) if not is_unreadable(hold.kept)]
    for hold in holds:
        hold.kept = json.dumps(copy_of(hold))
    if holds:
        db.session.flush()
    return len(holds)


def copy_of(hold: LegalHold) -> Copy:
    """The copy together with the present data."""
    stored: Copy = json.loads(hold.kept) if hold.kept else {}
    return _merged(stored, snapshot(hold.comment))


def snapshot(comment: Comment) -> Copy:
    """All data of a comment, its author and its cases, as JSON data."""
    id = comment.id
    return {
        "comment": {
            "name": comment.name,
            "website": comment.website,
            "network": str(comment.address),
            "written": comment.created_at.isoformat(),
            "article": comment.thread.address,
            "title": comment.thread.title,
        },
        "author": {
            "name": comment.author.name,
            "email": str(comment.author.email),
            "website": comment.author.website,
            "since": comment.author.created_at.isoformat(),
        },
        "texts": _texts(comment),
        "decisions": {str(row.id): _decision(row) for row in Decision.all_of(comment)},
        "notes": {str(row.id): {"text": str(row.text), "at": row.made_at.isoformat()} for row in Note.of([id])[id]},
        "reports": {str(row.id): _report(row) for row in _reports(comment)},
        "notices": {str(row.id): _notice(row) for row in Notice.newest_of(comment)},
    }


def digest(text: str) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _texts(comment: Comment) -> Record:
    """Each version of the text by its SHA-256, with the time of the edit that replaced it."""
    earlier = {
        digest(row.body): (row.body, row.replaced_at.isoformat()) for row in Revision.of([comment.id])[comment.id]
    }
    present = {} if comment.emptied_at else {digest(comment.body): (comment.body, "")}
    return {sha256: {"text": text, "until": until} for sha256, (text, until) in (earlier | present).items()}


def _decision(row: Decision) -> Record:
    return {
        "from": row.from_status,
        "to": row.to_status,
        "by": row.moderator.name if row.moderator else row.actor,
        "reason": row.reason,
        "note": row.note,
        "at": row.made_at.isoformat(),
    }


def _reports(comment: Comment) -> Any:
    return db.session.scalars(select(Report).where(Report.comment_id == comment.id).order_by(Report.id))


def _report(row: Report) -> Record:
    return {"reason": row.reason, "note": str(row.note), "at": row.made_at.isoformat()}


def _notice(row: Notice) -> Record:
    texts = ("number", "claim", "law", "explanation", "name", "email", "question", "outcome", "provision", "facts")
    return {name: str(getattr(row, name)) for name in texts} | {"at": row.made_at.isoformat()}


def _merged(earlier: Copy, present: Copy) -> Copy:
    """The earlier copy with new values; an erased value keeps its earlier one."""
    flat = ("comment", "author")
    merged = {name: _filled(earlier.get(name, {}), present[name]) for name in flat}
    for name in present.keys() - set(flat):
        records = earlier.get(name, {})
        fresh = {key: _filled(records.get(key, {}), row) for key, row in present[name].items()}
        merged[name] = records | fresh
    return merged


def _filled(earlier: Record, present: Record) -> Record:
    """Earlier values are the evidence, except for those that a case sets while it goes on."""
    kept = {name: value for name, value in earlier.items() if value}
    return earlier | present | {name: value for name, value in kept.items() if name not in LIVE or not present[name]}

"""Set the state of an article's comments, and record who did it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.database import one_of
from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.models import Actor, Moderator, Site, State, Thread, ThreadChange, section_scope
from app.notify import events

LISTED = 10  # changes of a thread on its page
BATCH = 250  # changes read at once for an export
COLUMNS = ("id", "made_at", "site", "page", "from", "to", "until", "actor", "moderator", "reason", "undoes")
STATES: dict[str, Any] = {
    State.OPEN: _l("Open"),
    State.CLOSED: _l("Closed"),
    State.HELD: _l("Held"),
    State.HIDDEN: _l("Hidden"),
}
EXPLAINED: dict[str, Any] = {
    State.OPEN: _l("Readers can read and comment."),
    State.CLOSED: _l("Readers see the comments and can’t add any."),
    State.HELD: _l("Each new comment and each edit waits for a moderator."),
    State.HIDDEN: _l("Readers see no comments and can’t add any."),
}
# Causes of changes by Kaiwa itself, by code.
CAUSES: dict[str, Any] = {
    "merge": _l("Merged with a hidden article"),
    "rejections": _l("Many of its comments were rejected"),
    "reports": _l("Many reports within a few minutes"),
}


def set_state(
    thread: Thread,
    state: State,
    *,
    by: Moderator | None = None,
    actor: Actor = Actor.MODERATOR,
    reason: str = "",
    until: datetime | None = None,
    undoes: ThreadChange | None = None,
    at: datetime | None = None,
) -> ThreadChange | None:
    """Put a thread into a state, in the caller's transaction; None if it is in it already.

    Opening a thread that the site's `close_after_days` had closed restarts these days.
    """
    thread.lock()
    if not _changes(thread, state, until):
        return None
    change = ThreadChange(
        site_id=thread.site_id,
        thread_id=thread.id,
        from_state=thread.state,
        to_state=state,
        until=until,
        actor=actor,
        moderator=by,
        reason=reason,
        undoes=undoes is not None,
        made_at=at or now(),
    )
    thread.put_into(state, until=until)
    db.session.add(change)
    db.session.flush()
    events.thread_state_changed(change, undoes)
    return change


def undo(change: ThreadChange, *, by: Moderator) -> ThreadChange:
    """Restore the state before `change` by another change. Raises Refused (409) if the state has changed since."""
    thread = change.thread
    thread.lock()
    if not can_be_undone(change):
        said = _("The state of this article has changed since. Check it and try again.")
        raise Refused("already_changed", said, status=409)
    undone = set_state(thread, State(change.from_state), by=by, undoes=change)
    if undone is None:
        raise Refused("already_changed", _("This article is in that state already."), status=409)
    return undone


def can_be_undone(change: ThreadChange) -> bool:
    """True for the newest change of its thread."""
    newest = ThreadChange.newest_of(change.thread)
    return newest is not None and newest.id == change.id


def shown(thread: Thread) -> dict[str, Any]:
    """What the form of a thread's state shows: the choices, and the newest changes with the one that can be undone."""
    changes = ThreadChange.all_of(thread, limit=LISTED)
    return {
        "states": STATES,
        "explained": EXPLAINED,
        "changes": changes,
        "cause_of": cause_of,
        "can_be_undone": lambda change: change is changes[0],
    }


def follow_merge(thread: Thread, into: Thread) -> None:
    """Hidden comments stay hidden when they are merged into another thread."""
    if thread.state == State.HIDDEN:
        set_state(into, State.HIDDEN, actor=Actor.SYSTEM, reason="merge")


def cause_of(change: ThreadChange) -> str:
    """The reason in words."""
    return str(CAUSES.get(change.reason, "")) if change.actor == Actor.SYSTEM else change.reason


def all_for(moderator: Moderator) -> Iterator[dict[str, Any]]:
    """All changes on the moderator's sites as plain rows, newest first.

    Without open transaction between batches: a download may be slow.
    """
    site_ids, before = list(moderator.site_ids), 0
    mine = section_scope.about_threads(moderator, ThreadChange.site_id, ThreadChange.thread_id)
    keys = dict(db.session.execute(select(Site.id, Site.key).where(one_of(Site.id, site_ids))).all())
    while found := ThreadChange.on_sites(site_ids, *mine, before=before, limit=BATCH):
        rows = [_exported(each, keys[each.site_id]) for each in found]
        before = found[-1].id
        db.session.rollback()
        yield from rows


def _exported(change: ThreadChange, site: str) -> dict[str, Any]:
    values = (
        change.id,
        change.made_at.isoformat(),
        site,
        change.thread.url or change.thread.key,
        change.from_state,
        change.to_state,
        change.until.isoformat() if change.until else None,
        change.actor,
        change.moderator.name if change.moderator else None,
        change.reason,
        change.undoes,
    )
    return dict(zip(COLUMNS, values, strict=True))


def _changes(thread: Thread, state: State, until: datetime | None) -> bool:
    """False if a change would have no effect. A thread that `close_after_days` have closed can be opened once more."""
    if thread.state != state or thread.held_until != until:
        return True
    return state in (State.OPEN, State.HELD) and thread.is_too_old()

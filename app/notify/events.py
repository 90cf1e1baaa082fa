"""Queue notifications in the transaction of their cause."""

import json
from datetime import datetime, timedelta

from flask import current_app

from app.lib.clock import latest, now
from app.models import Decision, Moderator, Site, Status, Thread
from app.notify import authors, outbox, replies


def after(decision: Decision) -> None:
    if decision.to_status == Status.PENDING and decision.moderator_id is None:
        for id, digest_at in Moderator.digests_of(decision.comment.site):
            _queue_digest(id, digest_at)
    authors.notify(decision)
    replies.announce(decision)


def _queue_digest(moderator_id: int, last: datetime | None) -> None:
    """One digest about pending comments; later causes join an unsent one."""
    distance = timedelta(seconds=current_app.config["DIGEST_EVERY"])
    due = max(now(), min(last, latest()) + distance) if last else now()
    outbox.add("digest", moderator_id=moderator_id, once=f"digest {moderator_id}", due_at=due)


def braked(thread: Thread, cause: str) -> None:
    """Notify the moderators of an article that holds everything for a while."""
    for id, _ in Moderator.digests_of(thread.site):
        payload = json.dumps({"thread": thread.id, "cause": cause})
        outbox.add("brake", site_id=thread.site_id, moderator_id=id, once=f"brake {thread.id} {id}", payload=payload)


def flooded(site: Site) -> None:
    """Notify the moderators of a burst."""
    for id, _ in Moderator.digests_of(site):
        outbox.add("flood", site_id=site.id, moderator_id=id, once=f"flood {site.id} {id}", payload=str(site.id))

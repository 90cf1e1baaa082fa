"""Queue notifications in the transaction of their cause."""

import json
from datetime import datetime, timedelta

from flask import current_app

from app.lib.clock import latest, now
from app.models import Decision, Moderator, Site, Thread, waiting
from app.models.moderator import Emails
from app.notify import authors, outbox, replies
from app.notify.digest import URGENT_EVERY


def after(decision: Decision) -> None:
    if decision.asks_for_review:
        for id, digest_at, emails in Moderator.digests_of(decision.comment.site):
            _queue_digest(id, digest_at, Emails(emails), is_urgent=decision.comment.lane == waiting.URGENT)
    authors.notify(decision)
    replies.announce(decision)


def _queue_digest(moderator_id: int, last: datetime | None, emails: Emails, *, is_urgent: bool) -> None:
    """One digest about comments in the queue; later causes join an unsent one, urgent ones hasten it."""
    if emails == Emails.URGENT and not is_urgent:
        return
    hasten = is_urgent and emails.at_once
    distance = URGENT_EVERY if hasten else timedelta(seconds=current_app.config["DIGEST_EVERY"])
    due = max(now(), min(last, latest()) + distance) if last else now()
    outbox.add("digest", moderator_id=moderator_id, once=f"digest {moderator_id}", due_at=due, hasten=hasten)


def braked(thread: Thread, cause: str) -> None:
    """Notify the moderators of an article that holds everything for a while."""
    for id, *_ in Moderator.digests_of(thread.site):
        payload = json.dumps({"thread": thread.id, "cause": cause})
        outbox.add("brake", site_id=thread.site_id, moderator_id=id, once=f"brake {thread.id} {id}", payload=payload)


def flooded(site: Site) -> None:
    """Notify the moderators of a burst."""
    for id, *_ in Moderator.digests_of(site):
        outbox.add("flood", site_id=site.id, moderator_id=id, once=f"flood {site.id} {id}", payload=str(site.id))

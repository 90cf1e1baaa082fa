"""Queue notifications in the transaction of their cause."""

import json
from datetime import datetime, timedelta

from flask import current_app

from app.lib.clock import latest, now
from app.models import Checker, Comment, Decision, Moderator, Notice, Site, Thread, ThreadChange, waiting
from app.models.moderator import Emails
from app.notify import authors, notifiers, outbox, replies, webhooks
from app.notify.digest import URGENT_EVERY


def after(decision: Decision, *, first: bool = False) -> None:
    """`first`: the decision on a new comment."""
    if decision.asks_for_review:
        for id, digest_at, emails in Moderator.digests_of(decision.comment.site):
            _queue_digest(id, digest_at, Emails(emails), is_urgent=decision.comment.lane == waiting.URGENT)
    authors.notify(decision)
    replies.announce(decision)
    webhooks.decided(decision, first=first)


def _queue_digest(moderator_id: int, last: datetime | None, emails: Emails, *, is_urgent: bool) -> None:
    """One digest about comments in the queue; later causes join an unsent one, urgent ones hasten it."""
    if emails == Emails.URGENT and not is_urgent:
        return
    hasten = is_urgent and emails.at_once
    distance = URGENT_EVERY if hasten else timedelta(seconds=current_app.config["DIGEST_EVERY"])
    due = max(now(), min(last, latest()) + distance) if last else now()
    outbox.add("digest", moderator_id=moderator_id, once=f"digest {moderator_id}", due_at=due, hasten=hasten)


def reported(comment: Comment, reason: str) -> None:
    """A reader reported a comment, which no moderator has confirmed."""
    webhooks.reported(comment, reason)


def edited(comment: Comment, reason: str) -> None:
    """A passage was covered, or its author's name erased: what others keep of the comment is outdated."""
    webhooks.edited(comment, reason)


def thread_state_changed(change: ThreadChange, undone: ThreadChange | None = None) -> None:
    """`undone` is the change that this one takes back."""
    webhooks.thread_state_changed(change, undone)


def thread_changed(thread: Thread, what: str) -> None:
    """Details were set by hand, or the thread got another address."""
    webhooks.thread_changed(thread, what)


def braked(thread: Thread, cause: str) -> None:
    """Notify the moderators of an article that holds everything for a while."""
    for id, *_ in Moderator.digests_of(thread.site):
        payload = json.dumps({"thread": thread.id, "cause": cause})
        outbox.add("brake", site_id=thread.site_id, moderator_id=id, once=f"brake {thread.id} {id}", payload=payload)


def flooded(site: Site) -> None:
    """Notify the moderators of a burst."""
    for id, *_ in Moderator.digests_of(site):
        outbox.add("flood", site_id=site.id, moderator_id=id, once=f"flood {site.id} {id}", payload=str(site.id))
    webhooks.flooded(site)


def score_stepped_back(site: Site, alarms: int, honest: int) -> None:
    """Notify the moderators that the spam score turned itself off."""
    payload = json.dumps({"site": site.id, "alarms": alarms, "honest": honest})
    for id, *_ in Moderator.digests_of(site):
        outbox.add("score", site_id=site.id, moderator_id=id, once=f"score {site.id} {id}", payload=payload)


def checker_returned(checker: Checker, cause: str) -> None:
    """Notify the administrators of a checker that went back to shadow mode."""
    for id, *_ in Moderator.digests_of(checker.site):
        payload = json.dumps({"checker": checker.id, "cause": cause})
        once = f"checker returned {checker.id} {id}"
        outbox.add("checker", site_id=checker.site_id, moderator_id=id, once=once, payload=payload)


def notice_opened(notice: Notice, cause: str) -> None:
    """A legal notice was received, or its case reopened."""
    if cause == "opened":
        notifiers.send_receipt(notice)
    else:
        notifiers.correct(notice)
    tell_of_notice(notice, cause)
    webhooks.notice_opened(notice, cause)


def notice_closed(notice: Notice) -> None:
    """A case was decided."""
    notifiers.send_decision(notice)
    authors.send_statement(notice)
    webhooks.notice_closed(notice)


def author_asked(notice: Notice) -> None:
    """The comment's author is asked whether they agree to its removal."""
    authors.send_inquiry(notice)


def tell_of_notice(notice: Notice, cause: str) -> None:
    """Email the moderators about a case."""
    for id, *_ in Moderator.digests_of(notice.site):
        payload = json.dumps({"notice": notice.id, "cause": cause})
        outbox.add(
            "notice", site_id=notice.site_id, moderator_id=id, once=f"notice {notice.id} {cause} {id}", payload=payload
        )

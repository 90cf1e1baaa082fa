"""Insert the deliveries to webhooks, in the transaction of their event."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from app.extensions import db
from app.lib.clock import now
from app.models import Actor, Comment, Decision, Notice, Report, Site, Status, Thread, ThreadChange, Webhook
from app.models.webhook import PING, Wanted, WebhookEvent
from app.models.webhook_delivery import About, WebhookDelivery
from app.notify.outbox import undo_window

OF_STATUS = {
    Status.PENDING: WebhookEvent.HELD,
    Status.APPROVED: WebhookEvent.APPROVED,
    Status.REJECTED: WebhookEvent.REJECTED,
    Status.SPAM: WebhookEvent.SPAM,
    Status.DELETED: WebhookEvent.DELETED,
}
APPEAL = "appeal"


def decided(decision: Decision, *, first: bool) -> None:
    """Of a comment's status: due after the undo window, within which the next change of it recalls it.

    An undo tells only those webhooks that were told the status that it takes back.
    """
    hooks = Webhook.active_of(decision.site_id)
    if not hooks:
        return
    about, facts = (decision.site_id, About.COMMENT, decision.comment_id), _facts_of(decision)
    if first:
        _insert(hooks, WebhookEvent.RECEIVED, *about, facts)
    elif decision.to_status == decision.from_status:
        # What waits to be told stays true. Screening decides again after an edit by the author.
        if decision.actor == Actor.SCREENING:
            _insert(hooks, WebhookEvent.EDITED, *about, {"reason": decision.reason})
        return
    else:
        WebhookDelivery.recall(About.COMMENT, decision.comment_id, WebhookDelivery.cause_id.is_not(None))
    if decision.reason == APPEAL:
        _insert(hooks, WebhookEvent.APPEALED, *about, facts)
    _tell_status(hooks, decision, facts)


def _tell_status(hooks: Iterable[Wanted], decision: Decision, facts: Mapping[str, Any]) -> None:
    id, event = decision.comment_id, OF_STATUS[Status(decision.to_status)]
    undone = db.session.get(Decision, decision.undoes_id) if decision.undoes_id else None
    told = WebhookDelivery.last_told(About.COMMENT, id, OF_STATUS.values()) if undone else {}
    # An event between the two told the status that is taken back.
    misled = WebhookDelivery.sent_since(About.COMMENT, id, undone.made_at) if undone else set()
    unaware = [hook for hook in hooks if told.get(hook.id) != event or hook.id in misled]
    due = now() + undo_window()
    _insert(unaware, event, decision.site_id, About.COMMENT, id, facts, due_at=due, cause_id=decision.id)


def _facts_of(decision: Decision) -> dict[str, Any]:
    return {
        "from": decision.from_status,
        "to": decision.to_status,
        "actor": decision.actor,
        "reason": decision.reason,
        "undoes": decision.undoes_id is not None,
    }


def edited(comment: Comment, reason: str) -> None:
    """The text or the name changed, and the status did not."""
    hooks = _wanting(comment.site_id, WebhookEvent.EDITED)
    _insert(hooks, WebhookEvent.EDITED, comment.site_id, About.COMMENT, comment.id, {"reason": reason})


def reported(comment: Comment, reason: str) -> None:
    hooks = _wanting(comment.site_id, WebhookEvent.REPORTED)
    if hooks:
        facts = {"reason": reason, "open": Report.count_open(comment)}
        _insert(hooks, WebhookEvent.REPORTED, comment.site_id, About.COMMENT, comment.id, facts)


def notice_opened(notice: Notice, cause: str) -> None:
    """`cause` is `opened`, or why a decided case is open again."""
    hooks = Webhook.active_of(notice.site_id)
    closed = WebhookDelivery.event == WebhookEvent.NOTICE_CLOSED
    recalled = WebhookDelivery.recall(About.NOTICE, notice.id, closed) if hooks and cause != "opened" else {}
    told = _aware(hooks, recalled, About.NOTICE, notice.id)
    _insert(told, WebhookEvent.NOTICE_OPENED, notice.site_id, About.NOTICE, notice.id, {"cause": cause})


def notice_closed(notice: Notice) -> None:
    hooks = _wanting(notice.site_id, WebhookEvent.NOTICE_CLOSED)
    facts = {"cause": "closed", "outcome": notice.outcome}
    due = now() + undo_window()
    _insert(hooks, WebhookEvent.NOTICE_CLOSED, notice.site_id, About.NOTICE, notice.id, facts, due_at=due)


def thread_state_changed(change: ThreadChange, undone: ThreadChange | None) -> None:
    """An undo tells only those webhooks that were told of the change that it takes back."""
    hooks = _wanting(change.site_id, WebhookEvent.THREAD_CHANGED)
    if not hooks:
        return
    about = About.THREAD, change.thread_id
    recalled = WebhookDelivery.recall(*about, WebhookDelivery.cause_id == undone.id) if undone else {}
    facts = {
        "what": "state",
        "from": change.from_state,
        "to": change.to_state,
        "until": _iso(change.until),
        "actor": change.actor,
    }
    due = now() + undo_window() if change.actor == Actor.MODERATOR else now()
    told = _aware(hooks, recalled, *about)
    _insert(told, WebhookEvent.THREAD_CHANGED, change.site_id, *about, facts, due_at=due, cause_id=change.id)


def _aware(hooks: Iterable[Wanted], recalled: Mapping[int, datetime], about: About, about_id: int) -> list[Wanted]:
    """Those that know the state that is taken back: nothing was recalled, or another event has told it."""
    misled = WebhookDelivery.sent_since(about, about_id, min(recalled.values())) if recalled else set()
    return [hook for hook in hooks if hook.id not in recalled or hook.id in misled]


def thread_changed(thread: Thread, what: str) -> None:
    """`what` is `details` (title, address, date, section), `moved` or `merged`."""
    hooks = _wanting(thread.site_id, WebhookEvent.THREAD_CHANGED)
    _insert(hooks, WebhookEvent.THREAD_CHANGED, thread.site_id, About.THREAD, thread.id, {"what": what})


def flooded(site: Site) -> None:
    facts = {"until": _iso(site.pressed_until), "limit": site.burst}
    hooks = _wanting(site.id, WebhookEvent.FLOOD)
    _insert(hooks, WebhookEvent.FLOOD, site.id, About.SITE, site.id, facts)


def ping(webhook: Webhook) -> None:
    """A test, whatever the webhook wants to be told of."""
    WebhookDelivery.insert([_row(webhook.id, PING, webhook.site_id, About.SITE, webhook.site_id, {})])


def _iso(moment: datetime | None) -> str | None:
    """As in payloads."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def _wanting(site_id: int, event: WebhookEvent) -> list[Wanted]:
    return [hook for hook in Webhook.active_of(site_id) if event in hook.events]


def _insert(
    hooks: Iterable[Wanted],
    event: WebhookEvent,
    site_id: int,
    about: About,
    about_id: int,
    facts: Mapping[str, Any],
    **more: Any,
) -> None:
    rows = [_row(hook.id, event, site_id, about, about_id, facts) | more for hook in hooks if event in hook.events]
    WebhookDelivery.insert(rows)


def _row(
    webhook_id: int, event: str, site_id: int, about: About, about_id: int, facts: Mapping[str, Any]
) -> dict[str, Any]:
    moment: datetime = now()
    return {
        "site_id": site_id,
        "webhook_id": webhook_id,
        "event": str(event),
        "message_id": f"msg_{uuid4().hex}",
        "about": str(about),
        "about_id": about_id,
        "facts": dict(facts),
        "made_at": moment,
        "queued_at": moment,
        "due_at": moment,
    }

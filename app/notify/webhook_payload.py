"""What a webhook is told: built when it is sent, from public fields. None is an email address or a network."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import current_app

from app.models import Comment, Notice, Site, Status, Thread, Webhook, WebhookEvent
from app.models.webhook import PING
from app.models.webhook_delivery import WebhookDelivery
from app.notify.notice_email import permalink

# Characters of a comment's text. With it, a payload stays below MOST_BYTES in every script.
LONGEST_TEXT, LONGEST_FIELD, LONGEST_URL = 4_000, 500, 2_000
MOST_BYTES = 64 * 1024

Payload = dict[str, Any]


def build(webhook: Webhook, delivery: WebhookDelivery) -> Payload | None:
    """{"type", "timestamp", "data"} as in Standard Webhooks; None if the record is gone."""
    data = _BUILD[delivery.event](webhook.site, delivery)
    if data is None:
        return None
    about_site = {"key": webhook.site.key, "name": webhook.site.name}
    return {"type": delivery.event, "timestamp": _moment(delivery.made_at), "data": {"site": about_site} | data}


def _of_comment(site: Site, delivery: WebhookDelivery) -> Payload | None:
    comment = Comment.of_site([site.id], delivery.about_id)
    facts = {"decision": delivery.facts} if "to" in delivery.facts else {"change": delivery.facts}
    return {"comment": comment_fields(comment)} | facts if comment else None


def _of_report(site: Site, delivery: WebhookDelivery) -> Payload | None:
    comment = Comment.of_site([site.id], delivery.about_id)
    return {"comment": comment_fields(comment), "report": delivery.facts} if comment else None


def _of_notice(site: Site, delivery: WebhookDelivery) -> Payload | None:
    notice = Notice.of_site([site.id], delivery.about_id)
    if notice is None:
        return None
    fields = {
        "id": notice.id,
        "number": notice.number,
        "claim": notice.claim,
        "state": notice.state,
        "outcome": notice.outcome or None,
        "made_at": _moment(notice.made_at),
        "due_at": _moment(notice.due_at),
        "url": f"{current_app.config['PUBLIC_URL']}/moderate/notices/{notice.id}",
    }
    return {"notice": fields, "change": delivery.facts, "comment": comment_fields(notice.comment)}


def _of_thread(site: Site, delivery: WebhookDelivery) -> Payload | None:
    thread = Thread.of(site, delivery.about_id)
    if thread is None:
        return None
    state = {"state": thread.state, "state_now": thread.state_now, "held_until": _moment(thread.held_until)}
    counted = {"approved": thread.approved_count, "published_at": _moment(thread.started_at)}
    return {"thread": thread_fields(thread) | state | counted, "change": delivery.facts}


def _of_flood(_site: Site, delivery: WebhookDelivery) -> Payload:
    return {"flood": delivery.facts}


def _of_ping(_site: Site, _delivery: WebhookDelivery) -> Payload:
    return {}


_BUILD: dict[str, Callable[[Site, WebhookDelivery], Payload | None]] = {
    **dict.fromkeys((each.value for each in WebhookEvent if each.startswith("comment.")), _of_comment),
    WebhookEvent.REPORTED: _of_report,
    WebhookEvent.NOTICE_OPENED: _of_notice,
    WebhookEvent.NOTICE_CLOSED: _of_notice,
    WebhookEvent.THREAD_CHANGED: _of_thread,
    WebhookEvent.FLOOD: _of_flood,
    PING: _of_ping,
}


def comment_fields(comment: Comment) -> Payload:
    """As it is now, without text and name once it is deleted."""
    stands = comment.status != Status.DELETED and not comment.emptied_at
    text = comment.body if stands else ""
    return {
        "id": comment.id,
        "status": comment.status,
        "version": comment.version,
        "url": _url(permalink(comment)),
        "thread": thread_fields(comment.thread),
        "parent": comment.parent_id,
        "name": comment.name[:LONGEST_FIELD] if stands else "",
        "website": _url(comment.website) if stands else "",
        "badge": comment.badge,
        "text": text[:LONGEST_TEXT],
        "text_is_cut": len(text) > LONGEST_TEXT,
        "lang": comment.lang,
        "created_at": _moment(comment.created_at),
        "edited_at": _moment(comment.edited_at),
    }


def thread_fields(thread: Thread) -> Payload:
    return {
        "id": thread.id,
        "url": _url(thread.address),
        "title": thread.title[:LONGEST_FIELD],
        "section": thread.section,
    }


def _url(url: str) -> str:
    """A part of an address would lead elsewhere."""
    return url if len(url) <= LONGEST_URL else ""


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None

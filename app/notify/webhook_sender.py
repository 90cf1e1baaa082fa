"""Send the deliveries of webhooks: one request to a receiver at a time, retried with back-off, given up visibly."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from app.extensions import db
from app.lib import metrics
from app.lib.clock import happened_since, now
from app.lib.http_client import Answer, NoAnswer
from app.lib.redact import CONTROL, scrubbed
from app.lib.secrets import is_unreadable
from app.lib.signed_request import post_signed
from app.lib.watch import Watch
from app.models import Emails, Membership, Webhook, WebhookState
from app.models.unsent import WEBHOOKS
from app.models.webhook import LONGEST_RETRY_AFTER
from app.models.webhook_delivery import LONGEST_ANSWER, DeliveryOutcome, WebhookDelivery
from app.notify import outbox, webhook_alert, webhook_formats, webhook_payload
from app.version import VERSION

log = logging.getLogger(__name__)

AGENT = f"Kaiwa/{VERSION} (webhooks)"
# Requests begin in so many seconds of one turn, then other receivers get theirs.
TURN_S = 2.0
# For one request, and while many other receivers wait for a thread.
SECONDS, HURRY_S = 10.0, 2.0
# The first rest of a receiver that fails, which doubles with each failure.
FIRST_REST = timedelta(seconds=5)
# A receiver that was away so many times is told everything that waits as soon as it is back.
AWAY = 3
# Read of an answer; some characters have several bytes.
ANSWER_BYTES = 4 * LONGEST_ANSWER
# As long as an email is tried.
TRIED_FOR = timedelta(days=4)
metrics.note_kind(WEBHOOKS)


def run_once(
    webhook_id: int,
    is_stopping: Callable[[], bool] = lambda: False,
    hurry: bool = False,
    watch: Watch | None = None,
) -> int:
    """Send due deliveries of one webhook; returns the number of requests. Commits.

    `hurry`: others need the thread, so an answer has to come at once. A receiver that is slower gets the whole time in
    the next try.
    """
    claim = Webhook.claim(webhook_id, watch)
    db.session.commit()
    sent, end, seconds = 0, time.monotonic() + TURN_S, HURRY_S if hurry else SECONDS
    while claim and time.monotonic() < end and not is_stopping() and _send_next(webhook_id, claim, seconds):
        sent += 1
    Webhook.release(webhook_id, claim)
    db.session.commit()
    return sent


def _send_next(webhook_id: int, claim: str, seconds: float) -> bool:
    """Send the delivery that is due longest; False if none is, or the webhook has to rest."""
    id = WebhookDelivery.next_of(webhook_id)
    if id is None or not Webhook.renew(webhook_id, claim) or not WebhookDelivery.claim(id):
        db.session.rollback()
        return False
    db.session.commit()
    try:
        _send(id, seconds)
    except Exception as trouble:
        db.session.rollback()
        log.error("webhook is broken", exc_info=trouble, extra={"delivery": id, "webhook": webhook_id})
        _note_failure(id, type(trouble).__name__)
    db.session.commit()
    return True


def _send(id: int, seconds: float) -> None:
    delivery = db.session.get_one(WebhookDelivery, id)
    webhook = db.session.get_one(Webhook, delivery.webhook_id)
    if is_unreadable(webhook.address) or any(map(is_unreadable, webhook.secrets)):
        _note_failure(id, "The address or the secret cannot be decrypted.")
        return
    payload = webhook_payload.build(webhook, delivery)
    if payload is None:
        delivery.finish(DeliveryOutcome.NOTHING)
        metrics.note_delivery(WEBHOOKS, DeliveryOutcome.NOTHING)
        return
    body, address = webhook_formats.body_of(webhook, payload), webhook.address
    message_id, keys = delivery.message_id, webhook.secrets
    # No transaction is open while the receiver thinks.
    db.session.commit()
    began = time.monotonic()
    try:
        answer = post_signed(
            address, body, id=message_id, keys=keys, at=now(), agent=AGENT, seconds=seconds, keep=ANSWER_BYTES
        )
    except NoAnswer as trouble:
        _note_failure(id, str(trouble))
    else:
        _note_answer(id, answer, time.monotonic() - began)


def _note_answer(id: int, answer: Answer, seconds: float) -> None:
    delivery = _locked(id)
    if delivery is None:
        return
    webhook = db.session.get_one(Webhook, delivery.webhook_id)
    delivery.status, delivery.error = answer.status, ""
    delivery.answer = CONTROL.sub(" ", answer.body.decode("utf-8", "replace")).strip()[:LONGEST_ANSWER]
    if 200 <= answer.status < 300:
        delivery.finish(DeliveryOutcome.SENT)
        metrics.note_delivery(WEBHOOKS, DeliveryOutcome.SENT)
        if webhook.failures >= AWAY:
            WebhookDelivery.hasten(webhook.id)
        webhook.note_answer(seconds)
    elif answer.status == 410:
        _switch_off(webhook, delivery)
    else:
        _fail(webhook, delivery, _retry_after(answer))


def _note_failure(id: int, trouble: str) -> None:
    delivery = _locked(id)
    if delivery:
        delivery.status, delivery.answer, delivery.error = None, "", scrubbed(trouble)
        _fail(db.session.get_one(Webhook, delivery.webhook_id), delivery)


def _locked(id: int) -> WebhookDelivery | None:
    """None if the webhook was removed since."""
    return db.session.get(WebhookDelivery, id, with_for_update=True, populate_existing=True)


def _fail(webhook: Webhook, delivery: WebhookDelivery, wait: timedelta = timedelta()) -> None:
    webhook.note_failure(FIRST_REST * 2 ** min(webhook.failures, 10), wait)
    details = {"delivery": delivery.id, "webhook": webhook.id, "status": delivery.status, "trouble": delivery.error}
    if webhook.state != WebhookState.ACTIVE:
        delivery.finish(DeliveryOutcome.OFF)
    elif delivery.attempts >= outbox.TRIES or delivery.queued_at < now() - TRIED_FOR:
        _give_up(webhook, delivery)
        log.error("webhook delivery given up", extra=details)
    else:
        delivery.retry(max(wait, outbox.pause_after(delivery.attempts)))
        metrics.note_delivery(WEBHOOKS, "failed")
        log.warning("webhook delivery not sent yet", extra=details)


def _give_up(webhook: Webhook, delivery: WebhookDelivery) -> None:
    """With it, all others that waited as long: their receiver was away the whole time."""
    delivery.finish(DeliveryOutcome.GAVE_UP)
    metrics.note_delivery(WEBHOOKS, DeliveryOutcome.GAVE_UP)
    old = ~happened_since(WebhookDelivery.queued_at, now() - TRIED_FOR)
    WebhookDelivery.end_waiting(webhook.id, DeliveryOutcome.GAVE_UP, old, WebhookDelivery.id != delivery.id)
    if webhook.told_at is None:
        webhook.told_at = now()
        _tell_owners(webhook)


def _switch_off(webhook: Webhook, delivery: WebhookDelivery) -> None:
    """The receiver wants nothing any more (RFC 9110, 15.5.11)."""
    delivery.finish(DeliveryOutcome.GAVE_UP)
    webhook.state = WebhookState.GONE
    WebhookDelivery.end_waiting(webhook.id, DeliveryOutcome.OFF, WebhookDelivery.id != delivery.id)
    _tell_owners(webhook)
    log.warning("webhook switched off by its receiver", extra={"webhook": webhook.id})


def _tell_owners(webhook: Webhook) -> None:
    """Queue one email to each owner who gets emails."""
    for owner in Membership.owners_of(webhook.site):
        if owner.moderator.emails != Emails.NONE and not owner.moderator.is_program:
            once, id = f"{webhook_alert.KIND} {webhook.id} {owner.moderator_id}", owner.moderator_id
            outbox.add(webhook_alert.KIND, site_id=webhook.site_id, moderator_id=id, once=once, payload=str(webhook.id))


def _retry_after(answer: Answer) -> timedelta:
    """In seconds (RFC 9110, 10.2.3); a date is ignored."""
    given = answer.headers.get("Retry-After", "")
    seconds = int(given) if given.isascii() and given.isdecimal() and len(given) < 7 else 0
    return min(timedelta(seconds=seconds), LONGEST_RETRY_AFTER)

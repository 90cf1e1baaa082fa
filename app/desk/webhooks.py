"""Add, change, test and remove webhooks, and send a delivery again."""

from collections.abc import Collection
from typing import Any

from flask import current_app
from flask_babel import gettext as _

from app.errors import Refused
from app.extensions import db
from app.lib import http_client, signed_request
from app.lib.clock import now
from app.lib.names import is_invisible
from app.lib.text import clean_line
from app.lib.urls import safe_url
from app.models import Moderator, Site, Webhook, WebhookEvent, WebhookFormat, WebhookState, audit
from app.models.audit import Event, Who
from app.models.webhook import LONGEST_ADDRESS, LONGEST_NAME, OLD_SECRET_LASTS
from app.models.webhook_delivery import DeliveryOutcome, WebhookDelivery
from app.notify import webhooks

# Of a site: each event is one request to each of them.
MOST = 20
# Unsent deliveries with which a test would not arrive soon.
MOST_WAITING = 1_000


def add(
    site: Site, *, name: str, address: str, events: Collection[str], format: WebhookFormat, by: Moderator | Who
) -> Webhook:
    """A new webhook with its secret. Raises Refused (422) for a wrong address or no event, and (409) for too many."""
    if len(Webhook.of_site(site)) >= MOST:
        said = _("This site has %(most)d webhooks already. Remove one first.", most=MOST)
        raise Refused("too_many_webhooks", said, status=409)
    webhook = Webhook(
        site=site,
        site_id=site.id,
        name=checked_name(name),
        address=checked_address(address, by),
        format=format,
        events=checked_events(events),
        secret=signed_request.new_secret(),
        made_by=by if isinstance(by, Moderator) else None,
    )
    db.session.add(webhook)
    db.session.flush()
    _record(Event.WEBHOOK_ADDED, webhook, by, format=webhook.format, events=webhook.events)
    return webhook


def change(webhook: Webhook, *, by: Moderator | Who, address: str = "", **values: Any) -> None:
    """Change name, events, format or address. Raises Refused (422).

    An empty address stays, and so does one as it is shown, which a program may send back.
    """
    if address.strip() not in ("", webhook.shown_address):
        values["address"] = checked_address(address, by)
    elif webhook.format != WebhookFormat.STANDARD and values.get("format") == WebhookFormat.STANDARD:
        # Its path is shown from then on, and may be the access token of a chat.
        raise _wrong(_("Enter the address again: that of a chat is secret."))
    if "name" in values:
        values["name"] = checked_name(values["name"])
    if "events" in values:
        values["events"] = checked_events(values["events"])
    changed = {name: value for name, value in values.items() if getattr(webhook, name) != value}
    for name, value in changed.items():
        setattr(webhook, name, value)
    if "address" in changed:
        _forget_failures(webhook)
    if changed:
        _record(Event.WEBHOOK_CHANGED, webhook, by, events=webhook.events)


def switch(webhook: Webhook, *, on: bool, by: Moderator | Who) -> None:
    """Switch it on or off. What waited is not sent any more."""
    if (webhook.state == WebhookState.ACTIVE) is on:
        return
    webhook.state = WebhookState.ACTIVE if on else WebhookState.OFF
    _forget_failures(webhook)
    WebhookDelivery.end_waiting(webhook.id, DeliveryOutcome.OFF)
    _record(Event.WEBHOOK_CHANGED, webhook, by, state=webhook.state)


def rotate(webhook: Webhook, *, by: Moderator | Who) -> str:
    """A new secret. The earlier one signs, too, for a day."""
    webhook.old_secret, webhook.old_secret_until = webhook.secret, now() + OLD_SECRET_LASTS
    webhook.secret = signed_request.new_secret()
    _record(Event.WEBHOOK_SECRET_CHANGED, webhook, by)
    return webhook.secret


def end_old_secret(webhook: Webhook, *, by: Moderator | Who) -> None:
    if webhook.old_secret or webhook.old_secret_until:
        webhook.old_secret, webhook.old_secret_until = "", None
        _record(Event.WEBHOOK_SECRET_CHANGED, webhook, by, state="ended")


def remove(webhook: Webhook, *, by: Moderator | Who) -> None:
    """With its deliveries."""
    db.session.delete(webhook)
    _record(Event.WEBHOOK_REMOVED, webhook, by)


def ping(webhook: Webhook) -> None:
    """Queue a test. Raises Refused (409)."""
    _require_active(webhook)
    if WebhookDelivery.count_waiting(webhook.id) >= MOST_WAITING:
        raise Refused("many_waiting", _("Too many deliveries are waiting for this receiver."), status=409)
    webhook.rests_until = None
    webhooks.ping(webhook)


def send_again(delivery: WebhookDelivery) -> None:
    """Queue a delivery once more, with the same id. Raises Refused (409)."""
    webhook = db.session.get_one(Webhook, delivery.webhook_id)
    _require_active(webhook)
    if delivery.is_waiting:
        raise Refused("waiting", _("This delivery is waiting already."), status=409)
    webhook.rests_until = None
    delivery.send_again()
    db.session.flush()


def checked_name(typed: str) -> str:
    """The name on one line. Raises Refused (422)."""
    name = clean_line(typed)[:LONGEST_NAME]
    if not name or is_invisible(name):
        raise Refused("wrong_name", _("Enter a name with visible characters."), field="name")
    return name


def checked_events(events: Collection[str]) -> list[str]:
    """Those that exist, in their order. Raises Refused (422)."""
    chosen = [event.value for event in WebhookEvent if event in events]
    if not chosen or set(events) - set(chosen):
        raise Refused("wrong_events", _("Choose at least one event."), field="events")
    return chosen


def checked_address(typed: str, by: Moderator | Who) -> str:
    """The address in ASCII. Raises Refused (422).

    Services of this machine trust local requests: only an owner of the installation may choose one of them, unless
    Kaiwa itself is reached by a local address.
    """
    try:
        address = safe_url(typed.strip()).partition("#")[0]
    except ValueError:
        raise _wrong(_("Enter an address such as https://example.com/hook.")) from None
    if len(address) > LONGEST_ADDRESS:
        raise _wrong(_("Use %(most)d characters or fewer.", most=LONGEST_ADDRESS))
    if not http_client.is_allowed(address):
        raise _wrong(_("The address must start with https://."))
    if http_client.is_loopback(address):
        if not _may_use_loopback(by):
            raise _wrong(_("Only owners of this installation can use an address of the server itself."))
    elif http_client.names_private_address(address):
        raise _wrong(_("This is an address of a private network. Enter a public one."))
    return address


def _may_use_loopback(by: Moderator | Who) -> bool:
    if isinstance(by, Moderator):
        return by.is_operator or http_client.is_loopback(current_app.config["PUBLIC_URL"])
    return True


def _wrong(sentence: str) -> Refused:
    return Refused("wrong_address", sentence, field="url")


def _require_active(webhook: Webhook) -> None:
    if webhook.state != WebhookState.ACTIVE:
        raise Refused("switched_off", _("This webhook is switched off. Switch it on first."), status=409)


def _forget_failures(webhook: Webhook) -> None:
    webhook.note_answer(0)


def _record(event: Event, webhook: Webhook, by: Moderator | Who, **details: Any) -> None:
    """Without the path of the address, which may be an access token."""
    audit.record(event, by=by, site=webhook.site, name=webhook.name, host=webhook.host, **details)

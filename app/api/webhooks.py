"""Webhooks for programs: list, add, change, remove, rotate the secret, and send deliveries again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from flask import Blueprint

from app.api.access import current_program, current_site, missing
from app.api.declared import Doc
from app.api.operation import operation
from app.database import write_transaction
from app.desk import webhooks
from app.models import Scope, Webhook, WebhookDelivery, WebhookEvent, WebhookFormat, WebhookState
from app.models.webhook import LONGEST_ADDRESS, LONGEST_NAME

bp = Blueprint("webhooks", __name__)

MOST = 100
Events = Annotated[
    list[WebhookEvent], Doc("What it is told of", most_items=len(WebhookEvent), example=["comment.held"])
]
Address = Annotated[str, Doc("https", longest=LONGEST_ADDRESS, example="https://cms.example/kaiwa")]
Name = Annotated[str, Doc(longest=LONGEST_NAME, example="CMS")]


@dataclass(frozen=True)
class WebhookShown:
    """A webhook. Its address is shown without what could be an access token."""

    id: int
    name: Name
    url: Address
    format: WebhookFormat
    events: Events
    state: Annotated[WebhookState, Doc("gone: its receiver answered 410")]
    failing_since: Annotated[datetime | None, Doc("Null if the last request was accepted")]
    old_secret_until: Annotated[datetime | None, Doc("Until then the earlier secret signs, too")]
    made_by: Annotated[str | None, Doc("Null: by the operator, or by an account that is gone")]
    made_at: datetime


@dataclass(frozen=True)
class Webhooks:
    webhooks: list[WebhookShown]


@dataclass(frozen=True)
class NewWebhook:
    name: Name
    url: Address
    events: Events
    format: WebhookFormat = WebhookFormat.STANDARD


@dataclass(frozen=True)
class WebhookChange:
    """Only given fields change."""

    name: Annotated[str | None, Doc(longest=LONGEST_NAME)] = None
    url: Annotated[str | None, Doc(longest=LONGEST_ADDRESS)] = None
    events: Annotated[list[WebhookEvent] | None, Doc(most_items=len(WebhookEvent))] = None
    format: WebhookFormat | None = None
    active: Annotated[bool | None, Doc("Switch it on or off; what waited is not sent any more")] = None


@dataclass(frozen=True)
class WebhookMade:
    webhook: WebhookShown
    secret: Annotated[str, Doc("Shown only in this answer", example="whsec_…")]


@dataclass(frozen=True)
class DeliveriesQuery:
    after: Annotated[int | None, Doc("The `next` of the page before", least=1)] = None
    limit: Annotated[int, Doc("Deliveries of a page", least=1, most=MOST)] = 25


@dataclass(frozen=True)
class DeliveryShown:
    id: int
    event: Annotated[str, Doc("An event, or ping", example="comment.held")]
    message_id: Annotated[str, Doc("The header `webhook-id`")]
    outcome: Annotated[str, Doc("'' while it waits; sent, gave up, recalled, off, nothing to say", example="sent")]
    attempts: int
    status: Annotated[int | None, Doc("Of the last answer")]
    answer: Annotated[str, Doc("The beginning of the last answer")]
    error: Annotated[str, Doc("Why there was no answer")]
    made_at: datetime
    due_at: datetime
    done_at: datetime | None


@dataclass(frozen=True)
class DeliveryPage:
    deliveries: list[DeliveryShown]
    next: str | None


@bp.get("/webhooks")
@operation("The site's webhooks", scope=Scope.MANAGE, answers={200: Webhooks})
def show_all() -> Webhooks:
    return Webhooks([shown(each) for each in Webhook.of_site(current_site())])


@bp.post("/webhooks")
@operation("Add a webhook", scope=Scope.MANAGE, body=NewWebhook, answers={201: WebhookMade}, errors=(409,))
def add(body: NewWebhook) -> tuple[WebhookMade, int]:
    with write_transaction():
        made = webhooks.add(
            current_site(), name=body.name, address=body.url, events=_events(body.events), format=body.format,
            by=current_program(),
        )  # fmt: skip
    return WebhookMade(shown(made), made.secret), 201


@bp.get("/webhooks/<int:id>")
@operation("A webhook", scope=Scope.MANAGE, answers={200: WebhookShown}, errors=(404,))
def show(id: int) -> WebhookShown:
    return shown(_webhook(id))


@bp.post("/webhooks/<int:id>")
@operation("Change a webhook", scope=Scope.MANAGE, body=WebhookChange, answers={200: WebhookShown}, errors=(404,))
def change(id: int, body: WebhookChange) -> WebhookShown:
    webhook = _webhook(id)
    given: dict[str, Any] = {"format": body.format} if body.format else {}
    given |= {"events": _events(body.events)} if body.events is not None else {}
    given |= {"name": body.name} if body.name is not None else {}
    with write_transaction():
        webhooks.change(webhook, address=body.url or "", by=current_program(), **given)
        if body.active is not None:
            webhooks.switch(webhook, on=body.active, by=current_program())
    return shown(webhook)


@bp.post("/webhooks/<int:id>/remove")
@operation("Remove a webhook with its deliveries", scope=Scope.MANAGE, answers={200: WebhookShown}, errors=(404,))
def remove(id: int) -> WebhookShown:
    webhook = _webhook(id)
    gone = shown(webhook)
    with write_transaction():
        webhooks.remove(webhook, by=current_program())
    return gone


@bp.post("/webhooks/<int:id>/secret")
@operation("Change the secret; the earlier one signs, too, for a day", scope=Scope.MANAGE, answers={200: WebhookMade},
           errors=(404,))  # fmt: skip
def rotate(id: int) -> WebhookMade:
    webhook = _webhook(id)
    with write_transaction():
        secret = webhooks.rotate(webhook, by=current_program())
    return WebhookMade(shown(webhook), secret)


@bp.post("/webhooks/<int:id>/secret/end")
@operation("End the earlier secret at once", scope=Scope.MANAGE, answers={200: WebhookShown}, errors=(404,))
def end_old_secret(id: int) -> WebhookShown:
    webhook = _webhook(id)
    with write_transaction():
        webhooks.end_old_secret(webhook, by=current_program())
    return shown(webhook)


@bp.post("/webhooks/<int:id>/ping")
@operation("Send a test", scope=Scope.MANAGE, answers={200: WebhookShown}, errors=(404, 409))
def ping(id: int) -> WebhookShown:
    webhook = _webhook(id)
    with write_transaction():
        webhooks.ping(webhook)
    return shown(webhook)


@bp.get("/webhooks/<int:id>/deliveries")
@operation("Deliveries of a webhook, newest first", scope=Scope.MANAGE, query=DeliveriesQuery,
           answers={200: DeliveryPage}, errors=(404,))  # fmt: skip
def deliveries(id: int, query: DeliveriesQuery) -> DeliveryPage:
    found = WebhookDelivery.newest_of(_webhook(id).id, before=query.after or 0, limit=query.limit + 1)
    listed = found[: query.limit]
    more = str(listed[-1].id) if len(found) > len(listed) else None
    return DeliveryPage([_delivery(each) for each in listed], more)


@bp.post("/webhooks/deliveries/<int:id>/send-again")
@operation("Send a delivery again, with the same id", scope=Scope.MANAGE, answers={200: DeliveryShown},
           errors=(404, 409))  # fmt: skip
def send_again(id: int) -> DeliveryShown:
    delivery = WebhookDelivery.on_site(current_site(), id)
    if delivery is None:
        raise missing()
    with write_transaction():
        webhooks.send_again(delivery)
    return _delivery(delivery)


def _webhook(id: int) -> Webhook:
    found = Webhook.on_site(current_site(), id)
    if found is None:
        raise missing()
    return found


def _events(wanted: list[WebhookEvent]) -> list[str]:
    return [event.value for event in wanted]


def shown(of: Webhook) -> WebhookShown:
    return WebhookShown(
        id=of.id,
        name=of.name,
        url=of.shown_address,
        format=WebhookFormat(of.format),
        events=[WebhookEvent(event) for event in of.events],
        state=WebhookState(of.state),
        failing_since=of.failing_since,
        old_secret_until=of.old_secret_until if len(of.secrets) > 1 else None,
        made_by=of.made_by.name if of.made_by else None,
        made_at=of.made_at,
    )


def _delivery(of: WebhookDelivery) -> DeliveryShown:
    return DeliveryShown(
        id=of.id,
        event=of.event,
        message_id=of.message_id,
        outcome=of.outcome,
        attempts=of.attempts,
        status=of.status,
        answer=of.answer,
        error=of.error,
        made_at=of.made_at,
        due_at=of.due_at,
        done_at=of.done_at,
    )

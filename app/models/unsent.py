"""Counts of unsent deliveries by kind, for metrics."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, case, func, select, text

from app.extensions import db
from app.lib.clock import Moment, now
from app.models.delivery import CHECKERS, FAILED, TO_CHECKER, Delivery
from app.models.webhook import Webhook
from app.models.webhook_delivery import WebhookDelivery

# Counting stops here, of all kinds together.
MOST_COUNTED = 2_000
# The kind of all deliveries to webhooks.
WEBHOOKS = "webhooks"
# As `group_of`.
KIND = case((Delivery.kind.startswith(TO_CHECKER, autoescape=True), CHECKERS), else_=Delivery.kind).label("kind")


class Unsent(NamedTuple):
    """Unsent deliveries of a kind: number, number with a failed try, and since when the oldest is overdue."""

    kind: str
    waiting: int
    failing: int
    since: datetime | None


def by_kind(bulk: str) -> list[Unsent]:
    """Counts the deliveries that are due first, and those with a failed try.

    `bulk` as in `Delivery.overdue_since`.
    """
    found = {kind: Unsent(kind, number, 0, since) for kind, number, since in db.session.execute(_waiting())}
    if bulk in found and (since := found[bulk].since):
        found[bulk] = found[bulk]._replace(since=max(since, Delivery.last_done(bulk) or since))
    for kind, number, since in db.session.execute(_failing()):
        waiting = found.get(kind, Unsent(kind, number, 0, None))
        found[kind] = waiting._replace(failing=number, since=min(filter(None, (since, waiting.since))))
    return [*found.values(), *_to_webhooks()]


def _to_webhooks() -> list[Unsent]:
    """None of them is overdue while its receiver fails: the worker cannot help that."""
    never_tried = and_(WebhookDelivery.attempts == 0, Webhook.failures == 0, WebhookDelivery.due_at <= now())
    overdue = case((never_tried, WebhookDelivery.due_at)).label("overdue")
    unsent = select(WebhookDelivery.attempts, overdue).join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
    # The order of ix_webhook_delivery_due.
    unsent = unsent.order_by(WebhookDelivery.webhook_id, WebhookDelivery.due_at)
    rows = unsent.where(WebhookDelivery.done_at.is_(None)).limit(MOST_COUNTED).subquery()
    failing = func.count(case((rows.c.attempts > 0, 1)))
    waiting, failed, since = db.session.execute(
        select(func.count(), failing, func.min(rows.c.overdue, type_=Moment)).select_from(rows)
    ).one()
    return [Unsent(WEBHOOKS, waiting, failed, since)] if waiting else []


def _waiting() -> Select[Any]:
    """Number by kind, and since when the oldest is due that was not tried yet."""
    never_tried = and_(Delivery.first_due_at.is_(None), Delivery.due_at <= now())
    overdue = case((never_tried, Delivery.due_at)).label("overdue")
    first = select(KIND, overdue).where(Delivery.done_at.is_(None)).order_by(Delivery.due_at)
    return _grouped(first.limit(MOST_COUNTED).subquery())


def _failing() -> Select[Any]:
    failing = select(KIND, Delivery.first_due_at.label("overdue")).where(text(FAILED))
    # The order of ix_delivery_failed: otherwise SQLite reads all unsent ones.
    failing = failing.order_by(Delivery.kind, Delivery.first_due_at)
    return _grouped(failing.limit(MOST_COUNTED).subquery())


def _grouped(rows: Any) -> Select[Any]:
    return select(rows.c.kind, func.count(), func.min(rows.c.overdue, type_=Moment)).group_by(rows.c.kind)

"""Counts of the installation, without personal data."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select

from app.database import rows_changed
from app.extensions import db
from app.lib.clock import now
from app.models.comment import Status
from app.models.delivery import Delivery
from app.models.login import Login
from app.models.moderator import Moderator
from app.models.pending_login import PendingLogin
from app.models.site import Site
from app.models.site_counter import STATUS, SiteCounter
from app.models.webhook_delivery import WebhookDelivery


def pending_by_site() -> dict[str, int]:
    """Pending comments by site key; 0 for sites without any."""
    counts = SiteCounter.counts(STATUS)
    rows = db.session.execute(select(Site.id, Site.key))
    return {key: counts.get((id, Status.PENDING), 0) for id, key in rows}


def pending_on(site_ids: Collection[int]) -> dict[int, int]:
    """Pending comments of these sites by id; without those that have none."""
    return {id: n for (id, name), n in SiteCounter.counts(STATUS, site_ids).items() if name == Status.PENDING}


def deliveries_waiting() -> int:
    return _one(select(func.count()).select_from(Delivery).where(Delivery.done_at.is_(None)))


def deliveries_by_outcome() -> dict[str, int]:
    done = Delivery.done_at.is_not(None)
    return _pairs(select(Delivery.outcome, func.count()).where(done).group_by(Delivery.outcome))


def moderators() -> int:
    return _one(select(func.count()).select_from(Moderator).where(~Moderator.is_program))


def forget_expired_logins() -> int:
    return PendingLogin.forget_expired() + rows_changed(delete(Login).where(Login.expires_at < now()))


def forget_deliveries_done_before(moment: datetime) -> int:
    """Emails and webhooks."""
    return rows_changed(delete(Delivery).where(Delivery.done_at < moment)) + WebhookDelivery.forget_done_before(moment)


def _pairs(query: Any) -> dict[str, int]:
    rows = db.session.execute(query.order_by(query.selected_columns[0]))
    return {row[0]: row[1] for row in rows}


def _one(query: Any) -> int:
    return db.session.scalar(query) or 0

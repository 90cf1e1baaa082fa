"""The outbox: what must go out is kept with its cause; claimed, sent, tried again, and given up loudly."""

from datetime import datetime
from email.utils import make_msgid

from sqlalchemy.dialects import postgresql, sqlite

from app.extensions import db
from app.lib.clock import now
from app.models import Delivery, Moderator


def add(
    kind: str,
    *,
    moderator: Moderator | None = None,
    once: str | None = None,
    payload: str = "",
    due_at: datetime | None = None,
) -> None:
    """Write a delivery in the caller's transaction; one that waits under the same `once` already is enough."""
    dialect = sqlite if db.engine.dialect.name == "sqlite" else postgresql
    db.session.execute(
        dialect.insert(Delivery)
        .values(
            kind=kind,
            once=once,
            moderator_id=moderator.id if moderator else None,
            payload=payload,
            message_id=_message_id(),
            due_at=due_at or now(),
        )
        .on_conflict_do_nothing()
    )


def _message_id() -> str:
    return make_msgid(domain="kaiwa.invalid")

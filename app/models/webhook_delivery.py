"""A delivery to a webhook, inserted in the transaction of its event. It has ids, and no content: see decision 29."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from flask import current_app
from sqlalchemy import (
    JSON,
    ColumnElement,
    ForeignKey,
    Index,
    Select,
    String,
    Text,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, happened_since, is_over, latest, now
from app.lib.ids import MOST
from app.models.delivery import CLAIM_LEASE, LONGEST_PAUSE
from app.models.notice import Notice
from app.models.site import Site

LONGEST_ANSWER = 500  # characters of the receiver's answer


class About(StrEnum):
    """The record that an event is about."""

    COMMENT = "comment"
    THREAD = "thread"
    NOTICE = "notice"
    SITE = "site"


class DeliveryOutcome(StrEnum):
    WAITING = ""
    SENT = "sent"
    GAVE_UP = "gave up"
    RECALLED = "recalled"  # by an undo
    OFF = "off"  # the webhook was switched off
    NOTHING = "nothing to say"  # the record is gone


class WebhookDelivery(Model):
    __tablename__ = "webhook_delivery"
    __table_args__ = (
        Index(
            "ix_webhook_delivery_due", "webhook_id", "due_at",
            sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL"),
        ),
        Index("ix_webhook_delivery_newest", "webhook_id", "id"),
        Index("ix_webhook_delivery_about", "about_id", "about"),
        Index(
            "ix_webhook_delivery_done", "done_at",
            sqlite_where=text("done_at IS NOT NULL"), postgresql_where=text("done_at IS NOT NULL"),
        ),
        Index("ix_webhook_delivery_site", "site_id"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhook.id", ondelete="CASCADE"))
    # A `WebhookEvent`, or PING.
    event: Mapped[str] = mapped_column(String(32))
    # The same in every retry, by which receivers recognise a duplicate.
    message_id: Mapped[str] = mapped_column(String(40))
    about: Mapped[str] = mapped_column(String(8))
    about_id: Mapped[int] = mapped_column(Id)
    # The decision or change that an undo recalls.
    cause_id: Mapped[int | None] = mapped_column(Id)
    # Codes and numbers of the event itself, such as the status before; no typed text.
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # Since when it waits: since its event, or since it is sent again.
    queued_at: Mapped[datetime] = mapped_column(Moment, default=now)
    due_at: Mapped[datetime] = mapped_column(Moment, default=now)
    claimed_at: Mapped[datetime | None] = mapped_column(Moment)
    attempts: Mapped[int] = mapped_column(default=0)
    tried_at: Mapped[datetime | None] = mapped_column(Moment)
    done_at: Mapped[datetime | None] = mapped_column(Moment)
    outcome: Mapped[str] = mapped_column(String(16), default=DeliveryOutcome.WAITING)
    # Of the last try: the HTTP status, the beginning of the answer, or why there was none.
    status: Mapped[int | None]
    answer: Mapped[str] = mapped_column(Text, default="")
    error: Mapped[str] = mapped_column(Text, default="")

    @classmethod
    def insert(cls, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            usual: dict[str, Any] = {
                "cause_id": None,
                "facts": {},
                "attempts": 0,
                "outcome": "",
                "answer": "",
                "error": "",
            }
            db.session.connection().execute(insert(cls.__table__), [{**usual, **row} for row in rows])

    @classmethod
    def next_of(cls, webhook_id: int) -> int | None:
        """Id of the delivery that is due longest."""
        due = select(cls.id).where(cls.webhook_id == webhook_id, *cls.is_due())
        return db.session.scalar(due.order_by(cls.due_at, cls.id).limit(1))

    @classmethod
    def claim(cls, id: int) -> bool:
        """Claim it for a request; False if it was recalled."""
        free = update(cls).where(cls.id == id, *cls.is_due())
        return rows_changed(free.values(claimed_at=now(), tried_at=now(), attempts=cls.attempts + 1)) == 1

    @classmethod
    def recall(cls, about: About, about_id: int, *conditions: ColumnElement[bool]) -> dict[int, datetime]:
        """Cancel deliveries about a record that are not due yet; returns the ids of their webhooks, and since when.

        Those that wait because their receiver is away stay: it is told everything that happened.
        """
        early = cls.done_at.is_(None), cls.attempts == 0, cls.due_at > now()
        unsent = update(cls).where(cls.about_id == about_id, cls.about == about, *early, *conditions)
        recalled = unsent.values(done_at=now(), outcome=DeliveryOutcome.RECALLED)
        rows = recalled.returning(cls.webhook_id, cls.made_at)
        found = db.session.execute(rows, execution_options={"synchronize_session": False})
        return {row.webhook_id: row.made_at for row in found}

    @classmethod
    def sent_since(cls, about: About, about_id: int, moment: datetime) -> set[int]:
        """Ids of webhooks that were sent anything about a record since then, which told how it was at that time."""
        sent = cls.about_id == about_id, cls.about == about, cls.tried_at >= moment
        return set(db.session.scalars(select(cls.webhook_id).where(*sent)))

    @classmethod
    def last_told(cls, about: About, about_id: int, events: Collection[str]) -> dict[int, str]:
        """The newest of these events that was not recalled, by webhook."""
        told = select(cls.webhook_id, cls.event).where(
            cls.about_id == about_id, cls.about == about, cls.event.in_(events),
            cls.outcome.in_((DeliveryOutcome.WAITING, DeliveryOutcome.SENT)),
        )  # fmt: skip
        return {row.webhook_id: row.event for row in db.session.execute(told.order_by(cls.id))}

    @classmethod
    def newest_of(cls, webhook_id: int, *, before: int = 0, limit: int) -> list["WebhookDelivery"]:
        """Deliveries of a webhook before the delivery `before`, newest first."""
        query = select(cls).where(cls.webhook_id == webhook_id, cls.id < (before or MOST))
        return list(db.session.scalars(query.order_by(cls.id.desc()).limit(limit)))

    @classmethod
    def on_site(cls, site: Site, id: int) -> "WebhookDelivery | None":
        return db.session.scalar(select(cls).where(cls.site_id == site.id, cls.id == id))

    @classmethod
    def count_waiting(cls, webhook_id: int) -> int:
        query = select(func.count()).select_from(cls).where(cls.webhook_id == webhook_id, cls.done_at.is_(None))
        return db.session.scalar(query) or 0

    @classmethod
    def end_waiting(cls, webhook_id: int, outcome: DeliveryOutcome, *conditions: ColumnElement[bool]) -> int:
        """End all unsent deliveries of a webhook; returns their number."""
        unsent = update(cls).where(cls.id.in_(cls._unlocked(webhook_id, *conditions)))
        return rows_changed(unsent.values(done_at=now(), claimed_at=None, outcome=outcome))

    @classmethod
    def hasten(cls, webhook_id: int) -> None:
        """Make those that failed due again, in their old order: their receiver is back."""
        failed = update(cls).where(cls.id.in_(cls._unlocked(webhook_id, cls.attempts > 0)))
        rows_changed(failed.values(due_at=cls.queued_at, claimed_at=None))

    @classmethod
    def _unlocked(cls, webhook_id: int, *conditions: ColumnElement[bool]) -> Select[int]:
        """Unsent ones. A decision that recalls some of them must not wait for others."""
        query = select(cls.id).where(cls.webhook_id == webhook_id, cls.done_at.is_(None), *conditions)
        return query.order_by(cls.id).with_for_update(skip_locked=True)

    @classmethod
    def forget_answers(cls, comment_ids: Collection[int]) -> None:
        """Delete what receivers answered about these comments and legal notices about them: it may repeat what they
        were told."""
        notices = select(Notice.id).where(Notice.comment_id.in_(comment_ids))
        for about, ids in ((About.COMMENT, comment_ids), (About.NOTICE, notices)):
            told = update(cls).where(cls.about_id.in_(ids), cls.about == about, cls.answer != "")
            rows_changed(told.values(answer=""))

    @classmethod
    def forget_done_before(cls, moment: datetime) -> int:
        return rows_changed(delete(cls).where(cls.done_at < moment))

    @classmethod
    def is_due(cls) -> tuple[ColumnElement[bool], ...]:
        """Due now, or later than a correct clock could have set."""
        due = or_(is_over(cls.due_at, _longest_wait()), cls.queued_at > latest())
        return cls.done_at.is_(None), due, cls._is_free()

    @classmethod
    def _is_free(cls) -> ColumnElement[bool]:
        return or_(cls.claimed_at.is_(None), ~happened_since(cls.claimed_at, now() - CLAIM_LEASE))

    @property
    def is_waiting(self) -> bool:
        return self.done_at is None

    def finish(self, outcome: DeliveryOutcome) -> None:
        self.done_at, self.outcome, self.claimed_at = now(), outcome, None

    def retry(self, after: timedelta) -> None:
        self.claimed_at, self.due_at = None, now() + after

    def send_again(self) -> None:
        self.done_at, self.claimed_at, self.outcome, self.attempts = None, None, DeliveryOutcome.WAITING, 0
        self.queued_at = self.due_at = now()

    def __repr__(self) -> str:
        return f"<WebhookDelivery {self.id} {self.event}>"


def _longest_wait() -> timedelta:
    return max(2 * LONGEST_PAUSE, timedelta(seconds=current_app.config["UNDO_WINDOW"]))

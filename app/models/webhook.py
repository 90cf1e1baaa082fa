"""A webhook: an address of another program that is told of a site's events."""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, String, bindparam, exists, or_, select, text, update
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, is_over, now
from app.lib.secrets import Encrypted, is_unreadable
from app.lib.watch import Watch
from app.models.moderator import Moderator
from app.models.site import Site
from app.models.webhook_delivery import WebhookDelivery

LONGEST_NAME, LONGEST_ADDRESS = 80, 2_000  # characters
# A worker that has not finished one request by then counts as dead.
CLAIM_LEASE = timedelta(minutes=2)
# The longest time that a failing receiver is left alone, unless it asks for more (Retry-After).
LONGEST_REST = timedelta(minutes=10)
LONGEST_RETRY_AFTER = timedelta(hours=1)
# How long the earlier secret signs, too, after a rotation.
OLD_SECRET_LASTS = timedelta(hours=24)


class WebhookEvent(StrEnum):
    """What a webhook can be told of."""

    RECEIVED = "comment.received"
    HELD = "comment.held"
    APPROVED = "comment.approved"
    REJECTED = "comment.rejected"
    SPAM = "comment.spam"
    DELETED = "comment.deleted"
    EDITED = "comment.edited"
    REPORTED = "comment.reported"
    APPEALED = "comment.appealed"
    NOTICE_OPENED = "notice.opened"
    NOTICE_CLOSED = "notice.closed"
    THREAD_CHANGED = "thread.changed"
    FLOOD = "site.flood"


# The test of an address; no webhook can choose it.
PING = "ping"


class WebhookFormat(StrEnum):
    """What the body of a request looks like."""

    STANDARD = "standard"
    SLACK = "slack"
    TEAMS = "teams"
    DISCORD = "discord"
    LINE_WORKS = "line_works"


class WebhookState(StrEnum):
    ACTIVE = "active"
    OFF = "off"  # by a moderator
    GONE = "gone"  # the receiver answered 410


class Wanted(NamedTuple):
    """An active webhook, without its secrets."""

    id: int
    events: list[str]


class Webhook(Model):
    """While it is claimed by a worker, only that one sends to it, one request after the other."""

    __tablename__ = "webhook"
    __table_args__ = (
        Index("ix_webhook_site", "site_id", "id"),
        Index(
            "ix_webhook_made_by_id", "made_by_id",
            sqlite_where=text("made_by_id IS NOT NULL"), postgresql_where=text("made_by_id IS NOT NULL"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(400))
    # Those of chats contain their access token.
    address: Mapped[str] = mapped_column(Encrypted)
    format: Mapped[str] = mapped_column(String(16), default=WebhookFormat.STANDARD)
    events: Mapped[list[str]] = mapped_column(JSON, default=list)
    state: Mapped[str] = mapped_column(String(16), default=WebhookState.ACTIVE)
    secret: Mapped[str] = mapped_column(Encrypted)
    # The earlier one, which still signs until then.
    old_secret: Mapped[str] = mapped_column(Encrypted, default="")
    old_secret_until: Mapped[datetime | None] = mapped_column(Moment)
    # None: by the operator, or by an account that is gone.
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"))
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # Consecutive failed requests, since when, and how long it is left alone.
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None] = mapped_column(Moment)
    rests_until: Mapped[datetime | None] = mapped_column(Moment)
    claimed_until: Mapped[datetime | None] = mapped_column(Moment)
    # Of the claim, so that a worker that lost it does not end another one's.
    claimed_by: Mapped[str] = mapped_column(String(32), default="")
    # When the owners were told that it fails.
    told_at: Mapped[datetime | None] = mapped_column(Moment)

    site: Mapped[Site] = relationship(lazy="joined", innerjoin=True)
    made_by: Mapped[Moderator | None] = relationship(foreign_keys=[made_by_id])

    @classmethod
    def of_site(cls, site: Site) -> list["Webhook"]:
        """Oldest first."""
        return list(db.session.scalars(select(cls).where(cls.site_id == site.id).order_by(cls.id)))

    @classmethod
    def on_site(cls, site: Site, id: int) -> "Webhook | None":
        return db.session.scalar(select(cls).where(cls.site_id == site.id, cls.id == id))

    @classmethod
    def active_of(cls, site_id: int) -> list[Wanted]:
        """The site's active webhooks, without loading records.

        Each is locked against removal, as by the foreign key of its deliveries: the event that is stored comes first.
        """
        return [Wanted(*row) for row in db.session.connection().execute(_ACTIVE, {"site": site_id})]

    @classmethod
    def failing(cls) -> int:
        """Number of active webhooks whose last request failed."""
        return len(db.session.scalars(select(cls.id).where(*cls._works(), cls.failures > 0)).all())

    @classmethod
    def waiting(cls, *, failing: bool | None = None, limit: int, without: Collection[int] = ()) -> dict[int, int]:
        """Ids of active webhooks with a due delivery and without a claim, each with its site's id; the ones that waited
        longest first. `failing`: only those whose last request failed, or only the others."""
        due = exists().where(WebhookDelivery.webhook_id == cls.id, *WebhookDelivery.is_due()).correlate(cls)
        query = select(cls.id, cls.site_id).where(
            *cls._works(), cls._is_rested(), cls._is_free(), due, cls.id.not_in(without)
        )
        if failing is not None:
            query = query.where(cls.failures > 0 if failing else cls.failures == 0)
        order = cls.claimed_until.is_not(None), cls.claimed_until, cls.id
        return {row.id: row.site_id for row in db.session.execute(query.order_by(*order).limit(limit))}

    @classmethod
    def failing_of(cls, ids: Collection[int]) -> list[int]:
        """Those of them whose last request failed."""
        return list(db.session.scalars(select(cls.id).where(cls.id.in_(ids), cls.failures > 0)))

    @classmethod
    def claim(cls, id: int, watch: Watch | None = None) -> str:
        """Claim it for this worker; returns the claim, '' if another one was faster.

        With `watch`, a worker's claim is taken over only after it was watched for a while: where two machines have
        different clocks, it may seem to be over.
        """
        seen = db.session.execute(select(cls.claimed_by, cls.claimed_until).where(cls.id == id)).one_or_none()
        if seen is None or (watch and seen.claimed_by and not watch.is_silent(id, tuple(seen))):
            return ""
        claim = uuid4().hex
        free = update(cls).where(cls.id == id, *cls._works(), cls._is_rested(), cls._is_free())
        free = free.where(cls.claimed_by == seen.claimed_by, cls.claimed_until.is_not_distinct_from(seen.claimed_until))
        return claim if rows_changed(free.values(claimed_until=now() + CLAIM_LEASE, claimed_by=claim)) else ""

    @classmethod
    def renew(cls, id: int, claim: str) -> bool:
        """Claim it for another request; False if the claim was lost, or it was switched off."""
        mine = update(cls).where(cls.id == id, cls.claimed_by == claim, *cls._works(), cls._is_rested())
        return rows_changed(mine.values(claimed_until=now() + CLAIM_LEASE)) == 1

    @classmethod
    def release(cls, id: int, claim: str) -> None:
        """The time stays, by which others get their turn first."""
        mine = update(cls).where(cls.id == id, cls.claimed_by == claim)
        rows_changed(mine.values(claimed_until=now(), claimed_by=""))

    @classmethod
    def forget_old_secrets(cls) -> int:
        """Delete earlier secrets that sign no longer."""
        over = update(cls).where(cls.old_secret != "", is_over(cls.old_secret_until, OLD_SECRET_LASTS))
        return rows_changed(over.values(old_secret="", old_secret_until=None))

    @classmethod
    def _works(cls) -> tuple[ColumnElement[bool], ...]:
        return (cls.state == WebhookState.ACTIVE,)

    @classmethod
    def _is_rested(cls) -> ColumnElement[bool]:
        return or_(cls.rests_until.is_(None), is_over(cls.rests_until, LONGEST_RETRY_AFTER))

    @classmethod
    def _is_free(cls) -> ColumnElement[bool]:
        return or_(cls.claimed_until.is_(None), is_over(cls.claimed_until, CLAIM_LEASE))

    @property
    def secrets(self) -> list[str]:
        """Those that sign now, the newest first."""
        until = self.old_secret_until
        valid = self.old_secret and until and now() < until <= now() + OLD_SECRET_LASTS + timedelta(minutes=1)
        return [self.secret, *([self.old_secret] if valid else [])]

    @property
    def shown_address(self) -> str:
        """Without what could be an access token: of chats the path, of others the query."""
        if is_unreadable(self.address):
            return str(self.address)
        parts = urlsplit(self.address)
        if self.format != WebhookFormat.STANDARD:
            return f"{parts.scheme}://{parts.netloc}/…"
        return f"{parts.scheme}://{parts.netloc}{parts.path}" + ("?…" if parts.query else "")

    @property
    def host(self) -> str:
        return "" if is_unreadable(self.address) else urlsplit(self.address).netloc

    def note_answer(self, seconds: float) -> None:
        """The receiver took a request. A slow one rests as long as it needed, so that others get their turn."""
        self.failures, self.failing_since, self.told_at = 0, None, None
        self.rests_until = now() + timedelta(seconds=seconds) if seconds > 1 else None

    def note_failure(self, rest: timedelta, asked_for: timedelta) -> None:
        """It rests, but not less than it `asked_for`."""
        self.failures, self.failing_since = self.failures + 1, self.failing_since or now()
        self.rests_until = now() + max(min(rest, LONGEST_REST), min(asked_for, LONGEST_RETRY_AFTER))

    def __repr__(self) -> str:
        return f"<Webhook {self.id} {self.state}>"


_columns = Webhook.__table__.c
# Each comment runs it, mostly for no webhook.
_ACTIVE = (
    select(_columns.id, _columns.events)
    .where(_columns.site_id == bindparam("site"), _columns.state == WebhookState.ACTIVE)
    .order_by(_columns.id)
    .with_for_update(read=True, key_share=True)
)

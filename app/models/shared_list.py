"""Lists of rules that sites share: the one that a site publishes, those that it subscribes to, and their lines."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import JSON, BigInteger, ColumnElement, ForeignKey, Index, String, Text, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.lib.secrets import Encrypted, is_unreadable
from app.models.moderator import Moderator
from app.models.rule import Effect, Subject
from app.models.site import Site

LONGEST_URL, LONGEST_NAME, LONGEST_ETAG = 2_000, 80, 200  # characters
# How long other installations may use a published list that no newer one follows.
LASTS = timedelta(days=30)
REFRESH_EVERY = timedelta(days=1)
# After a failure; doubled with each further one, up to REFRESH_EVERY.
FIRST_PAUSE = timedelta(hours=1)
# How long an undone subscription is shown while comments are held because of it.
UNDONE_KEPT = timedelta(days=30)


class PublishedList(Model):
    """At most one for each site. `document` is the signed file, as it is served."""

    __tablename__ = "published_list"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"), unique=True)
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    is_on: Mapped[bool] = mapped_column(default=False)
    # Kinds of rules in it.
    words: Mapped[bool] = mapped_column(default=False)
    domains: Mapped[bool] = mapped_column(default=False)
    # Names the list through changes of its key.
    list_id: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(Encrypted, default="")
    # Of the key, the oldest first (app/lib/signed_list.py).
    changes: Mapped[list[str]] = mapped_column(JSON, default=list)
    sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    issued_at: Mapped[datetime | None] = mapped_column(Moment)
    # Of the site's rules, when the file was made.
    rules_version: Mapped[int] = mapped_column(default=0)
    lines: Mapped[int] = mapped_column(default=0)
    document: Mapped[str] = mapped_column(Text, default="")

    site: Mapped[Site] = relationship()

    @classmethod
    def of_site(cls, site: Site) -> "PublishedList | None":
        return db.session.scalar(select(cls).where(cls.site_id == site.id))

    @classmethod
    def begin(cls, site_id: int, list_id: str) -> None:
        """Insert the site's list, unless there is one."""
        dialect = sqlite if db.engine.dialect.name == "sqlite" else postgresql
        db.session.execute(dialect.insert(cls).values(site_id=site_id, list_id=list_id).on_conflict_do_nothing())

    @classmethod
    def locked(cls, *of: ColumnElement[bool]) -> "PublishedList | None":
        """As it is now, until the commit: keys and numbers follow each other, so that one writer changes it."""
        query = select(cls).where(*of).with_for_update()
        return db.session.scalar(query.execution_options(populate_existing=True))

    @classmethod
    def outdated(cls, before: datetime) -> Sequence["PublishedList"]:
        """Those that were made before then, or before a rule changed."""
        old = or_(cls.issued_at.is_(None), cls.issued_at <= before, cls.rules_version != Site.rules_version)
        query = select(cls).join(Site, Site.id == cls.site_id).where(cls.is_on, old).order_by(cls.id)
        return [each for each in db.session.scalars(query) if each.key and not is_unreadable(each.key)]

    def __repr__(self) -> str:
        return f"<PublishedList {self.id}>"


class ListSubscription(Model):
    __tablename__ = "list_subscription"
    __table_args__ = (
        Index("ix_list_subscription_site", "site_id", "id"),
        Index("ix_list_subscription_next_at", "next_at"),
        Index("ix_list_subscription_made_by_id", "made_by_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    # Names it in the reasons of comments, also on another installation.
    ref: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(LONGEST_NAME * 4))
    url: Mapped[str] = mapped_column(String(LONGEST_URL))
    # The pinned public key, and the id of the list that it signed.
    key: Mapped[str] = mapped_column(String(43))
    list_id: Mapped[str] = mapped_column(String(64), default="")
    effect: Mapped[str] = mapped_column(String(16), default=Effect.HOLD)
    # Of the newest accepted file: its number, the SHA-256 of its content, its validity.
    sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    digest: Mapped[str] = mapped_column(String(64), default="")
    issued_at: Mapped[datetime | None] = mapped_column(Moment)
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    # Lines of it that are not used, by reason.
    refused: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    etag: Mapped[str] = mapped_column(String(LONGEST_ETAG), default="")
    # The last accepted answer; why the last attempt failed, '' if it did not.
    fetched_at: Mapped[datetime | None] = mapped_column(Moment)
    trouble: Mapped[str] = mapped_column(String(32), default="")
    failures: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # None: by the operator, or by an account that is gone.
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"))
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    undone_at: Mapped[datetime | None] = mapped_column(Moment)

    site: Mapped[Site] = relationship()
    made_by: Mapped[Moderator | None] = relationship()

    @classmethod
    def of_site(cls, site: Site) -> Sequence["ListSubscription"]:
        """Oldest first, with undone ones."""
        return db.session.scalars(select(cls).where(cls.site_id == site.id).order_by(cls.id)).all()

    @classmethod
    def active_on(cls, site: Site) -> Sequence["ListSubscription"]:
        query = select(cls).where(cls.site_id == site.id, cls.undone_at.is_(None))
        return db.session.scalars(query.order_by(cls.id)).all()

    @classmethod
    def on_site(cls, site: Site, id: int) -> "ListSubscription | None":
        return db.session.scalar(select(cls).where(cls.site_id == site.id, cls.id == id))

    @classmethod
    def claim_due(cls) -> int | None:
        """The id of one that is due, for this worker; another one leaves it alone for a while."""
        due = (cls.undone_at.is_(None), cls.next_at <= now())
        id = db.session.scalar(select(cls.id).where(*due).order_by(cls.next_at).limit(1))
        claimed = id is not None and rows_changed(
            update(cls).where(cls.id == id, *due).values(next_at=now() + FIRST_PAUSE)
        )
        return id if claimed else None

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= now()

    def note_success(self) -> None:
        self.trouble, self.failures, self.fetched_at, self.next_at = "", 0, now(), now() + REFRESH_EVERY

    def note_failure(self, trouble: str) -> None:
        self.trouble, self.failures = trouble, min(self.failures + 1, 1_000)
        self.next_at = now() + min(FIRST_PAUSE * 2 ** min(self.failures - 1, 5), REFRESH_EVERY)

    def __repr__(self) -> str:
        return f"<ListSubscription {self.id}>"


class LineState(StrEnum):
    ACTIVE = "active"
    HELD = "held"  # until a person has looked: it would have hit a published comment
    IGNORED = "ignored"  # by a moderator of this site; stays so, whatever the list says


class ListLine(Model):
    """A word or domain of a list. Not encrypted, because lists are public and never about people."""

    __tablename__ = "list_line"
    __table_args__ = (
        Index("uq_list_line_value", "subscription_id", "subject", "value", unique=True),
        Index("ix_list_line_state", "subscription_id", "state", "id"),
        Index("ix_list_line_site", "site_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    subscription_id: Mapped[int] = mapped_column(ForeignKey("list_subscription.id", ondelete="CASCADE"))
    subject: Mapped[str] = mapped_column(String(16))
    value: Mapped[str] = mapped_column(String(260))
    state: Mapped[str] = mapped_column(String(8), default=LineState.ACTIVE)
    # Published comments that it would have hit, when it was new: their number and the newest ids. `untried`: there was
    # no time to try it.
    hits: Mapped[int] = mapped_column(default=0)
    examples: Mapped[list[int]] = mapped_column(JSON, default=list)
    untried: Mapped[bool] = mapped_column(default=False)
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    expires_at: Mapped[datetime] = mapped_column(Moment)

    subscription: Mapped[ListSubscription] = relationship()

    @classmethod
    def acting_on(cls, site: Site) -> list[tuple["ListLine", ListSubscription]]:
        """The lines that hold comments now, with their subscriptions; the oldest subscription first."""
        query = select(cls, ListSubscription).join(ListSubscription, ListSubscription.id == cls.subscription_id)
        query = query.where(cls.site_id == site.id, cls.state == LineState.ACTIVE, cls.expires_at > now())
        query = query.where(ListSubscription.undone_at.is_(None)).order_by(ListSubscription.id, cls.id)
        return [(line, subscription) for line, subscription in db.session.execute(query)]

    @classmethod
    def of(cls, subscription: ListSubscription) -> list["ListLine"]:
        query = select(cls).where(cls.subscription_id == subscription.id).order_by(cls.id)
        # Moderators may have changed them while a file was fetched.
        return list(db.session.scalars(query.execution_options(populate_existing=True)))

    @classmethod
    def some(
        cls, subscription: ListSubscription, state: LineState, limit: int, containing: str = ""
    ) -> list["ListLine"]:
        query = select(cls).where(cls.subscription_id == subscription.id, cls.state == state)
        if containing:
            query = query.where(cls.value.contains(containing, autoescape=True))
        return list(db.session.scalars(query.order_by(cls.id).limit(limit)))

    @classmethod
    def in_subscription(cls, subscription: ListSubscription, id: int) -> "ListLine | None":
        return db.session.scalar(select(cls).where(cls.subscription_id == subscription.id, cls.id == id))

    @classmethod
    def counts(cls, subscription_ids: Collection[int]) -> dict[int, dict[str, int]]:
        """Lines by subscription and state."""
        found: dict[int, dict[str, int]] = {id: dict.fromkeys(LineState, 0) for id in subscription_ids}
        query = select(cls.subscription_id, cls.state, func.count()).where(cls.subscription_id.in_(subscription_ids))
        for id, state, count in db.session.execute(query.group_by(cls.subscription_id, cls.state)):
            found[id][state] = count
        return found

    @classmethod
    def count_on(cls, site: Site, without: ListSubscription) -> int:
        """Lines of the site's other subscriptions."""
        others = (cls.site_id == site.id, cls.subscription_id != without.id)
        return db.session.scalar(select(func.count()).select_from(cls).where(*others)) or 0

    @property
    def is_domain(self) -> bool:
        return self.subject == Subject.LINK_DOMAIN

    def __repr__(self) -> str:
        return f"<ListLine {self.id}>"

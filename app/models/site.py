"""A site: one publisher's web site, its allowed origins and what it asks of comments."""

import re
import secrets
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import JSON, String, Text, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column, validates

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import LEEWAY, Moment, happened_since, is_over, is_running, now
from app.lib.secrets import Encrypted, is_unreadable

KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


# A person can look at as many as these in a minute without anybody's help.
FEWEST_IN_A_BURST = 30
TIMES_THE_BUSIEST = 3
ANSWERS_NOTED = 50
# What a /48 may send, as a multiple of what one network in it may: it may be many people, or one who hops.
WIDE_TIMES = 4


class Site(Model):
    __tablename__ = "site"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    lang: Mapped[str] = mapped_column(String(8), default="ja")
    timezone: Mapped[str] = mapped_column(String(64), default="Asia/Tokyo")
    # Not by us, who know one for Japan only.
    timezone_chosen: Mapped[bool] = mapped_column(default=True)
    origins: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # Part of every cache key: settings change what a page shows.
    version: Mapped[int] = mapped_column(default=1)
    # Grows whenever a rule is made or ended: a process sees that what it has compiled is out of date.
    rules_version: Mapped[int] = mapped_column(default=1)
    # The learnt score, in hundredths: spam from one on, held from another; below, published, if the site says so.
    # As long as it does not act, the desk only shows what it would have done.
    score_acts: Mapped[bool] = mapped_column(default=False)
    score_publishes: Mapped[bool] = mapped_column(default=False)
    score_spam_from: Mapped[int] = mapped_column(default=95)
    score_hold_from: Mapped[int] = mapped_column(default=60)
    # Avatars are drawn from this and the author's id, so that they mean nothing on another site.
    avatar_key: Mapped[str] = mapped_column(String(64), default=lambda: secrets.token_hex(32))

    # By how much ids had to grow when an archive came in, by table; empty where they could stay.
    archive_shift: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)

    open: Mapped[bool] = mapped_column(default=True)
    name_required: Mapped[bool] = mapped_column(default=True)
    email_required: Mapped[bool] = mapped_column(default=True)
    website_required: Mapped[bool] = mapped_column(default=False)
    max_depth: Mapped[int] = mapped_column(default=5)
    page_size: Mapped[int] = mapped_column(default=50)
    edit_minutes: Mapped[int] = mapped_column(default=15)
    hold_all: Mapped[bool] = mapped_column(default=True)
    approvals_needed: Mapped[int] = mapped_column(default=1)
    max_links: Mapped[int] = mapped_column(default=2)
    # What is blocked waits for a moderator, instead of becoming spam. Its author sees no difference.
    hold_blocked: Mapped[bool] = mapped_column(default=False)
    min_seconds: Mapped[int] = mapped_column(default=2)
    flood_per_author: Mapped[int] = mapped_column(default=6)
    # Within 24 hours; 0: no limit.
    daily_per_author: Mapped[int] = mapped_column(default=50)
    flood_per_address: Mapped[int] = mapped_column(default=30)
    # How many within a minute are a burst; 0: what is learnt below.
    flood_per_site: Mapped[int] = mapped_column(default=0)
    busiest_minute: Mapped[int] = mapped_column(default=0)
    learnt_at: Mapped[datetime | None] = mapped_column(Moment)
    # Everything is held until then, because of a burst.
    pressed_until: Mapped[datetime | None] = mapped_column(Moment)
    akismet_key: Mapped[str] = mapped_column(Encrypted, default="")
    akismet_blog: Mapped[str] = mapped_column(Text, default="")
    # The newest answers, s for spam and h for not; and what it last said to be wrong with the key.
    akismet_answers: Mapped[str] = mapped_column(String(50), default="")
    akismet_alert: Mapped[str] = mapped_column(String(200), default="")
    close_after_days: Mapped[int] = mapped_column(default=0)
    # Readers' open reports from which a comment comes to the desk, and from which nobody else sees it; 0: never.
    reports_needed: Mapped[int] = mapped_column(default=1)
    reports_to_hide: Mapped[int] = mapped_column(default=0)
    public_summary: Mapped[bool] = mapped_column(default=False)
    # After so many days they are forgotten; 0: never.
    keep_address_days: Mapped[int] = mapped_column(default=90)
    keep_spam_days: Mapped[int] = mapped_column(default=30)
    keep_revision_days: Mapped[int] = mapped_column(default=365)

    @property
    def edit_window(self) -> timedelta:
        return timedelta(minutes=self.edit_minutes)

    @property
    def is_pressed(self) -> bool:
        return is_running(self.pressed_until, _hold())

    @property
    def burst(self) -> int:
        """How many comments within a minute are too many to be normal; 0: any number is taken."""
        if self.flood_per_site or not self.flood_per_address:
            return self.flood_per_site
        return max(FEWEST_IN_A_BURST, TIMES_THE_BUSIEST * self.busiest_minute)

    def note_answer(self, *, spam: bool) -> bool:
        """Note what Akismet said; True when it has said `spam` so often in a row that it is not to be believed.

        A key that has gone bad was seen to answer so to everything.
        """
        self.akismet_answers = (self.akismet_answers + ("s" if spam else "h"))[-ANSWERS_NOTED:]
        return self.akismet_is_mad

    @property
    def akismet_address(self) -> str:
        """The site as Akismet knows it."""
        return self.akismet_blog or f"{self.origins[0]}/" if self.origins else self.akismet_blog

    @property
    def akismet_is_mad(self) -> bool:
        return self.akismet_answers == "s" * ANSWERS_NOTED

    @validates("akismet_key")
    def _forget_answers(self, _name: str, key: str) -> str:
        """What was noted is about the key that gave it."""
        if key != self.akismet_key:
            self.akismet_answers = self.akismet_alert = ""
        return key

    def press(self, until: datetime, *, renewed_before: datetime) -> bool:
        """Hold everything until then; True when it was not held before.

        A burst renews it with every comment; only what ends before `renewed_before` is worth another write.
        """
        if self.pressed_until and renewed_before <= self.pressed_until <= until + LEEWAY:
            return False
        quiet = or_(Site.pressed_until.is_(None), is_over(Site.pressed_until, _hold()))
        fresh = rows_changed(update(Site).where(Site.id == self.id, quiet).values(pressed_until=until))
        if not fresh:
            renewed = update(Site).where(Site.id == self.id, Site.pressed_until < renewed_before)
            rows_changed(renewed.values(pressed_until=until))
        db.session.refresh(self, ["pressed_until"])
        return fresh == 1

    def change(self, settings: dict[str, Any]) -> None:
        """Take over settings that were read already; every cached page knows when one of them is new."""
        changed = {name: value for name, value in settings.items() if self._is_new(name, value)}
        for name, value in changed.items():
            setattr(self, name, value)
        self.timezone_chosen = self.timezone_chosen or "timezone" in settings
        self.version += bool(changed)

    def lock(self) -> bool:
        """Read it again and keep it from being removed until the transaction ends; False when it is gone."""
        same = select(Site).where(Site.id == self.id).with_for_update(read=True, key_share=True)
        return db.session.scalar(same.execution_options(populate_existing=True)) is not None

    def _is_new(self, name: str, value: Any) -> bool:
        """The settings page shows nothing for a value that cannot be read: sent back so, its ciphertext stays."""
        today = getattr(self, name)
        return today != value and not (is_unreadable(today) and value == "")

    @classmethod
    def learnt_before(cls, moment: datetime) -> "Site | None":
        """A site of which it is not known, or not since then, what is normal there."""
        return db.session.scalar(
            select(cls).where(or_(cls.learnt_at.is_(None), ~happened_since(cls.learnt_at, moment))).limit(1)
        )

    @classmethod
    def with_key(cls, key: str) -> "Site | None":
        """The site of this key; what cannot be one costs no question."""
        if not KEY.fullmatch(key):
            return None
        return db.session.scalar(select(cls).where(cls.key == key))

    @classmethod
    def all(cls) -> list["Site"]:
        return list(db.session.scalars(select(cls).order_by(cls.key)))

    def __repr__(self) -> str:
        return f"<Site {self.key}>"


def _hold() -> timedelta:
    return timedelta(seconds=current_app.config["FLOOD_HOLD"])

"""A site: one publisher's web site, its allowed origins and what it asks of comments."""

import re
import secrets
from datetime import datetime, timedelta

from sqlalchemy import JSON, String, select
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Id, db
from app.lib.clock import Moment, now

KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


class Site(db.Model):
    __tablename__ = "site"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    lang: Mapped[str] = mapped_column(String(8), default="ja")
    timezone: Mapped[str] = mapped_column(String(64), default="Asia/Tokyo")
    origins: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # Part of every cache key: settings change what a page shows.
    version: Mapped[int] = mapped_column(default=1)
    # Grows whenever a rule is made or ended: a process sees that what it has compiled is out of date.
    rules_version: Mapped[int] = mapped_column(default=1)
    # Avatars are drawn from this and the author's id, so that they mean nothing on another site.
    avatar_key: Mapped[str] = mapped_column(String(64), default=lambda: secrets.token_hex(32))

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
    flood_per_author: Mapped[int] = mapped_column(default=6)
    flood_per_address: Mapped[int] = mapped_column(default=30)
    close_after_days: Mapped[int] = mapped_column(default=0)

    @property
    def edit_window(self) -> timedelta:
        return timedelta(minutes=self.edit_minutes)

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

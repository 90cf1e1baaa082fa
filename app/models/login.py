"""A moderator's log-in in one browser, with a revocable token."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, ForeignKey, String, delete, false, or_, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, happened_since, is_running, now, runs
from app.lib.secrets import Encrypted
from app.models.moderator import Moderator
from app.models.pending_login import PendingLogin

BROWSER_LENGTH = 40  # characters


class Lasts(NamedTuple):
    """How long a log-in lasts: without activity, in all, and in all with single sign-on."""

    idle: timedelta
    whole: timedelta
    single_sign_on: timedelta


class Place(NamedTuple):
    """Where a log-in began: the shortened network, and the kind of browser."""

    network: str
    browser: str


class Login(Model):
    __tablename__ = "login"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    # Only the hash is stored, so a leaked table gives no access.
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    moderator_id: Mapped[int] = mapped_column(ForeignKey("moderator.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    # When its browser last proved who it is, for actions that ask for that again.
    confirmed_at: Mapped[datetime] = mapped_column(Moment, default=now)
    network: Mapped[str] = mapped_column(Encrypted, default="")
    browser: Mapped[str] = mapped_column(String(BROWSER_LENGTH), default="")
    # With the identity provider, and whether that checked a second factor.
    single_sign_on: Mapped[bool] = mapped_column(default=False, server_default=false())
    factor_checked: Mapped[bool] = mapped_column(default=False, server_default=false())

    moderator: Mapped[Moderator] = relationship(lazy="joined", innerjoin=True)

    @classmethod
    def start(cls, moderator: Moderator, lasts: Lasts, place: Place | None = None, **more: bool) -> str:
        """Store a new log-in and return its token (43 characters). `more`: `single_sign_on`, `factor_checked`."""
        token = secrets.token_urlsafe(32)
        login = cls(moderator=moderator, expires_at=now() + lasts.idle, **(place._asdict() if place else {}), **more)
        login.token_hash = hash_of(token)
        db.session.add(login)
        return token

    @classmethod
    def with_token(cls, token: str, lasts: Lasts) -> "Login | None":
        """The unexpired log-in with this token."""
        return db.session.scalar(select(cls).where(cls.token_hash == hash_of(token), *cls._lasting(lasts)))

    @classmethod
    def of_moderator(cls, moderator: Moderator, lasts: Lasts, id: int) -> "Login | None":
        query = select(cls).where(cls.moderator_id == moderator.id, cls.id == id)
        return db.session.scalar(query.where(*cls._lasting(lasts)))

    @classmethod
    def all_of(cls, moderator: Moderator, lasts: Lasts) -> Sequence["Login"]:
        """The unexpired ones, newest first."""
        query = select(cls).where(cls.moderator_id == moderator.id, *cls._lasting(lasts))
        return db.session.scalars(query.order_by(cls.created_at.desc(), cls.id.desc())).all()

    @classmethod
    def _lasting(cls, lasts: Lasts) -> tuple[ColumnElement[bool], ...]:
        whole = happened_since(cls.created_at, now() - lasts.whole)
        asked_again = happened_since(cls.created_at, now() - lasts.single_sign_on)
        return runs(cls.expires_at, lasts.idle), whole, or_(~cls.single_sign_on, asked_again)

    @classmethod
    def end(cls, token: str) -> None:
        db.session.execute(delete(cls).where(cls.token_hash == hash_of(token)))

    @classmethod
    def end_all(cls, moderator: Moderator, *, but: "Login | None" = None) -> int:
        """End the moderator's log-ins, except one, and what may become one; returns their number."""
        PendingLogin.end_all(moderator)
        return rows_changed(delete(cls).where(cls.moderator_id == moderator.id, cls.id != (but.id if but else 0)))

    @classmethod
    def end_without_provider(cls, moderator: Moderator) -> None:
        """End the log-ins that were not with the identity provider, and what may become one."""
        PendingLogin.end_all(moderator)
        rows_changed(delete(cls).where(cls.moderator_id == moderator.id, ~cls.single_sign_on))

    def turn_single_sign_on(self) -> None:
        """Its person has logged in with the identity provider, too: it lasts as long as if it had begun so."""
        self.single_sign_on, self.created_at = True, now()

    def renew(self) -> str:
        """Replace the token, so that a copy of the old one is worth nothing."""
        token = secrets.token_urlsafe(32)
        self.token_hash = hash_of(token)
        return token

    def prolong(self, lasts: Lasts) -> None:
        self.expires_at = now() + lasts.idle

    def active_at(self, lasts: Lasts) -> datetime:
        """When it last did something."""
        return self.expires_at - lasts.idle

    def is_confirmed(self, lasting: timedelta) -> bool:
        return is_running(self.confirmed_at + lasting, lasting)


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

"""A moderator's log-in in one browser, with a revocable token."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, String, delete, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import Id, Model, db
from app.lib.clock import Moment, now, runs
from app.models.moderator import Moderator


class Login(Model):
    __tablename__ = "login"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    # Only the hash is stored, so a leaked table gives no access.
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    moderator_id: Mapped[int] = mapped_column(ForeignKey("moderator.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    expires_at: Mapped[datetime] = mapped_column(Moment)

    moderator: Mapped[Moderator] = relationship(lazy="joined", innerjoin=True)

    @classmethod
    def start(cls, moderator: Moderator, lasting: timedelta) -> str:
        """Store a new log-in and return its token (43 characters)."""
        token = secrets.token_urlsafe(32)
        db.session.add(cls(token_hash=_hash(token), moderator=moderator, expires_at=now() + lasting))
        return token

    @classmethod
    def with_token(cls, token: str, lasting: timedelta) -> "Login | None":
        """The unexpired log-in with this token."""
        return db.session.scalar(select(cls).where(cls.token_hash == _hash(token), runs(cls.expires_at, lasting)))

    @classmethod
    def end(cls, token: str) -> None:
        db.session.execute(delete(cls).where(cls.token_hash == _hash(token)))

    @classmethod
    def end_all(cls, moderator: Moderator) -> None:
        db.session.execute(delete(cls).where(cls.moderator_id == moderator.id))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

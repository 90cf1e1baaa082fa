"""A log-in: one browser of one moderator, known by a token that can be taken back; and the tries that failed."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, String, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import Id, db
from app.lib.clock import Moment, happened_since, now, runs
from app.lib.secrets import BlindIndex
from app.models.moderator import Moderator


class Login(db.Model):
    __tablename__ = "login"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    # Only the hash is kept: whoever reads the table cannot become anybody.
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    moderator_id: Mapped[int] = mapped_column(ForeignKey("moderator.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    expires_at: Mapped[datetime] = mapped_column(Moment)

    moderator: Mapped[Moderator] = relationship(lazy="joined", innerjoin=True)

    @classmethod
    def start(cls, moderator: Moderator, lasting: timedelta) -> str:
        """Remember a new log-in and return its token (43 characters, known to the browser alone)."""
        token = secrets.token_urlsafe(32)
        db.session.add(cls(token_hash=_hash(token), moderator=moderator, expires_at=now() + lasting))
        return token

    @classmethod
    def with_token(cls, token: str, lasting: timedelta) -> "Login | None":
        """The log-in with this token, if it is one of those that last so long and is not over."""
        return db.session.scalar(select(cls).where(cls.token_hash == _hash(token), runs(cls.expires_at, lasting)))

    @classmethod
    def end(cls, token: str) -> None:
        db.session.execute(delete(cls).where(cls.token_hash == _hash(token)))

    @classmethod
    def end_all(cls, moderator: Moderator) -> None:
        db.session.execute(delete(cls).where(cls.moderator_id == moderator.id))


class LoginAttempt(db.Model):
    """A try that failed; counted by account and by network, both only as keyed hashes."""

    __tablename__ = "login_attempt"
    __table_args__ = (Index("ix_login_attempt_subject", "subject", "made_at"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    subject: Mapped[str] = mapped_column(BlindIndex)
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)

    @classmethod
    def count(cls, subject: str, since: datetime) -> int:
        return (
            db.session.scalar(
                select(func.count()).select_from(cls).where(cls.subject == subject, happened_since(cls.made_at, since))
            )
            or 0
        )

    @classmethod
    def forget(cls, subject: str) -> None:
        db.session.execute(delete(cls).where(cls.subject == subject))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

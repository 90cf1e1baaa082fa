"""A log-in whose password was right and whose second factor is still missing. It gives access to nothing else.

A table of its own, so that no query for log-ins can take one for complete.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, delete, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now, runs
from app.models.moderator import Moderator

LASTS = timedelta(minutes=10)


class PendingLogin(Model):
    __tablename__ = "pending_login"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    moderator_id: Mapped[int] = mapped_column(ForeignKey("moderator.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    # What the identity provider said, for the log-in that is completed (app/desk/single_sign_on.py).
    person: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    moderator: Mapped[Moderator] = relationship(lazy="joined", innerjoin=True)

    @classmethod
    def start(cls, moderator: Moderator, person: dict[str, Any] | None = None) -> str:
        """Store a new one and return its token (43 characters)."""
        token = secrets.token_urlsafe(32)
        db.session.add(cls(token_hash=_hash(token), moderator=moderator, person=person, expires_at=now() + LASTS))
        return token

    @classmethod
    def with_token(cls, token: str) -> "PendingLogin | None":
        """The unexpired one with this token."""
        return db.session.scalar(select(cls).where(cls.token_hash == _hash(token), runs(cls.expires_at, LASTS)))

    @classmethod
    def end(cls, token: str) -> bool:
        """Use it up; of two requests at once, one returns True."""
        return rows_changed(delete(cls).where(cls.token_hash == _hash(token))) == 1

    @classmethod
    def end_all(cls, moderator: Moderator) -> None:
        rows_changed(delete(cls).where(cls.moderator_id == moderator.id))

    @classmethod
    def forget_expired(cls) -> int:
        return rows_changed(delete(cls).where(cls.expires_at < now()))

    def __repr__(self) -> str:
        return f"<PendingLogin {self.id}>"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

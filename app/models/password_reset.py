"""A link that sets a new password, sent by email."""

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, String, delete, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, happened_since, latest, now
from app.models.login import hash_of
from app.models.moderator import Moderator

LASTS = timedelta(minutes=30)


class PasswordReset(Model):
    __tablename__ = "password_reset"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    moderator_id: Mapped[int] = mapped_column(ForeignKey("moderator.id", ondelete="CASCADE"), index=True)
    # Only the hash is stored, so a leaked table sets no password.
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    asked_at: Mapped[datetime] = mapped_column(Moment)

    moderator: Mapped[Moderator] = relationship()

    @classmethod
    def offer(cls, moderator: Moderator, token: str, asked_at: datetime) -> bool:
        """Accept this token from now on; False for the same one again."""
        if cls._with(token):
            return False
        db.session.add(cls(moderator=moderator, token_hash=hash_of(token), asked_at=asked_at))
        return True

    @classmethod
    def with_token(cls, token: str) -> "PasswordReset | None":
        """The unexpired and unused one."""
        found = cls._with(token)
        return found if found and is_open(found.asked_at) else None

    @classmethod
    def _with(cls, token: str) -> "PasswordReset | None":
        return db.session.scalar(select(cls).where(cls.token_hash == hash_of(token)))

    @classmethod
    def end_all(cls, moderator: Moderator) -> None:
        rows_changed(delete(cls).where(cls.moderator_id == moderator.id))

    @classmethod
    def forget_old(cls) -> int:
        return rows_changed(delete(cls).where(~happened_since(cls.asked_at, now() - LASTS)))


def is_open(asked_at: datetime) -> bool:
    return now() - LASTS < asked_at <= latest()

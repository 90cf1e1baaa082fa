"""A change of a moderator's email address, open until both addresses have confirmed it."""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, String, delete, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, happened_since, latest, now
from app.lib.secrets import Encrypted
from app.models.moderator import Moderator

LASTS = timedelta(days=1)


class Side(StrEnum):
    OLD = "old"
    NEW = "new"


class EmailChange(Model):
    __tablename__ = "email_change"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    # One open change of each moderator.
    moderator_id: Mapped[int] = mapped_column(ForeignKey("moderator.id", ondelete="CASCADE"), unique=True)
    email: Mapped[str] = mapped_column(Encrypted)
    # Part of its links: ids of deleted rows are used again.
    nonce: Mapped[str] = mapped_column(String(32), default=lambda: secrets.token_urlsafe(12))
    asked_at: Mapped[datetime] = mapped_column(Moment, default=now)
    old_confirmed: Mapped[bool] = mapped_column(default=False)
    new_confirmed: Mapped[bool] = mapped_column(default=False)

    moderator: Mapped[Moderator] = relationship()

    @classmethod
    def of(cls, moderator: Moderator) -> "EmailChange | None":
        found = db.session.scalar(select(cls).where(cls.moderator_id == moderator.id))
        return found if found and found.is_open else None

    @classmethod
    def with_nonce(cls, id: int, nonce: str) -> "EmailChange | None":
        query = select(cls).where(cls.id == id, cls.nonce == nonce)
        found = db.session.scalar(query.execution_options(populate_existing=True))
        return found if found and found.is_open else None

    @classmethod
    def end_all(cls, moderator: Moderator) -> None:
        rows_changed(delete(cls).where(cls.moderator_id == moderator.id))

    @classmethod
    def forget_old(cls) -> int:
        return rows_changed(delete(cls).where(~happened_since(cls.asked_at, now() - LASTS)))

    def confirm(self, side: Side) -> None:
        if side == Side.OLD:
            self.old_confirmed = True
        else:
            self.new_confirmed = True

    def confirmed_by(self, side: Side) -> bool:
        return self.old_confirmed if side == Side.OLD else self.new_confirmed

    @property
    def is_open(self) -> bool:
        return now() - LASTS < self.asked_at <= latest()

    @property
    def is_complete(self) -> bool:
        return self.old_confirmed and self.new_confirmed

    def __repr__(self) -> str:
        return f"<EmailChange {self.id}>"

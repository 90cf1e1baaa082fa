"""A moderator's passkey: the public half of a WebAuthn credential."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, Text, delete, select, update
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.models.moderator import Moderator

LONGEST_NAME = 80  # characters


class Passkey(Model):
    __tablename__ = "passkey"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    moderator_id: Mapped[int] = mapped_column(ForeignKey("moderator.id", ondelete="CASCADE"), index=True)
    # Base64url of at most 1,023 bytes (WebAuthn Level 3, 4).
    credential_id: Mapped[str] = mapped_column(String(1400), unique=True)
    # Base64url of a COSE key.
    public_key: Mapped[str] = mapped_column(Text)
    # The same for all passkeys of an account: an authenticator keeps one of them, and tells it at log-in.
    user_handle: Mapped[str] = mapped_column(String(64))
    # 0 for passkeys that are synchronised between devices.
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(400))
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    used_at: Mapped[datetime | None] = mapped_column(Moment)

    moderator: Mapped[Moderator] = relationship(lazy="joined", innerjoin=True)

    @classmethod
    def of(cls, moderator: Moderator) -> list["Passkey"]:
        return list(db.session.scalars(select(cls).where(cls.moderator_id == moderator.id).order_by(cls.id)))

    @classmethod
    def with_credential(cls, credential_id: str) -> "Passkey | None":
        return db.session.scalar(select(cls).where(cls.credential_id == credential_id))

    @classmethod
    def remove(cls, moderator: Moderator, id: int) -> bool:
        return rows_changed(delete(cls).where(cls.moderator_id == moderator.id, cls.id == id)) == 1

    @classmethod
    def remove_all(cls, moderator: Moderator) -> None:
        rows_changed(delete(cls).where(cls.moderator_id == moderator.id))

    def count_use(self, sign_count: int) -> bool:
        """Store a use; False if another one had this or a higher counter, or the passkey was removed."""
        unused = Passkey.sign_count < sign_count if sign_count else Passkey.sign_count == 0
        used = update(Passkey).where(Passkey.id == self.id, unused)
        return rows_changed(used.values(sign_count=sign_count, used_at=now())) == 1

    def __repr__(self) -> str:
        return f"<Passkey {self.id}>"

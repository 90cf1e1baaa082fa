"""A moderator's authenticator app: the secret of its codes (RFC 6238), and the step of the last accepted one."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, delete, select, update
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.lib.secrets import Encrypted
from app.models.moderator import Moderator


class AuthenticatorApp(Model):
    __tablename__ = "authenticator_app"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    moderator_id: Mapped[int] = mapped_column(ForeignKey("moderator.id", ondelete="CASCADE"), unique=True)
    secret: Mapped[str] = mapped_column(Encrypted)
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # None until a first code has shown that the app knows the secret.
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    # Number of 30-second steps since 1970.
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)

    @classmethod
    def of(cls, moderator: Moderator) -> "AuthenticatorApp | None":
        """The app, also while it is set up."""
        return db.session.scalar(select(cls).where(cls.moderator_id == moderator.id))

    @classmethod
    def remove(cls, moderator: Moderator) -> None:
        rows_changed(delete(cls).where(cls.moderator_id == moderator.id))

    def accept(self, step: int) -> bool:
        """Store the step of a code; False if a code of this or a later step was accepted before (RFC 6238, 5.2)."""
        unused = update(AuthenticatorApp).where(AuthenticatorApp.id == self.id, AuthenticatorApp.last_step < step)
        return rows_changed(unused.values(last_step=step)) == 1

    def __repr__(self) -> str:
        return f"<AuthenticatorApp {self.id}>"

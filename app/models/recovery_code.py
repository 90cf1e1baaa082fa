"""One-time codes for a moderator who has lost every other second factor; only their hashes are stored."""

import hashlib
import secrets
from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.models.moderator import Moderator

NUMBER = 10
# Without letters and digits that look alike (Crockford's base32). 24 of them have 120 bits, so a plain hash is
# enough (OWASP ASVS 5.0, 6.5.2).
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH, GROUP = 24, 6
LOOK_ALIKE = str.maketrans("ILO", "110")


class RecoveryCode(Model):
    __tablename__ = "recovery_code"
    __table_args__ = (UniqueConstraint("moderator_id", "code_hash"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    moderator_id: Mapped[int] = mapped_column(ForeignKey("moderator.id", ondelete="CASCADE"))
    code_hash: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)

    @classmethod
    def renew(cls, moderator: Moderator) -> list[str]:
        """Replace all codes by new ones. Returns them; nothing else can."""
        cls.remove_all(moderator)
        codes = [_random() for _ in range(NUMBER)]
        db.session.add_all(cls(moderator_id=moderator.id, code_hash=_hash(code)) for code in codes)
        return codes

    @classmethod
    def spend(cls, moderator: Moderator, typed: str) -> bool:
        """Use up a code; of two uses at once, one returns True."""
        mine = cls.moderator_id == moderator.id, cls.code_hash == _hash(typed)
        return rows_changed(delete(cls).where(*mine)) == 1

    @classmethod
    def count_of(cls, moderator: Moderator) -> int:
        return db.session.scalar(select(func.count()).where(cls.moderator_id == moderator.id)) or 0

    @classmethod
    def remove_all(cls, moderator: Moderator) -> None:
        rows_changed(delete(cls).where(cls.moderator_id == moderator.id))

    def __repr__(self) -> str:
        return f"<RecoveryCode {self.id}>"


def _random() -> str:
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(code[at : at + GROUP] for at in range(0, LENGTH, GROUP))


def _hash(typed: str) -> str:
    """As Crockford's base32 is read: in any case, with or without separators."""
    plain = "".join(each for each in typed.upper() if each.isalnum()).translate(LOOK_ALIKE)
    return hashlib.sha256(plain.encode()).hexdigest()

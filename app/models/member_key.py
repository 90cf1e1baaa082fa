"""A key with which the publisher's server signs who a member is."""

import re
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, or_, select, text, update
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import losable
from app.extensions import Id, Model, db
from app.lib.clock import LEEWAY, Moment, happened_since, now
from app.lib.secrets import Encrypted
from app.models.api_token import NOTED_EVERY
from app.models.moderator import Moderator
from app.models.site import Site

KID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class Algorithm(StrEnum):
    """Belongs to the key. What a token says of itself decides nothing."""

    EDDSA = "EdDSA"  # `key` is an Ed25519 public key (PEM)
    HS256 = "HS256"  # `key` is a secret that the publisher's server has, too


class MemberKey(Model):
    __tablename__ = "member_key"
    __table_args__ = (
        # A revoked key keeps its kid, so that tokens signed with it never become valid again.
        Index("uq_member_key_kid", "site_id", "kid", unique=True),
        Index(
            "ix_member_key_made_by_id", "made_by_id",
            sqlite_where=text("made_by_id IS NOT NULL"), postgresql_where=text("made_by_id IS NOT NULL"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    kid: Mapped[str] = mapped_column(String(64))
    algorithm: Mapped[str] = mapped_column(String(16))
    # Emptied when the key is revoked.
    key: Mapped[str] = mapped_column(Encrypted, default="")
    # None: by the operator, or by an account that is gone.
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"))
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    used_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)

    site: Mapped[Site] = relationship()
    made_by: Mapped[Moderator | None] = relationship()

    @classmethod
    def of_site(cls, site: Site) -> list["MemberKey"]:
        """The site's valid keys, oldest first."""
        query = select(cls).where(cls.site_id == site.id, cls.revoked_at.is_(None))
        return list(db.session.scalars(query.order_by(cls.id)))

    @classmethod
    def with_kid(cls, site: Site, kid: str) -> "MemberKey | None":
        """The valid key of this site; no query for a text that is no kid."""
        if not KID.fullmatch(kid):
            return None
        query = select(cls).where(cls.site_id == site.id, cls.kid == kid, cls.revoked_at.is_(None))
        return db.session.scalar(query)

    @classmethod
    def is_valid(cls, site_id: int, id: int) -> bool:
        query = select(cls.id).where(cls.site_id == site_id, cls.id == id, cls.revoked_at.is_(None))
        return db.session.scalar(query) is not None

    @classmethod
    def is_taken(cls, site: Site, kid: str) -> bool:
        return db.session.scalar(select(cls.id).where(cls.site_id == site.id, cls.kid == kid)) is not None

    def revoke(self) -> None:
        self.revoked_at, self.key = now(), ""

    def note_use(self) -> None:
        """Write the time of the last use; of simultaneous requests, one writes."""
        moment = now()
        if self.used_at and moment - NOTED_EVERY < self.used_at <= moment + LEEWAY:
            return
        stale = or_(MemberKey.used_at.is_(None), ~happened_since(MemberKey.used_at, moment - NOTED_EVERY))
        with losable() as connection:
            connection.execute(update(MemberKey).where(MemberKey.id == self.id, stale).values(used_at=moment))

    def __repr__(self) -> str:
        return f"<MemberKey {self.id}>"

"""A moderator's identity at an OpenID Connect provider: the account is found by it, whatever its email address."""

from datetime import datetime

from flask import current_app
from sqlalchemy import ForeignKey, String, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.models.moderator import Membership, Moderator


class Identity(Model):
    __tablename__ = "identity"
    # Another person may get the address of one who has left, so an account has one identity at most.
    __table_args__ = (UniqueConstraint("issuer", "subject"), UniqueConstraint("moderator_id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    moderator_id: Mapped[int] = mapped_column(ForeignKey("moderator.id", ondelete="CASCADE"))
    issuer: Mapped[str] = mapped_column(String(500))
    # The provider's id of the person, which it never gives to another one.
    subject: Mapped[str] = mapped_column(String(255))
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)

    moderator: Mapped[Moderator] = relationship(lazy="joined", innerjoin=True)

    @classmethod
    def known(cls, issuer: str, subject: str) -> "Identity | None":
        return db.session.scalar(select(cls).where(cls.issuer == issuer, cls.subject == subject))

    @classmethod
    def of(cls, moderator: Moderator) -> "Identity | None":
        return db.session.scalar(select(cls).where(cls.moderator_id == moderator.id))

    @classmethod
    def is_only_way(cls, moderator: Moderator) -> bool:
        """True if the account logs in with the identity provider only.

        By OIDC_ONLY, or with a role of a group: another log-in would keep the role after the group is gone.
        """
        of_group = select(Membership.site_id).where(Membership.moderator_id == moderator.id, Membership.by_group)
        has_group = db.session.scalar(of_group.limit(1)) is not None
        return cls.is_fixed(moderator) or (has_group and bool(current_app.config["OIDC_ISSUER"]))

    @classmethod
    def is_fixed(cls, moderator: Moderator) -> bool:
        """True if only the operator unlinks the account (OIDC_ONLY)."""
        config = current_app.config
        if not config["OIDC_ISSUER"] or not config["OIDC_ONLY"]:
            return False
        identity = cls.of(moderator)
        return identity is not None and identity.issuer == config["OIDC_ISSUER"]

    @classmethod
    def remove(cls, moderator: Moderator) -> bool:
        return rows_changed(delete(cls).where(cls.moderator_id == moderator.id)) > 0

    def __repr__(self) -> str:
        return f"<Identity {self.id}>"

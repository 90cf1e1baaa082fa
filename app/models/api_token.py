"""An access token of a program for one site, with a role, scopes and an expiry."""

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, String, or_, select, text, update
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import losable
from app.extensions import Id, Model, db
from app.lib.clock import LEEWAY, Moment, happened_since, now
from app.models.moderator import Moderator, Role
from app.models.site import Site

PREFIX = "kw_"
TOKEN = re.compile(r"kw_[A-Za-z0-9_-]{43}", re.ASCII)
# The last use is written at most so often.
NOTED_EVERY = timedelta(minutes=1)


class Scope(StrEnum):
    """What a token may be used for, within its role."""

    READ = "read"  # comments in every status, the queue, threads, authors, reports, legal notices, statistics, the log
    MODERATE = "moderate"  # decide, undo, note, reply, trust and block authors, legal notices, states of threads
    COMMENT = "comment"  # write comments on behalf of members of the publisher
    MANAGE = "manage"  # rules, settings, titles and addresses of threads, webhooks, checkers
    TRANSFER = "transfer"  # imports and exports, which contain email addresses


OF_ROLE = {
    Role.MODERATOR: (Scope.READ, Scope.MODERATE, Scope.COMMENT),
    Role.ADMIN: tuple(Scope),
}


class ApiToken(Model):
    """The token acts as an account of its own (`moderator`), so that leases, decisions and notes name the program."""

    __tablename__ = "api_token"
    __table_args__ = (
        Index("ix_api_token_site", "site_id", "id"),
        Index(
            "ix_api_token_made_by_id", "made_by_id",
            sqlite_where=text("made_by_id IS NOT NULL"), postgresql_where=text("made_by_id IS NOT NULL"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    moderator_id: Mapped[int] = mapped_column(ForeignKey("moderator.id", ondelete="CASCADE"), unique=True)
    # Only the hash is stored, so a leaked table gives no access.
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(JSON, default=list)
    # None: by the operator, or by an account that is gone.
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"))
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)

    site: Mapped[Site] = relationship(lazy="joined", innerjoin=True)
    moderator: Mapped[Moderator] = relationship(foreign_keys=[moderator_id], lazy="joined", innerjoin=True)
    made_by: Mapped[Moderator | None] = relationship(foreign_keys=[made_by_id])

    @staticmethod
    def new_secret() -> str:
        """256 random bits after the prefix, by which scanners of source code recognise it."""
        return PREFIX + secrets.token_urlsafe(32)

    @staticmethod
    def hash_of(secret: str) -> str:
        """Without a key or salt: a random token cannot be guessed."""
        return hashlib.sha256(secret.encode()).hexdigest()

    @classmethod
    def with_secret(cls, secret: str) -> "ApiToken | None":
        """The valid token; no query for a text that is none."""
        if not TOKEN.fullmatch(secret):
            return None
        found = db.session.scalar(select(cls).where(cls.token_hash == cls.hash_of(secret)))
        return found if found and found.is_valid else None

    @classmethod
    def of_site(cls, site: Site) -> list["ApiToken"]:
        """The site's tokens that were not revoked, also expired ones, oldest first."""
        query = select(cls).where(cls.site_id == site.id, cls.revoked_at.is_(None))
        return list(db.session.scalars(query.order_by(cls.id)))

    @classmethod
    def count_made_by(cls, moderator: Moderator, site: Site) -> int:
        """Tokens that this person has seen and that still work."""
        return sum(each.made_by_id == moderator.id and each.is_valid for each in cls.of_site(site))

    @classmethod
    def on_site(cls, site: Site, id: int) -> "ApiToken | None":
        query = select(cls).where(cls.site_id == site.id, cls.id == id, cls.revoked_at.is_(None))
        return db.session.scalar(query)

    @property
    def name(self) -> str:
        return self.moderator.name

    @property
    def role(self) -> Role | None:
        return self.moderator.role_on(self.site_id)

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= now()

    @property
    def is_valid(self) -> bool:
        return self.revoked_at is None and not self.is_expired and self.role is not None

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes and self.role is not None and scope in OF_ROLE.get(self.role, ())

    def note_use(self) -> None:
        """Write the time of the last use; of simultaneous requests, one writes."""
        moment = now()
        if self.used_at and moment - NOTED_EVERY < self.used_at <= moment + LEEWAY:
            return
        stale = or_(ApiToken.used_at.is_(None), ~happened_since(ApiToken.used_at, moment - NOTED_EVERY))
        with losable() as connection:
            connection.execute(update(ApiToken).where(ApiToken.id == self.id, stale).values(used_at=moment))

    def __repr__(self) -> str:
        return f"<ApiToken {self.id}>"

"""A screening rule of a site: condition, effect, author, reason and expiry."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, or_, select, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import one_of
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.lib.secrets import BlindIndex, Encrypted
from app.models.moderator import Moderator
from app.models.site import Site


class Subject(StrEnum):
    """What a rule compares with its value."""

    WORD = "word"  # a word or phrase, folded
    PATTERN = "pattern"  # a regular expression
    LINK_DOMAIN = "link_domain"  # a linked host, with subdomains
    AUTHOR = "author"  # id of an author of the site
    EMAIL = "email"  # an address, folded in case
    EMAIL_DOMAIN = "email_domain"  # the part after the @, with subdomains
    ADDRESS = "address"  # a network such as 192.0.2.0/24 or 2001:db8::/56


class Effect(StrEnum):
    """Effect on a matching comment."""

    ALLOW = "allow"  # exception from word rules, or trust for an author
    HOLD = "hold"
    REJECT = "reject"
    SPAM = "spam"


class Rule(Model):
    """Rules are ended, never deleted, so that the log can explain past decisions."""

    __tablename__ = "rule"
    __table_args__ = (
        Index("ix_rule_site", "site_id", "subject", "ended_at"),
        Index("ix_rule_value", "site_id", "subject", "value_index"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    subject: Mapped[str] = mapped_column(String(16))
    effect: Mapped[str] = mapped_column(String(16))
    # Encrypted and indexed, because it may be a person's address.
    value: Mapped[str] = mapped_column(Encrypted)
    value_index: Mapped[str] = mapped_column(BlindIndex)
    reason: Mapped[str] = mapped_column(Text, default="")
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"))
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"))
    # Whether the list that the site publishes may have it; only words and domains can be in it.
    is_shared: Mapped[bool] = mapped_column(default=True, server_default=true())

    site: Mapped[Site] = relationship()
    made_by: Mapped[Moderator | None] = relationship(foreign_keys=[made_by_id])

    @classmethod
    def standing(cls, site: Site, *subjects: Subject) -> list["Rule"]:
        """The site's active rules on these subjects, or all; oldest first."""
        query = select(cls).where(
            cls.site_id == site.id,
            cls.ended_at.is_(None),
            or_(cls.expires_at.is_(None), cls.expires_at > now()),
        )
        if subjects:
            query = query.where(cls.subject.in_(subjects))
        return list(db.session.scalars(query.order_by(cls.id)))

    @classmethod
    def ended(cls, site: Site, limit: int) -> list["Rule"]:
        """The site's ended rules, newest first."""
        over = or_(cls.ended_at.is_not(None), cls.expires_at <= now())
        query = select(cls).where(cls.site_id == site.id, over).order_by(cls.id.desc()).limit(limit)
        return list(db.session.scalars(query))

    @classmethod
    def standing_of(cls, moderator: Moderator) -> list["Rule"]:
        """Active rules of one moderator, newest first."""
        standing = (cls.ended_at.is_(None), or_(cls.expires_at.is_(None), cls.expires_at > now()))
        query = select(cls).where(one_of(cls.site_id, moderator.site_ids), cls.made_by_id == moderator.id, *standing)
        return list(db.session.scalars(query.order_by(cls.id.desc())))

    @classmethod
    def about(cls, site: Site, subject: Subject, value_index: str) -> list["Rule"]:
        """Active rules about the same value."""
        same = (cls.site_id == site.id, cls.subject == subject, cls.value_index == value_index)
        return list(db.session.scalars(select(cls).where(*same, cls.ended_at.is_(None))))

    @classmethod
    def of_site(cls, site_ids: list[int], id: int) -> "Rule | None":
        return db.session.scalar(select(cls).where(cls.id == id, one_of(cls.site_id, site_ids)))

    def __repr__(self) -> str:
        return f"<Rule {self.id}>"

"""A rule: what a site asks of screening about words, links and people; who made it, why, and until when."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, or_, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.lib.secrets import BlindIndex, Encrypted
from app.models.moderator import Moderator
from app.models.site import Site


class Subject(StrEnum):
    """What a rule looks at, and what its value is."""

    WORD = "word"  # words or a phrase, folded before they are compared
    PATTERN = "pattern"  # a regular expression
    LINK_DOMAIN = "link_domain"  # a host that is linked to, with all below it
    AUTHOR = "author"  # an author's id on this site
    EMAIL = "email"  # an address, folded in case
    EMAIL_DOMAIN = "email_domain"  # what follows the @, with all below it
    ADDRESS = "address"  # a network, as 192.0.2.0/24 or 2001:db8::/56


class Effect(StrEnum):
    """What it asks for when it meets a comment."""

    ALLOW = "allow"  # an exception from holding words; trust, for people
    HOLD = "hold"
    REJECT = "reject"
    SPAM = "spam"


class Rule(Model):
    """Rules are ended, never erased, so that the log can tell why a comment was held."""

    __tablename__ = "rule"
    __table_args__ = (
        Index("ix_rule_site", "site_id", "subject", "ended_at"),
        Index("ix_rule_value", "site_id", "subject", "value_index"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    subject: Mapped[str] = mapped_column(String(16))
    effect: Mapped[str] = mapped_column(String(16))
    # May be somebody's address: encrypted like one, and found by its keyed hash.
    value: Mapped[str] = mapped_column(Encrypted)
    value_index: Mapped[str] = mapped_column(BlindIndex)
    reason: Mapped[str] = mapped_column(Text, default="")
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"))
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"))

    site: Mapped[Site] = relationship()
    made_by: Mapped[Moderator | None] = relationship(foreign_keys=[made_by_id])

    @classmethod
    def standing(cls, site: Site, *subjects: Subject) -> list["Rule"]:
        """The site's rules that hold now, oldest first; of these subjects, or of all."""
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
        """The rules of the site that do not hold any more, the newest first."""
        over = or_(cls.ended_at.is_not(None), cls.expires_at <= now())
        query = select(cls).where(cls.site_id == site.id, over).order_by(cls.id.desc()).limit(limit)
        return list(db.session.scalars(query))

    @classmethod
    def standing_of(cls, moderator: Moderator) -> list["Rule"]:
        """The moderator's own rules that hold now, the newest first."""
        standing = (cls.ended_at.is_(None), or_(cls.expires_at.is_(None), cls.expires_at > now()))
        query = select(cls).where(cls.site_id.in_(moderator.site_ids), cls.made_by_id == moderator.id, *standing)
        return list(db.session.scalars(query.order_by(cls.id.desc())))

    @classmethod
    def about(cls, site: Site, subject: Subject, value_index: str) -> list["Rule"]:
        """What stands already about the same value."""
        same = (cls.site_id == site.id, cls.subject == subject, cls.value_index == value_index)
        return list(db.session.scalars(select(cls).where(*same, cls.ended_at.is_(None))))

    @classmethod
    def of_site(cls, site_ids: list[int], id: int) -> "Rule | None":
        return db.session.scalar(select(cls).where(cls.id == id, cls.site_id.in_(site_ids)))

    def __repr__(self) -> str:
        return f"<Rule {self.id}>"

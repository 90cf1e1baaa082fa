"""A legal notice: a person claims that a public comment is illegal or infringes a right. It is answered as a case."""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, func, or_, select, text
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from app.database import one_of
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.lib.ids import MOST
from app.lib.secrets import Encrypted
from app.models.comment import Comment
from app.models.decision import Decision
from app.models.moderator import Moderator
from app.models.site import Site

# Without characters that look alike (Crockford's base 32), so that people can read a number out.
NUMBER_CHARACTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Shown of one comment on its card and in its form.
MOST_SHOWN = 20


class Party(StrEnum):
    """Who acted in a case."""

    NOTIFIER = "notifier"
    AUTHOR = "author"
    MODERATOR = "moderator"
    SYSTEM = "system"


class NoticeState(StrEnum):
    """`inquiry`: the comment's author was asked and may still answer."""

    OPEN = "open"
    INQUIRY = "inquiry"
    CLOSED = "closed"


class Outcome(StrEnum):
    """`removed`: the comment is not public any longer."""

    REMOVED = "removed"
    KEPT = "kept"


class Claim(StrEnum):
    """The right or law that a notice is about."""

    DEFAMATION = "defamation"
    PRIVACY = "privacy"
    COPYRIGHT = "copyright"
    TRADEMARK = "trademark"
    HATE = "hate"
    THREAT = "threat"
    CHILD_ABUSE = "child_abuse"
    OTHER = "other"

    @property
    def label(self) -> Any:
        """The name as a lazy string."""
        return _CLAIMS[self]

    @property
    def may_be_anonymous(self) -> bool:
        """Offences of Directive 2011/93/EU, articles 3 to 7, need no name (Digital Services Act, article 16)."""
        return self == Claim.CHILD_ABUSE


_CLAIMS: dict[str, Any] = {
    Claim.DEFAMATION: _l("Defamation or insult"),
    Claim.PRIVACY: _l("Privacy or personal data"),
    Claim.COPYRIGHT: _l("Copyright"),
    Claim.TRADEMARK: _l("Trademark or business"),
    Claim.HATE: _l("Incitement to hatred"),
    Claim.THREAT: _l("Threat or call for violence"),
    Claim.CHILD_ABUSE: _l("Sexual abuse of children"),
    Claim.OTHER: _l("Another law or right"),
}


def claim_name(code: str) -> Any:
    return _CLAIMS.get(code, code)


def _new_number() -> str:
    drawn = "".join(secrets.choice(NUMBER_CHARACTERS) for _ in range(8))
    return f"{drawn[:4]}-{drawn[4:]}"


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class Notice(Model):
    """Its state is set by app/moderation/notices.py only."""

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("site_id", "number"),
        Index("ix_notice_site", "site_id", "state", "due_at"),
        Index("ix_notice_comment", "comment_id", "id"),
        _partial("ix_notice_decision", "decision_id", where="decision_id IS NOT NULL"),
        # Cases whose clocks run.
        _partial("ix_notice_running", "due_at", where="state <> 'closed'"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"))
    # The number of the receipt; not guessable, but no secret.
    number: Mapped[str] = mapped_column(String(16), default=_new_number)
    claim: Mapped[str] = mapped_column(String(32))
    # As typed by the notifier: the law or right, the explanation, name and address.
    law: Mapped[str] = mapped_column(Encrypted, default="")
    explanation: Mapped[str] = mapped_column(Encrypted, default="")
    name: Mapped[str] = mapped_column(Encrypted, default="")
    email: Mapped[str] = mapped_column(Encrypted, default="")
    lang: Mapped[str] = mapped_column(String(8), default="")
    # The owner of the address confirmed it, or said that they sent no notice.
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    disowned_at: Mapped[datetime | None] = mapped_column(Moment)
    # SHA-256 of the comment's text when the notice was sent.
    sha256: Mapped[str] = mapped_column(String(64), default="")

    state: Mapped[str] = mapped_column(String(16), default=NoticeState.OPEN)
    version: Mapped[int] = mapped_column(default=1)
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    due_at: Mapped[datetime] = mapped_column(Moment)
    reminded_at: Mapped[datetime | None] = mapped_column(Moment)

    # The inquiry to the author: when it was sent, the passed-on text, and `consent`, `objection` or `none`.
    asked_at: Mapped[datetime | None] = mapped_column(Moment)
    question: Mapped[str] = mapped_column(Encrypted, default="")
    answer: Mapped[str] = mapped_column(String(16), default="")

    # The decision with its statement of reasons.
    outcome: Mapped[str] = mapped_column(String(16), default="")
    # "law" or "rules", the provision, and the facts.
    ground: Mapped[str] = mapped_column(String(16), default="")
    provision: Mapped[str] = mapped_column(Encrypted, default="")
    facts: Mapped[str] = mapped_column(Encrypted, default="")
    closed_at: Mapped[datetime | None] = mapped_column(Moment)
    # When the notifier objected to a decision, which they may do once.
    objected_at: Mapped[datetime | None] = mapped_column(Moment)
    # The decision on the comment that closed the case; None if its status did not change.
    decision_id: Mapped[int | None] = mapped_column(ForeignKey("decision.id", ondelete="SET NULL"))

    site: Mapped[Site] = relationship(overlaps="site")
    comment: Mapped[Comment] = relationship()
    decision: Mapped[Decision | None] = relationship()

    @property
    def is_closed(self) -> bool:
        return self.state == NoticeState.CLOSED

    @property
    def is_late(self) -> bool:
        return not self.is_closed and self.due_at <= now()

    @classmethod
    def of_site(cls, site_ids: Collection[int], id: int) -> "Notice | None":
        return db.session.scalar(select(cls).where(cls.id == id, one_of(cls.site_id, site_ids)))

    @classmethod
    def open_on(cls, site_ids: Collection[int], *conditions: Any, limit: int) -> list["Notice"]:
        """Open notices on these sites, the earliest deadline first."""
        waiting = one_of(cls.site_id, site_ids), cls.state.in_((NoticeState.OPEN, NoticeState.INQUIRY)), *conditions
        return list(db.session.scalars(_with_comment().where(*waiting).order_by(cls.due_at, cls.id).limit(limit)))

    @classmethod
    def due_on(
        cls, site: Site, states: Sequence[NoticeState], *, after: tuple[datetime, int] | None, limit: int
    ) -> Sequence["Notice"]:
        """Notices in these states, the earliest deadline first; `after` is deadline and id of the one before."""
        query = select(cls).where(cls.site_id == site.id, cls.state.in_(states)).order_by(cls.due_at, cls.id)
        if after:
            due_at, id = after
            query = query.where(cls.due_at >= due_at, or_(cls.due_at > due_at, cls.id > id))
        return db.session.scalars(query.limit(limit)).all()

    @classmethod
    def count_open(cls, site_ids: Collection[int], *conditions: Any) -> int:
        waiting = one_of(cls.site_id, site_ids), cls.state.in_((NoticeState.OPEN, NoticeState.INQUIRY)), *conditions
        return db.session.scalar(select(func.count()).select_from(cls).where(*waiting)) or 0

    @classmethod
    def closed_on(cls, site_ids: Collection[int], *conditions: Any, before: int = 0, limit: int) -> list["Notice"]:
        """Closed notices on these sites before the notice `before`, newest first."""
        closed = one_of(cls.site_id, site_ids), cls.state == NoticeState.CLOSED, cls.id < (before or MOST), *conditions
        return list(db.session.scalars(_with_comment().where(*closed).order_by(cls.id.desc()).limit(limit)))

    @classmethod
    def newest_of(cls, comment: Comment) -> Sequence["Notice"]:
        """The newest notices about a comment."""
        return db.session.scalars(
            select(cls).where(cls.comment_id == comment.id).order_by(cls.id.desc()).limit(MOST_SHOWN)
        ).all()

    @classmethod
    def open_of(cls, comment_ids: Collection[int]) -> dict[int, list["Notice"]]:
        """Open notices by comment id."""
        found: dict[int, list[Notice]] = {}
        query = select(cls).where(cls.comment_id.in_(comment_ids), cls.state != NoticeState.CLOSED)
        for row in db.session.scalars(query.order_by(cls.id).limit(MOST_SHOWN * max(1, len(comment_ids)))):
            found.setdefault(row.comment_id, []).append(row)
        return found

    @classmethod
    def closed_by(cls, decision: Decision) -> "Notice | None":
        """The notice that this decision on its comment closed."""
        return db.session.scalar(select(cls).where(cls.decision_id == decision.id).order_by(cls.id).limit(1))

    @classmethod
    def removed_from(cls, comment_id: int) -> Sequence["Notice"]:
        """Closed notices because of which the comment is not public."""
        removed = cls.comment_id == comment_id, cls.state == NoticeState.CLOSED, cls.outcome == Outcome.REMOVED
        return db.session.scalars(select(cls).where(*removed).order_by(cls.id)).all()

    @classmethod
    def inquiring(cls) -> Sequence["Notice"]:
        """Notices whose author was asked."""
        asked = cls.state == NoticeState.INQUIRY, text("notice.state <> 'closed'")
        return db.session.scalars(select(cls).where(*asked).order_by(cls.id)).all()

    @classmethod
    def to_remind(cls, before: datetime) -> Sequence["Notice"]:
        """Open notices that are due before then, without a reminder yet."""
        due = cls.state != NoticeState.CLOSED, cls.due_at <= before, cls.reminded_at.is_(None)
        return db.session.scalars(select(cls).where(*due, text("notice.state <> 'closed'")).order_by(cls.due_at)).all()

    def __repr__(self) -> str:
        return f"<Notice {self.id} {self.state}>"


def _with_comment() -> Any:
    return select(Notice).options(
        joinedload(Notice.site, innerjoin=True),
        joinedload(Notice.comment, innerjoin=True).joinedload(Comment.thread, innerjoin=True),
    )


class NoticeEvent(Model):
    """An entry in the log of a case. Rows are inserted and never changed."""

    __tablename__ = "notice_event"
    __table_args__ = (Index("ix_notice_event_notice", "notice_id", "id"), Index("ix_notice_event_site", "site_id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    notice_id: Mapped[int] = mapped_column(ForeignKey("notice.id", ondelete="CASCADE"))
    # A key of EVENTS in app/moderation/notices.py.
    kind: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(16))
    moderator_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"))
    text: Mapped[str] = mapped_column(Encrypted, default="")
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)

    notice: Mapped[Notice] = relationship()
    moderator: Mapped[Moderator | None] = relationship()

    @classmethod
    def all_of(cls, notice: Notice) -> list["NoticeEvent"]:
        """Oldest first."""
        query = select(cls).where(cls.notice_id == notice.id).options(joinedload(cls.moderator))
        return list(db.session.scalars(query.order_by(cls.id)))

    def __repr__(self) -> str:
        return f"<NoticeEvent {self.id} {self.kind}>"

"""A checker: another program that a site asks about each comment, and its answers."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import JSON, ForeignKey, Index, String, bindparam, delete, select, update
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, is_running, now
from app.lib.secrets import Encrypted, is_unreadable
from app.models.comment import Comment
from app.models.delivery import TO_CHECKER
from app.models.site import Site

LONGEST_NAME = 80
LONGEST_URL = 500
# Allowed values.
SECONDS, PERCENT, LEAST_PRECISION = range(1, 31), range(1, 101), range(1, 100)
MOST_LANGS, LONGEST_LANG = 20, 8
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=1)
# Answers older than this say little about the checker of today.
KEPT = timedelta(days=365)


class Mode(StrEnum):
    SHADOW = "shadow"  # its answers are only counted
    HOLD = "hold"  # its answers can hold comments
    OFF = "off"


class Said(StrEnum):
    """A checker's verdict: what it expects a moderator to decide."""

    FINE = "fine"
    REJECT = "reject"
    SPAM = "spam"


class Trouble(StrEnum):
    """Why there is no verdict."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    STATUS = "status"  # another status than 200
    NONSENSE = "nonsense"  # the answer has another form
    SECRET = "secret"  # noqa: S105 (cannot be decrypted)


class Checker(Model):
    __tablename__ = "checker"
    __table_args__ = (Index("ix_checker_site", "site_id", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(LONGEST_NAME * 4))
    # The query may be an access token.
    url: Mapped[str] = mapped_column(Encrypted)
    # Signs the questions (app/lib/signed_request.py).
    secret: Mapped[str] = mapped_column(Encrypted, default="")
    mode: Mapped[str] = mapped_column(String(8), default=Mode.OFF)
    timeout_s: Mapped[int] = mapped_column(default=5)
    # Confidence in percent from which an answer against a comment holds it.
    threshold: Mapped[int] = mapped_column(default=80)
    # Percent of the comments that it holds which moderators must reject.
    least_precision: Mapped[int] = mapped_column(default=50)
    # Languages of the pages whose comments it is asked about; none: all.
    langs: Mapped[list[str]] = mapped_column(JSON, default=list)
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # Earlier answers came from another address.
    counted_from: Mapped[datetime] = mapped_column(Moment, default=now)
    # After a failure it is not asked until then (circuit breaker of all workers).
    paused_until: Mapped[datetime | None] = mapped_column(Moment)
    failures: Mapped[int] = mapped_column(default=0)
    # Why it went back to shadow mode by itself: precision or errors; '' if it did not.
    returned: Mapped[str] = mapped_column(String(16), default="")
    mode_since: Mapped[datetime] = mapped_column(Moment, default=now)

    site: Mapped[Site] = relationship(lazy="joined", innerjoin=True)

    @classmethod
    def of_site(cls, site: Site) -> Sequence["Checker"]:
        return db.session.scalars(select(cls).where(cls.site_id == site.id).order_by(cls.id)).all()

    @classmethod
    def on_site(cls, site: Site, id: int) -> "Checker | None":
        return db.session.scalar(select(cls).where(cls.site_id == site.id, cls.id == id))

    @classmethod
    def active_on(cls, site: Site) -> Sequence["Checker"]:
        """The site's checkers that are asked."""
        ids = db.session.connection().scalars(_ACTIVE, {"site": site.id}).all()
        return db.session.scalars(select(cls).where(cls.id.in_(ids)).order_by(cls.id)).all() if ids else ()

    @classmethod
    def to_ask(cls, *, failing: bool | None = None) -> dict[int, int]:
        """Ids of all checkers that are not paused, each with its site's id. `failing`: only those whose last answer was
        an error, or only the others."""
        rows = db.session.execute(select(cls.id, cls.site_id, cls.paused_until, cls.failures)).all()
        wanted = [row for row in rows if failing is None or failing == (row.failures > 0)]
        return {id: site for id, site, until, _failures in wanted if not is_running(until, LONGEST_PAUSE)}

    @classmethod
    def may_be_asked(cls, id: int) -> bool:
        until = db.session.execute(select(cls.paused_until).where(cls.id == id)).first()
        return until is not None and not is_running(until[0], LONGEST_PAUSE)

    @property
    def kind(self) -> str:
        return kind_of(self.id)

    @property
    def shown_url(self) -> str:
        """Without what could be an access token."""
        if is_unreadable(self.url):
            return str(self.url)
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{parts.path}" + ("?…" if parts.query else "")

    @property
    def is_readable(self) -> bool:
        """True if it can be asked: its address and secret can be decrypted."""
        return bool(self.url and self.secret)

    @property
    def holds(self) -> bool:
        return self.mode == Mode.HOLD

    @property
    def mode_asks(self) -> bool:
        return self.mode != Mode.OFF

    @property
    def is_paused(self) -> bool:
        return is_running(self.paused_until, LONGEST_PAUSE)

    def is_asked_about(self, lang: str) -> bool:
        """True if it reads this language. In shadow mode, it is spared while it fails."""
        return (not self.langs or lang in self.langs) and (self.holds or not self.is_paused)

    def flags(self, verdict: str, confidence: float | None) -> bool:
        """True if this answer speaks against a comment, with enough confidence."""
        return verdict in (Said.REJECT, Said.SPAM) and (confidence or 0) * 100 >= self.threshold

    def set_mode(self, mode: Mode, returned: str = "") -> None:
        self.mode, self.returned, self.mode_since = mode, returned, now()

    def note_failure(self) -> None:
        """Pause it, longer with each failure."""
        self.paused_until = now() + min(FIRST_PAUSE * 2 ** min(self.failures, 10), LONGEST_PAUSE)
        self.failures = min(self.failures + 1, 1_000)

    def note_answer(self) -> None:
        self.failures, self.paused_until = 0, None

    def __repr__(self) -> str:
        return f"<Checker {self.id}>"


_columns = Checker.__table__.c
# Each comment runs it, mostly for no checker.
_ACTIVE = select(_columns.id).where(_columns.site_id == bindparam("site"), _columns.mode != Mode.OFF)


class CheckerAnswer(Model):
    """The newest answer of a checker about a comment, or why there is none."""

    __tablename__ = "checker_answer"
    __table_args__ = (
        Index("uq_checker_answer_comment", "comment_id", "checker_id", unique=True),
        Index("ix_checker_answer_checker", "checker_id", "id"),
        Index("ix_checker_answer_site", "site_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    checker_id: Mapped[int] = mapped_column(ForeignKey("checker.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"))
    # Moderators saw it on the card, before they decided.
    shown: Mapped[bool] = mapped_column(default=False)
    # A verdict with its confidence from 0 to 1, or a trouble.
    verdict: Mapped[str] = mapped_column(String(8), default="")
    confidence: Mapped[float | None]
    reasons: Mapped[list[str]] = mapped_column(JSON, default=list)
    trouble: Mapped[str] = mapped_column(String(16), default="")
    ms: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=1)
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)

    comment: Mapped[Comment] = relationship()

    @classmethod
    def replace(cls, checker: Checker, comment: Comment, **answer: Any) -> "CheckerAnswer":
        """Store the newest answer; `tries` counts those without a verdict. The caller holds the comment's lock."""
        same = cls.checker_id == checker.id, cls.comment_id == comment.id
        before = db.session.scalar(select(cls).where(*same))
        failed = before.tries if before and before.trouble else 0
        if before:
            # A new row, so that ids are in the order of the answers.
            db.session.delete(before)
            db.session.flush()
        made = cls(site_id=comment.site_id, checker_id=checker.id, comment_id=comment.id, tries=failed + 1, **answer)
        db.session.add(made)
        db.session.flush()
        return made

    @classmethod
    def newest_of(cls, checker: Checker, limit: int) -> Sequence["CheckerAnswer"]:
        """The newest first."""
        query = select(cls).where(cls.checker_id == checker.id).order_by(cls.id.desc()).limit(limit)
        return db.session.scalars(query).all()

    @classmethod
    def forget_reasons(cls, comment_ids: Collection[int]) -> None:
        """The reasons may quote a comment whose text was deleted."""
        rows_changed(update(cls).where(cls.comment_id.in_(comment_ids)).values(reasons=[]))

    @classmethod
    def forget_before(cls, moment: datetime) -> int:
        return rows_changed(delete(cls).where(cls.made_at < moment))

    def __repr__(self) -> str:
        return f"<CheckerAnswer {self.id}>"


def kind_of(checker_id: int) -> str:
    """The kind of its questions in the outbox."""
    return f"{TO_CHECKER}{checker_id}"

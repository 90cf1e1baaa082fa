"""A delivery of the outbox, inserted in the transaction that caused it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import ColumnElement, ForeignKey, Index, String, Text, and_, func, or_, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, happened_since, is_over, latest, now
from app.lib.secrets import BlindIndex, Encrypted
from app.models.comment import Comment
from app.models.decision import Decision

# Emails that tell an author the status of a comment.
ANSWER, CORRECTION = "answer", "correction"
# The same after a legal notice, with a statement of reasons.
STATEMENT = "statement"
# Beginning of the kinds of questions to checkers, one kind for each (checker.py).
TO_CHECKER = "checker "
# All of them, in metrics.
CHECKERS = "checkers"
# Longest pause between two tries.
LONGEST_PAUSE = timedelta(hours=6)
# An older email does not count towards the daily limit of an address.
LONGEST_QUEUED = timedelta(days=7)
# Unsent, with a failed try.
FAILED = "done_at IS NULL AND first_due_at IS NOT NULL"
# A worker that has not finished by then counts as dead, and its claim as free.
CLAIM_LEASE = timedelta(minutes=5)


class Delivery(Model):
    __tablename__ = "delivery"
    __table_args__ = (
        Index("ix_delivery_recipient", "recipient", "created_at"),
        Index(
            "ix_delivery_due", "due_at",
            sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL"),
        ),
        Index(
            "ix_delivery_done", "outcome",
            sqlite_where=text("done_at IS NOT NULL"), postgresql_where=text("done_at IS NOT NULL"),
        ),
        Index(
            "ix_delivery_finished", "kind", "done_at",
            sqlite_where=text("done_at IS NOT NULL"), postgresql_where=text("done_at IS NOT NULL"),
        ),
        Index(
            "ix_delivery_decision", "decision_id",
            sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL"),
        ),
        Index(
            "ix_delivery_comment", "comment_id",
            sqlite_where=text("comment_id IS NOT NULL"), postgresql_where=text("comment_id IS NOT NULL"),
        ),
        Index(
            "ix_delivery_failed", "kind", "first_due_at",
            sqlite_where=text(FAILED), postgresql_where=text(FAILED),
        ),
        Index(
            "ix_delivery_site", "site_id",
            sqlite_where=text("site_id IS NOT NULL"), postgresql_where=text("site_id IS NOT NULL"),
        ),
        # At most one unsent email of a kind about one subject to one person.
        Index(
            "uq_delivery_waiting", "once", unique=True,
            sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    # None: a digest about all sites of a moderator.
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(32))
    once: Mapped[str | None] = mapped_column(String(100))
    moderator_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="CASCADE"))
    # A later decision recalls the delivery of this one if it is unsent.
    decision_id: Mapped[int | None] = mapped_column(Id)
    comment_id: Mapped[int | None] = mapped_column(Id)
    payload: Mapped[str] = mapped_column(Encrypted, default="")
    # Keyed hash of the address, for counting its emails.
    recipient: Mapped[str | None] = mapped_column(BlindIndex)
    # The same in every retry, so that receivers recognise a duplicate.
    message_id: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    due_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # When it was due before the first failure; None without a failure.
    first_due_at: Mapped[datetime | None] = mapped_column(Moment)
    failures: Mapped[int] = mapped_column(default=0)
    claimed_at: Mapped[datetime | None] = mapped_column(Moment)
    attempts: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None] = mapped_column(Moment)
    # sent, nothing to say, gave up, or recalled.
    outcome: Mapped[str] = mapped_column(String(16), default="")
    error: Mapped[str] = mapped_column(Text, default="")

    @classmethod
    def due(cls, kinds: Iterable[str], limit: int = 20) -> list[int]:
        """Ids of due deliveries without a claim, oldest first."""
        return [id for id, _claimed_at in cls.due_with_claims(kinds, limit)]

    @classmethod
    def due_with_claims(cls, kinds: Iterable[str], limit: int = 20) -> list[tuple[int, datetime | None]]:
        """The same, each with the time of an earlier claim whose lease is over, else None."""
        rows = db.session.execute(
            select(cls.id, cls.claimed_at)
            .where(cls.done_at.is_(None), cls._is_due(), cls._free(), cls.kind.in_(kinds))
            .order_by(cls.due_at, cls.id).limit(limit)
        )  # fmt: skip
        return [(row.id, row.claimed_at) for row in rows]

    @classmethod
    def kinds_due(cls, kinds: Iterable[str]) -> list[str]:
        """Those of these kinds that have a due delivery without a claim, first the one that waits longest."""
        due = select(cls.kind).where(cls.done_at.is_(None), cls._is_due(), cls._free(), cls.kind.in_(kinds))
        return list(db.session.scalars(due.group_by(cls.kind).order_by(func.min(cls.due_at))))

    @classmethod
    def count_to(cls, recipient: str, since: datetime, *kinds: str) -> int:
        """Number of emails to an address since then, of these kinds or of all."""
        query = (
            select(func.count())
            .select_from(cls)
            .where(cls.recipient == recipient, happened_since(cls.created_at, since))
        )
        return db.session.scalar(query.where(cls.kind.in_(kinds)) if kinds else query) or 0

    @classmethod
    def count_sent(cls, recipient: str, since: datetime) -> int:
        """How many emails of all kinds were sent to an address since then, or are on their way."""
        begun = and_(cls.done_at.is_(None), cls.once.is_(None))
        sent = and_(cls.outcome == "sent", happened_since(cls.done_at, since))
        query = select(func.count()).select_from(cls).where(cls.recipient == recipient, or_(begun, sent))
        # A queued email may wait for days until its turn.
        return db.session.scalar(query.where(happened_since(cls.created_at, since - LONGEST_QUEUED))) or 0

    @classmethod
    def claim(cls, id: int, seen: datetime | None = None) -> bool:
        """Claim it for this worker, in place of the claim that was `seen`; False if another one was faster.

        The lease alone does not tell: by the clock of another machine, a new claim may be an hour old.
        """
        free = cls.id == id, cls.done_at.is_(None), cls._free(), cls.claimed_at.is_not_distinct_from(seen)
        return rows_changed(update(cls).where(*free).values(claimed_at=now(), attempts=cls.attempts + 1)) == 1

    @classmethod
    def recall(cls, comment_id: int, *kinds: str) -> int:
        """Cancel unsent deliveries of earlier decisions on this comment, of these kinds or all; returns their
        number."""
        caused = select(Decision.id).where(Decision.comment_id == comment_id)
        unsent = update(cls).where(cls.decision_id.in_(caused), cls.done_at.is_(None), cls._free())
        unsent = unsent.where(cls.kind.in_(kinds)) if kinds else unsent
        return rows_changed(unsent.values(done_at=now(), outcome="recalled"))

    @classmethod
    def comments_waiting(cls, kind: str) -> list[int]:
        """Ids of the comments with an unsent delivery of this kind."""
        query = select(cls.comment_id).where(cls.kind == kind, cls.done_at.is_(None), cls.comment_id.is_not(None))
        return [id for id in db.session.scalars(query.order_by(cls.comment_id)) if id is not None]

    @classmethod
    def end_unsent(cls, kind: str) -> int:
        """End all unsent deliveries of a kind that nothing sends any more; returns their number."""
        unsent = update(cls).where(cls.kind == kind, cls.done_at.is_(None))
        return rows_changed(unsent.values(done_at=now(), outcome="recalled"))

    @classmethod
    def last_begun(cls, kind: str, moderator_id: int) -> str:
        """Payload of the last such delivery to this recipient that was started; '' if none."""
        return db.session.scalar(
            select(cls.payload)
            .where(cls.kind == kind, cls.moderator_id == moderator_id, cls.once.is_(None))
            .order_by(cls.id.desc()).limit(1)
        ) or ""  # fmt: skip

    @classmethod
    def newest_about(cls, comment: Comment, kind: str, *, limit: int = 1) -> Sequence["Delivery"]:
        """The newest first."""
        about = select(cls).where(cls.comment_id == comment.id, cls.kind == kind)
        return db.session.scalars(about.order_by(cls.id.desc()).limit(limit)).all()

    @classmethod
    def sent_before(cls, delivery: "Delivery", kind: str) -> Sequence[str]:
        """Payloads of earlier emails of this kind about the same comment that were sent."""
        earlier = cls.comment_id == delivery.comment_id, cls.kind == kind, cls.id < delivery.id, cls.outcome == "sent"
        return db.session.scalars(select(cls.payload).where(*earlier)).all()

    @classmethod
    def last_told(cls, comment: Comment, before: int | None = None) -> str | None:
        """The status in the last email to the author about this comment, also one that is being sent; None if none.

        `before` leaves out that delivery and later ones.
        """
        told = select(Decision.to_status).join(cls, cls.decision_id == Decision.id).where(*cls._told([comment.id]))
        if before:
            told = told.where(cls.id < before)
        return db.session.scalar(told.order_by(cls.id.desc()).limit(1))

    @classmethod
    def count_told(cls, comment_ids: Sequence[int], decision_ids: Sequence[int]) -> int:
        """Number of these decisions, on these comments, that their authors were told by email."""
        told = select(func.count()).select_from(cls).where(*cls._told(comment_ids), cls.decision_id.in_(decision_ids))
        return db.session.scalar(told) or 0

    @classmethod
    def count_waiting(cls, kind: str, decision_ids: Sequence[int]) -> int:
        waiting = cls.kind == kind, cls.done_at.is_(None), cls.decision_id.in_(decision_ids)
        return db.session.scalar(select(func.count()).select_from(cls).where(*waiting)) or 0

    @classmethod
    def was_recalled(cls, comment: Comment, status: str, *, but: Sequence[str] = ()) -> bool:
        """True if an email with this status was recalled before it was sent, `but` for decisions with these
        reasons."""
        recalled = cls.comment_id == comment.id, cls.kind == ANSWER, cls.outcome == "recalled"
        query = select(cls.id).join(Decision, Decision.id == cls.decision_id).where(*recalled)
        query = query.where(Decision.to_status == status, Decision.reason.not_in(but))
        return db.session.scalar(query.limit(1)) is not None

    @classmethod
    def has_told(cls, comment: Comment, reason: str) -> bool:
        """True if the author was emailed a decision with this reason."""
        query = select(cls.id).join(Decision, Decision.id == cls.decision_id).where(*cls._told([comment.id]))
        return db.session.scalar(query.where(Decision.reason == reason).limit(1)) is not None

    @classmethod
    def overdue_since(cls, bulk: str) -> datetime | None:
        """First due time of the longest overdue delivery; None if none is overdue. Retries do not change it.

        Thousands of the kind `bulk` may be due at once. One that was not tried yet is overdue since the last one of
        its kind was sent: until then it waited for its turn. Questions to a site's checkers wait while one is slow or
        away, which is no fault of the installation.
        """
        failed = cls.first_due_at.is_not(None)
        prompt = cls._earliest_due(or_(failed, and_(cls.kind != bulk, cls.due_at <= now())))
        in_turn = cls._earliest_due(and_(~failed, cls.kind == bulk, cls.due_at <= now()))
        if in_turn:
            in_turn = max(in_turn, cls.last_done(bulk) or in_turn)
        return min(filter(None, (prompt, in_turn)), default=None)

    @classmethod
    def _earliest_due(cls, condition: ColumnElement[bool]) -> datetime | None:
        first = func.min(func.coalesce(cls.first_due_at, cls.due_at), type_=Moment)
        ours = cls.kind.not_like(f"{TO_CHECKER}%")
        return db.session.scalar(select(first).where(cls.done_at.is_(None), ours, condition))

    @classmethod
    def last_done(cls, kind: str) -> datetime | None:
        done = select(func.max(cls.done_at, type_=Moment)).where(cls.kind == kind, cls.done_at <= latest())
        return db.session.scalar(done)

    @classmethod
    def failing(cls) -> int:
        """Number of waiting deliveries that failed before."""
        return db.session.scalar(
            select(func.count()).select_from(cls).where(cls.done_at.is_(None), cls.first_due_at.is_not(None))
        ) or 0  # fmt: skip

    @classmethod
    def _told(cls, comment_ids: Sequence[int]) -> tuple[ColumnElement[bool], ...]:
        gone = or_(cls.outcome == "sent", and_(cls.done_at.is_(None), ~cls._free()))
        return cls.comment_id.in_(comment_ids), cls.kind.in_((ANSWER, CORRECTION, STATEMENT)), gone

    @classmethod
    def _free(cls) -> ColumnElement[bool]:
        return or_(cls.claimed_at.is_(None), ~happened_since(cls.claimed_at, now() - CLAIM_LEASE))

    @classmethod
    def _is_due(cls) -> ColumnElement[bool]:
        """Due now, or later than a correct clock could have set."""
        return or_(is_over(cls.due_at, _longest_wait()), cls.created_at > latest())

    def finish(self, outcome: str, error: str = "") -> None:
        self.done_at, self.outcome, self.error = now(), outcome, error

    def fail(self) -> None:
        """Record a failed try; schedule a retry or give up."""
        self.first_due_at, self.failures = self.first_due_at or self.due_at, self.failures + 1

    def retry(self, after: timedelta, error: str) -> None:
        self.claimed_at, self.due_at, self.error = None, now() + after, error

    def put_off(self, until: datetime) -> str:
        """Postpone without counting a try; returns the outcome ''."""
        due = min(until, now() + _longest_wait())
        self.claimed_at, self.due_at, self.attempts, self.first_due_at = None, due, self.attempts - 1, None
        return ""


def group_of(kind: str) -> str:
    """The kind, or one name for the questions to all checkers: metrics must not have a value for each of them."""
    return CHECKERS if kind.startswith(TO_CHECKER) else kind


def _longest_wait() -> timedelta:
    seconds = max(current_app.config["DIGEST_EVERY"], current_app.config["UNDO_WINDOW"])
    return max(2 * LONGEST_PAUSE, timedelta(seconds=seconds))

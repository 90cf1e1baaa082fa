"""An import or export that an administrator started in the browser. The worker runs it."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    String,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, happened_since, now
from app.lib.watch import Watch
from app.models.moderator import Moderator
from app.models.site import Site

# A worker that has saved no progress for so long counts as dead; sorting a large file takes minutes.
CLAIM_LEASE = timedelta(minutes=10)
# A job that ends its worker each time, such as by running out of memory, is given up.
MOST_ATTEMPTS = 10
# Jobs that are looked at for the next one: the claimed ones, at most one for each worker, and some more.
AMONG = 100
LONGEST_NAME = 200  # characters


class JobKind(StrEnum):
    IMPORT = "import"
    EXPORT = "export"


class JobState(StrEnum):
    """`CHECKING` is a dry run. The worker runs jobs in `CHECKING` and `RUNNING`."""

    UPLOADING = "uploading"
    CHECKING = "checking"
    CHECKED = "checked"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


NEXT: dict[JobState, frozenset[JobState]] = {
    JobState.UPLOADING: frozenset({JobState.CHECKING, JobState.STOPPED}),
    JobState.CHECKING: frozenset({JobState.CHECKED, JobState.FAILED, JobState.STOPPED}),
    JobState.CHECKED: frozenset({JobState.CHECKING, JobState.RUNNING, JobState.STOPPED}),
    JobState.RUNNING: frozenset({JobState.DONE, JobState.FAILED, JobState.STOPPED}),
    # With their file they can be checked again.
    JobState.STOPPED: frozenset({JobState.CHECKING}),
    JobState.FAILED: frozenset({JobState.CHECKING}),
    JobState.DONE: frozenset(),
}
AT_WORK = (JobState.CHECKING, JobState.RUNNING)


class Job(Model):
    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_site", "site_id", "id"),
        Index("ix_job_state", "state"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(8))
    state: Mapped[str] = mapped_column(String(12))
    # Of an export, or the one that was detected in an import.
    format: Mapped[str] = mapped_column(String(16), default="")
    # As typed by the administrator's computer: shown, never a path.
    name: Mapped[str] = mapped_column(String(LONGEST_NAME), default="")
    options: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    # Name in the folder for transfers; '' if there is no file, or none any more.
    file: Mapped[str] = mapped_column(String(64), default="")
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    received: Mapped[int] = mapped_column(BigInteger, default=0)
    phase: Mapped[str] = mapped_column(String(12), default="")
    done: Mapped[int] = mapped_column(BigInteger, default=0)
    share: Mapped[float] = mapped_column(Float, default=0.0)
    began_at: Mapped[datetime | None] = mapped_column(Moment)
    progressed_at: Mapped[datetime | None] = mapped_column(Moment)
    report: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    stop_wanted: Mapped[bool] = mapped_column(default=False)
    claim: Mapped[str | None] = mapped_column(String(32))
    claimed_at: Mapped[datetime | None] = mapped_column(Moment)
    attempts: Mapped[int] = mapped_column(default=0)
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    changed_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # Who did what and when: [{"what", "by" (a moderator's id), "at"}].
    events: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)

    site: Mapped[Site] = relationship()

    @classmethod
    def of_site(cls, site: Site, id: int, *, lock: bool = False) -> "Job | None":
        query = select(cls).where(cls.site_id == site.id, cls.id == id)
        return db.session.scalar(query.with_for_update() if lock else query)

    @classmethod
    def newest_of(cls, site: Site, limit: int) -> list["Job"]:
        return list(db.session.scalars(select(cls).where(cls.site_id == site.id).order_by(cls.id.desc()).limit(limit)))

    @classmethod
    def count_files(cls, site: Site) -> int:
        return db.session.scalar(select(func.count()).where(cls.site_id == site.id, cls.file != "")) or 0

    @classmethod
    def bytes_of_all(cls) -> int:
        """Bytes of all files, including announced ones."""
        return int(db.session.scalar(select(func.sum(cls.size)).where(cls.file != "")) or 0)

    @classmethod
    def runs_on(cls, site: Site, kind: JobKind) -> bool:
        running = cls.site_id == site.id, cls.kind == kind, cls.state == JobState.RUNNING
        return db.session.scalar(select(cls.id).where(*running).limit(1)) is not None

    @classmethod
    def claim_next(cls, claim: str, watch: Watch | None = None) -> int | None:
        """Claim the job that waits longest; None if none waits. The caller commits.

        With `watch`, a worker's claim is taken over only after it was watched for a while: where two machines have
        different clocks, its lease may seem to be over.
        """
        found = next((row for row in cls._free_or_claimed() if cls._may_take(row, watch)), None)
        if found is None:
            return None
        seen = cls.id == found.id, cls.state.in_(AT_WORK), cls.claimed_at.is_not_distinct_from(found.claimed_at)
        given = {"claim": claim, "claimed_at": now(), "attempts": cls.attempts + 1}
        return int(found.id) if rows_changed(update(cls).where(*seen).values(given)) else None

    @classmethod
    def _free_or_claimed(cls) -> Sequence[Any]:
        """The oldest first."""
        columns = cls.id, cls.claim, cls.claimed_at, cls._is_free().label("is_free")
        query = select(*columns).where(cls.state.in_(AT_WORK), or_(cls._is_free(), cls.claim.is_not(None)))
        return db.session.execute(query.order_by(cls.id).limit(AMONG)).all()

    @staticmethod
    def _may_take(row: Any, watch: Watch | None) -> bool:
        is_silent = not (watch and row.claim) or watch.is_silent(row.id, row.claimed_at)
        return bool(row.is_free) and is_silent

    @classmethod
    def release(cls, claim: str, *, tried: bool) -> None:
        """Give a claim back; `tried` counts the attempt."""
        attempts = cls.attempts if tried else cls.attempts - 1
        given = {"claim": None, "claimed_at": None, "attempts": attempts}
        rows_changed(update(cls).where(cls.claim == claim).values(given))

    @classmethod
    def put_off(cls, claim: str, phase: str, wait: timedelta) -> None:
        """Give a claim back without counting the attempt; after `wait`, any worker may claim the job."""
        given = {"claim": None, "claimed_at": now() - CLAIM_LEASE + wait, "attempts": cls.attempts - 1, "phase": phase}
        rows_changed(update(cls).where(cls.claim == claim).values(given))

    @classmethod
    def _is_free(cls) -> ColumnElement[bool]:
        return or_(cls.claimed_at.is_(None), ~happened_since(cls.claimed_at, now() - CLAIM_LEASE))

    @classmethod
    def with_expired_file(cls, before: datetime) -> list["Job"]:
        old = cls.file != "", cls.changed_at < before, cls.state.not_in(AT_WORK)
        return list(db.session.scalars(select(cls).where(*old).order_by(cls.id).limit(100)))

    @classmethod
    def forget_before(cls, before: datetime) -> int:
        return rows_changed(delete(cls).where(cls.file == "", cls.changed_at < before, cls.state.not_in(AT_WORK)))

    @classmethod
    def unknown_files(cls, names: Collection[str]) -> set[str]:
        return set(names) - set(db.session.scalars(select(cls.file).where(cls.file.in_(names))))

    @property
    def is_at_work(self) -> bool:
        return self.state in AT_WORK

    @property
    def is_claimed(self) -> bool:
        return self.claim is not None and self.claimed_at is not None and now() - CLAIM_LEASE < self.claimed_at

    @property
    def rate(self) -> float:
        """Records a second in the current phase, 0 if unknown."""
        return self.done / self._seconds if self._seconds >= 1 else 0

    @property
    def seconds_left(self) -> float | None:
        """Of the current phase; None if unknown."""
        return self._seconds / self.share - self._seconds if self.share >= 0.01 and self._seconds >= 1 else None

    @property
    def _seconds(self) -> float:
        return (self.progressed_at - self.began_at).total_seconds() if self.progressed_at and self.began_at else 0

    def can(self, state: JobState) -> bool:
        return state in NEXT[JobState(self.state)]

    def move_to(self, state: JobState) -> None:
        if not self.can(state):
            raise ValueError(f"{self.state} does not lead to {state}")
        self.state, self.changed_at = state, now()
        self.phase, self.done, self.share, self.began_at, self.progressed_at = "", 0, 0.0, None, None
        self.claim, self.claimed_at, self.stop_wanted, self.attempts = None, None, False, 0

    def note(self, what: str, by: Moderator) -> None:
        self.events = [*self.events[-49:], {"what": what, "by": by.id, "at": now().isoformat()}]

    def __repr__(self) -> str:
        return f"<Job {self.id}: {self.kind} {self.state}>"

"""Heartbeats of the workers, for health checks."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import String, delete, func, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import Model, db
from app.lib.clock import Moment, latest, now

EVERY = timedelta(seconds=10)
# Longer than a slow delivery to one mail server.
LATE_AFTER = timedelta(minutes=3)
# This many deaths within this time count as a crash loop.
MANY_DEATHS, LATELY = 3, timedelta(minutes=10)
SILENT_AFTER = 3 * EVERY


class Heartbeat(Model):
    """One row for each worker that runs or has crashed; a clean stop deletes it."""

    __tablename__ = "heartbeat"

    worker: Mapped[str] = mapped_column(String(100), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(Moment, default=now)
    started_at: Mapped[datetime | None] = mapped_column(Moment, default=now)
    # Names of tasks whose last run failed, separated by spaces.
    failing: Mapped[str] = mapped_column(String(200), default="")

    @classmethod
    def beat(cls, worker: str, failing: Iterable[str] = ()) -> None:
        told = " ".join(sorted(failing))[:200]
        changed = rows_changed(update(cls).where(cls.worker == worker).values(seen_at=now(), failing=told))
        if not changed:
            db.session.add(cls(worker=worker, failing=told))
            db.session.flush()

    @classmethod
    def stop(cls, worker: str) -> None:
        db.session.execute(delete(cls).where(cls.worker == worker))

    @classmethod
    def last_seen(cls) -> datetime | None:
        """When a worker was last seen; None if none is running."""
        return db.session.scalar(select(func.max(cls.seen_at)).where(cls.seen_at <= latest()))

    @classmethod
    def is_late(cls) -> bool:
        seen = cls.last_seen()
        return seen is None or seen < now() - LATE_AFTER

    @classmethod
    def alive(cls) -> int:
        """Number of workers that were seen lately."""
        alive = cls.seen_at > now() - LATE_AFTER, cls.seen_at <= latest()
        return db.session.scalar(select(func.count()).select_from(cls).where(*alive)) or 0

    @classmethod
    def state(cls) -> str:
        """late: no worker is alive. restarting: workers keep crashing. failing: a task fails. Otherwise ok."""
        if cls.is_late():
            return "late"
        if cls.deaths() >= MANY_DEATHS:
            return "restarting"
        return "failing" if cls.failing_tasks() else "ok"

    @classmethod
    def deaths(cls) -> int:
        """Number of recently started workers that vanished without a clean stop."""
        lately, silent = cls.started_at > now() - LATELY, cls.seen_at < now() - SILENT_AFTER
        return db.session.scalar(select(func.count()).select_from(cls).where(lately, silent)) or 0

    @classmethod
    def failing_tasks(cls) -> list[str]:
        """Failing tasks of the workers that are alive."""
        alive = cls.seen_at > now() - LATE_AFTER
        return sorted({name for told in db.session.scalars(select(cls.failing).where(alive)) for name in told.split()})

    @classmethod
    def forget_before(cls, moment: datetime) -> int:
        return rows_changed(delete(cls).where(or_(cls.seen_at < moment, cls.seen_at > latest())))

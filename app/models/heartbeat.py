"""A heartbeat: when the worker was last seen alive, for those who ask whether letters will go out."""

from datetime import datetime, timedelta

from sqlalchemy import String, delete, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db, rows_changed
from app.lib.clock import Moment, now

EVERY = timedelta(seconds=10)
# Longer than one letter to a mail server that lets every answer take its time.
LATE_AFTER = timedelta(minutes=3)


class Heartbeat(db.Model):
    """One row for each worker process that runs, or ran and was not stopped cleanly."""

    __tablename__ = "heartbeat"

    worker: Mapped[str] = mapped_column(String(100), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(Moment, default=now)

    @classmethod
    def beat(cls, worker: str) -> None:
        changed = rows_changed(update(cls).where(cls.worker == worker).values(seen_at=now()))
        if not changed:
            db.session.add(cls(worker=worker))
            db.session.flush()

    @classmethod
    def stop(cls, worker: str) -> None:
        db.session.execute(delete(cls).where(cls.worker == worker))

    @classmethod
    def last_seen(cls) -> datetime | None:
        """When any worker was last seen; None when none was started, or all were stopped."""
        return db.session.scalar(select(func.max(cls.seen_at)))

    @classmethod
    def is_late(cls) -> bool:
        seen = cls.last_seen()
        return seen is None or seen < now() - LATE_AFTER

    @classmethod
    def forget_before(cls, moment: datetime) -> int:
        return rows_changed(delete(cls).where(cls.seen_at < moment))

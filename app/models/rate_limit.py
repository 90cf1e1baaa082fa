"""Rate limits by subject, stored in the database so that all processes share them."""

from collections.abc import Sequence
from math import ceil
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, String, bindparam, case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from app.database import losable, rows_changed
from app.extensions import Model, db
from app.lib.clock import now

# Largest clock difference between machines.
LEEWAY_MS = 60_000


class Rate(NamedTuple):
    """`burst` requests at once, and one more every `seconds`."""

    burst: int
    seconds: float


class RateLimit(Model):
    """Generic cell rate algorithm (ITU-T I.371): one row for each subject; `due_ms` is when the limit is fully
    restored.

    Taking is one statement, so two processes cannot both take the last request. The subject is a keyed hash without key
    tag, so a new key resets all limits. Rows past `due_ms` can be deleted.
    """

    __tablename__ = "rate_limit"

    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    due_ms: Mapped[int] = mapped_column(BigInteger)

    @classmethod
    def take(cls, subject: str, rate: Rate) -> int:
        """Use one request of the subject. Returns 0, or the seconds to wait; then nothing is written."""
        given = _given(subject, rate)
        with losable() as connection:
            if connection.execute(_TAKE[connection.dialect.name], given).first():
                return 0
        return max(1, cls.wait(subject, rate))

    @classmethod
    def refund(cls, subject: str, rate: Rate) -> None:
        """Undo a `take` whose request failed."""
        step = ceil(rate.seconds * 1000)
        with losable() as connection:
            connection.execute(update(cls).where(cls.subject == stored(subject)).values(due_ms=cls.due_ms - step))

    @classmethod
    def wait(cls, subject: str, rate: Rate) -> int:
        """Seconds until one request is free, 0 if one is. Writes nothing."""
        return cls.longest_wait([(subject, rate)])

    @classmethod
    def longest_wait(cls, limits: Sequence[tuple[str, Rate]]) -> int:
        """Seconds until one request is free for all of these subjects."""
        given = {(at := _given(subject, rate))["subject"]: at for subject, rate in limits}
        rows = db.session.connection().execute(_DUE, {"subjects": list(given)})
        return max((_seconds_left(due, given[subject]) for subject, due in rows), default=0)

    @classmethod
    def used(cls, subject: str, rate: Rate) -> float:
        """The used part of the burst, 0 to 1."""
        return min(1.0, max(0.0, (cls._due(subject) - _now_ms()) / (rate.burst * rate.seconds * 1000)))

    @classmethod
    def _due(cls, subject: str) -> int:
        return db.session.connection().scalar(select(cls.due_ms).where(cls.subject == stored(subject))) or 0

    @classmethod
    def restore(cls, *subjects: str) -> None:
        """Reset the limits of these subjects."""
        rows_changed(delete(cls).where(cls.subject.in_([stored(each) for each in subjects])))

    @classmethod
    def forget_restored(cls) -> int:
        return rows_changed(delete(cls).where(cls.due_ms < _now_ms()))


def _seconds_left(due_ms: int, given: dict[str, Any]) -> int:
    over = due_ms - given["free_until"]
    return ceil(over / 1000) if over > 0 and due_ms <= given["impossible"] else 0


def _given(subject: str, rate: Rate) -> dict[str, Any]:
    step, moment = ceil(rate.seconds * 1000), _now_ms()
    free_until = moment + step * (rate.burst - 1)
    # Later than any correct clock writes; such a row is reset.
    return {"subject": stored(subject), "now": moment, "step": step, "free_until": free_until,
            "impossible": free_until + step + LEEWAY_MS}  # fmt: skip


def _upsert(insert: Any) -> Any:
    """Changes no row if the limit is reached."""
    table = RateLimit.__table__
    moment, step = bindparam("now", type_=BigInteger), bindparam("step", type_=BigInteger)
    impossible = table.c.due_ms > bindparam("impossible", type_=BigInteger)
    free = table.c.due_ms <= bindparam("free_until", type_=BigInteger)
    begun = case((or_(table.c.due_ms < moment, impossible), moment), else_=table.c.due_ms)
    row = insert(table).values(subject=bindparam("subject"), due_ms=moment + step)
    kept = row.on_conflict_do_update(
        index_elements=["subject"], set_={"due_ms": begun + step}, where=or_(free, impossible)
    )
    return kept.returning(table.c.due_ms)


_limits = RateLimit.__table__.c
_DUE = select(_limits.subject, _limits.due_ms).where(_limits.subject.in_(bindparam("subjects", expanding=True)))
_TAKE = {"sqlite": _upsert(sqlite.insert), "postgresql": _upsert(postgresql.insert)}


def stored(subject: str) -> str:
    return subject.rpartition(".")[2]


def _now_ms() -> int:
    return int(now().timestamp() * 1000)

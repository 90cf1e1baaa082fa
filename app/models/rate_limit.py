"""A rate limit: how much one subject has used lately, counted in the database so that it holds with many processes."""

from collections.abc import Sequence
from math import ceil
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, String, bindparam, case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from app.database import losable, rows_changed
from app.extensions import Model, db
from app.lib.clock import now

# The clocks of several machines may differ by as much.
LEEWAY_MS = 60_000


class Rate(NamedTuple):
    """`burst` requests at once, and one more for each `seconds` that pass."""

    burst: int
    seconds: float


class RateLimit(Model):
    """One row for each subject, a keyed hash without its key's tag: under another key, counts begin again.

    A row is worthless once `due_ms` is over, and then deleted.

    The generic cell rate algorithm (ITU-T I.371): `due_ms` is the moment at which all that was used is restored, in
    milliseconds since 1970. Taking one is one statement, so two processes cannot both take the last.
    """

    __tablename__ = "rate_limit"

    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    due_ms: Mapped[int] = mapped_column(BigInteger)

    @classmethod
    def take(cls, subject: str, rate: Rate) -> int:
        """Use one of the subject's requests. Returns 0, or the seconds to wait where none is left: then nothing is
        written."""
        given = _given(subject, rate)
        with losable() as connection:
            if connection.execute(_TAKE[connection.dialect.name], given).first():
                return 0
        return max(1, cls.wait(subject, rate))

    @classmethod
    def give_back(cls, subject: str, rate: Rate) -> None:
        """Undo one `take` whose request could not be answered."""
        step = ceil(rate.seconds * 1000)
        with losable() as connection:
            connection.execute(update(cls).where(cls.subject == stored(subject)).values(due_ms=cls.due_ms - step))

    @classmethod
    def wait(cls, subject: str, rate: Rate) -> int:
        """The seconds until one more is free; 0: it is. Writes nothing."""
        return cls.longest_wait([(subject, rate)])

    @classmethod
    def longest_wait(cls, limits: Sequence[tuple[str, Rate]]) -> int:
        """The seconds until one more is free for each of these subjects; one question."""
        given = {(at := _given(subject, rate))["subject"]: at for subject, rate in limits}
        rows = db.session.connection().execute(select(cls.subject, cls.due_ms).where(cls.subject.in_(given)))
        return max((_seconds_left(due, given[subject]) for subject, due in rows), default=0)

    @classmethod
    def used(cls, subject: str, rate: Rate) -> float:
        """The part of the burst that is used just now, 0 to 1."""
        return min(1.0, max(0.0, (cls._due(subject) - _now_ms()) / (rate.burst * rate.seconds * 1000)))

    @classmethod
    def _due(cls, subject: str) -> int:
        return db.session.connection().scalar(select(cls.due_ms).where(cls.subject == stored(subject))) or 0

    @classmethod
    def restore(cls, *subjects: str) -> None:
        """Give back all that these have used."""
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
    # No clock that is right writes more than this; after one that was wrong, the count begins again.
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


_TAKE = {"sqlite": _upsert(sqlite.insert), "postgresql": _upsert(postgresql.insert)}


def stored(subject: str) -> str:
    return subject.rpartition(".")[2]


def _now_ms() -> int:
    return int(now().timestamp() * 1000)

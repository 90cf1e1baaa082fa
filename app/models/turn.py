"""Whose turn it is to do work that all machines share, such as pruning. One row for each kind of work."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import BigInteger, String, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import Model, db
from app.lib.clock import Moment, now

# The clocks of two machines may differ by so much.
AHEAD = timedelta(hours=2)


class Beat(NamedTuple):
    """The holder of a turn ('': it is free), a number that grows while it is alive, and when the work was last done."""

    holder: str
    number: int
    done_at: datetime | None = None


class Turn(Model):
    """No clock decides who may begin: a turn is taken over when its `beat` stands still for the one who watches it."""

    __tablename__ = "turn"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    # '' if the turn is free.
    holder: Mapped[str] = mapped_column(String(32), default="")
    beat: Mapped[int] = mapped_column(BigInteger, default=0)
    # When the work was last done to its end.
    done_at: Mapped[datetime | None] = mapped_column(Moment)

    @classmethod
    def take(cls, name: str, holder: str) -> Beat:
        """Take the turn if it is free, for the caller to commit; returns its state after that."""
        dialect = sqlite if db.engine.dialect.name == "sqlite" else postgresql
        new = dialect.insert(cls).values(name=name, holder=holder, beat=1)
        free = new.on_conflict_do_update(
            index_elements=["name"], set_={"holder": holder, "beat": cls.beat + 1}, where=cls.holder == ""
        )
        db.session.execute(free)
        return cls.now(name)

    @classmethod
    def now(cls, name: str) -> Beat:
        row = db.session.execute(select(cls.holder, cls.beat, cls.done_at).where(cls.name == name)).one()
        return Beat(row.holder, row.beat, row.done_at)

    @classmethod
    def take_over(cls, name: str, holder: str, seen: Beat) -> bool:
        """Take the turn of a holder that gave no sign of life since `seen`; False if it did, or another was faster."""
        silent = update(cls).where(cls.name == name, cls.holder == seen.holder, cls.beat == seen.number)
        return rows_changed(silent.values(holder=holder, beat=cls.beat + 1)) == 1

    @classmethod
    def renew(cls, name: str, holder: str) -> bool:
        """A sign of life; False if the turn was taken over."""
        return rows_changed(update(cls).where(cls.name == name, cls.holder == holder).values(beat=cls.beat + 1)) == 1

    @classmethod
    def give_back(cls, name: str, holder: str, *, done: bool) -> None:
        given = {"holder": "", "done_at": now()} if done else {"holder": ""}
        rows_changed(update(cls).where(cls.name == name, cls.holder == holder).values(given))

    @classmethod
    def was_done(cls, name: str, within: timedelta) -> bool:
        """Also by a machine whose clock is somewhat ahead of this one's."""
        recent = cls.name == name, cls.done_at > now() - within, cls.done_at <= now() + AHEAD
        return db.session.scalar(select(cls.name).where(*recent)) is not None

"""A lesson: what a decision taught the filter, or took back, until it is in the counts."""

import secrets
from array import array
from collections.abc import Iterable

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, SmallInteger, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db


class Lesson(db.Model):
    """Something that a decision taught (step 1) or took back (step -1); gone once it is in the counts."""

    __tablename__ = "lesson"

    # By chance: an id that a rolled back transaction gave away must not come again with another content.
    id: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, autoincrement=False, default=lambda: secrets.randbits(62) + 1
    )
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"), index=True)
    spam: Mapped[bool]
    step: Mapped[int] = mapped_column(SmallInteger)
    # What each of its places adds to the corrections (app/spam/filter.py).
    correction: Mapped[int] = mapped_column(default=0)
    # Where its features are counted (app/spam/features.py), as unsigned 32-bit numbers.
    places: Mapped[bytes] = mapped_column(LargeBinary)

    @property
    def slots(self) -> "array[int]":
        return array("I", self.places)

    @classmethod
    def of(cls, site_id: int, slots: Iterable[int], *, spam: bool, correction: int, step: int) -> "Lesson":
        places = array("I", sorted(slots)).tobytes()
        return cls(site_id=site_id, spam=spam, correction=correction, step=step, places=places)

    @classmethod
    def waiting(cls, site_id: int, without: Iterable[int] = ()) -> list["Lesson"]:
        """The lessons to be added, those that teach before those that take back."""
        query = select(cls).where(cls.site_id == site_id, cls.id.not_in(list(without)))
        return list(db.session.scalars(query.order_by(cls.step.desc())))

    @classmethod
    def count(cls, site_id: int) -> int:
        return db.session.scalar(select(func.count()).where(cls.site_id == site_id)) or 0

    @classmethod
    def remove(cls, ids: Iterable[int]) -> None:
        db.session.execute(delete(cls).where(cls.id.in_(list(ids))))

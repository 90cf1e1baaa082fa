"""A training example of the spam filter, until it is added to the model."""

import secrets
from array import array
from collections.abc import Iterable

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, SmallInteger, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Model, db


class TrainingExample(Model):
    """A decision adds one (step 1) or takes one back (step -1)."""

    __tablename__ = "training_example"

    # Random, because a rolled back id must not be reused for other content.
    id: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, autoincrement=False, default=lambda: secrets.randbits(62) + 1
    )
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"), index=True)
    spam: Mapped[bool]
    step: Mapped[int] = mapped_column(SmallInteger)
    # Added to the residual of each slot (app/spam/filter.py).
    residual: Mapped[int] = mapped_column(default=0)
    # Slots of the features (app/spam/features.py), as unsigned 32-bit numbers.
    packed_slots: Mapped[bytes] = mapped_column(LargeBinary)

    @property
    def slots(self) -> "array[int]":
        return array("I", self.packed_slots)

    @classmethod
    def of(cls, site_id: int, slots: Iterable[int], *, spam: bool, residual: int, step: int) -> "TrainingExample":
        packed = array("I", sorted(slots)).tobytes()
        return cls(site_id=site_id, spam=spam, residual=residual, step=step, packed_slots=packed)

    @classmethod
    def waiting(cls, site_id: int, without: Iterable[int] = ()) -> list["TrainingExample"]:
        """Examples that are not in the model yet, additions first."""
        query = select(cls).where(cls.site_id == site_id, cls.id.not_in(list(without)))
        return list(db.session.scalars(query.order_by(cls.step.desc())))

    @classmethod
    def count(cls, site_id: int) -> int:
        return db.session.scalar(select(func.count()).where(cls.site_id == site_id)) or 0

    @classmethod
    def remove(cls, ids: Iterable[int]) -> None:
        db.session.execute(delete(cls).where(cls.id.in_(list(ids))))

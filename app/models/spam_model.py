"""The stored spam model of a site."""

from sqlalchemy import ForeignKey, LargeBinary, bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import Model, db
from app.models.site import Site
from app.models.training_example import TrainingExample


class SpamModel(Model):
    """Counts of a site's filter. Writing them requires the revision that was read (optimistic lock)."""

    __tablename__ = "spam_model"

    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"), primary_key=True)
    revision: Mapped[int] = mapped_column(default=1)
    counts: Mapped[bytes] = mapped_column(LargeBinary)

    @classmethod
    def state_of(cls, site_id: int) -> tuple[int, set[int]]:
        """The revision (0: none) and the ids of examples that are not in it yet, from one statement."""
        rows = db.session.connection().execute(_STATE, {"site": site_id}).all()
        return next((row.revision for row in rows if row.revision), 0), {row.id for row in rows if row.id is not None}

    @classmethod
    def read(cls, site_id: int) -> tuple[int, bytes]:
        row = db.session.execute(select(cls.revision, cls.counts).where(cls.site_id == site_id)).first()
        return (row.revision, row.counts) if row else (0, b"")

    @classmethod
    def replace(cls, site_id: int, counts: bytes, *, seen: int) -> bool:
        """Write new counts; False after another write since revision `seen`."""
        known = update(cls).where(cls.site_id == site_id, cls.revision == seen)
        if seen:
            return rows_changed(known.values(counts=counts, revision=cls.revision + 1)) == 1
        if cls.read(site_id)[0]:
            return False
        try:
            with db.session.begin_nested():
                db.session.add(cls(site_id=site_id, counts=counts))
        except IntegrityError:  # two processes wrote the first counts at once
            return False
        return True


_model, _examples, _site = SpamModel.__table__, TrainingExample.__table__, Site.__table__
# Cached, because each comment runs it.
_STATE = (
    select(_model.c.revision, _examples.c.id)
    .select_from(_site)
    .outerjoin(_model, _model.c.site_id == _site.c.id)
    .outerjoin(_examples, _examples.c.site_id == _site.c.id)
    .where(_site.c.id == bindparam("site"))
)

"""What a site's filter knows: its counts, and which lessons are not in them yet."""

from functools import lru_cache

from sqlalchemy import ForeignKey, LargeBinary, Select, bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import db
from app.models.lesson import Lesson
from app.models.site import Site


class Knowledge(db.Model):
    """The counts of one site's filter. Whoever writes them says which revision she has read."""

    __tablename__ = "knowledge"

    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"), primary_key=True)
    revision: Mapped[int] = mapped_column(default=1)
    counts: Mapped[bytes] = mapped_column(LargeBinary)

    @classmethod
    def state_of(cls, site_id: int) -> tuple[int, set[int]]:
        """The revision (0: nothing is known yet) and the ids of the lessons to be added to it, at one moment."""
        rows = db.session.connection().execute(_state(), {"site": site_id}).all()
        return next((row.revision for row in rows if row.revision), 0), {row.id for row in rows if row.id is not None}

    @classmethod
    def read(cls, site_id: int) -> tuple[int, bytes]:
        row = db.session.execute(select(cls.revision, cls.counts).where(cls.site_id == site_id)).first()
        return (row.revision, row.counts) if row else (0, b"")

    @classmethod
    def replace(cls, site_id: int, counts: bytes, *, seen: int) -> bool:
        """Write new counts; False when somebody has written since revision `seen`."""
        known = update(cls).where(cls.site_id == site_id, cls.revision == seen)
        if seen:
            return rows_changed(known.values(counts=counts, revision=cls.revision + 1)) == 1
        if cls.read(site_id)[0]:
            return False
        try:
            with db.session.begin_nested():
                db.session.add(cls(site_id=site_id, counts=counts))
        except IntegrityError:  # the first counts of a site, written by two at once
            return False
        return True


@lru_cache
def _state() -> Select[int, int]:
    """The question of `state_of`, put together once: it is asked for every comment."""
    knowledge, lesson, site = Knowledge.__table__.c, Lesson.__table__.c, Site.__table__.c
    return (
        select(knowledge.revision, lesson.id)
        .select_from(Site.__table__)
        .outerjoin(Knowledge.__table__, knowledge.site_id == site.id)
        .outerjoin(Lesson.__table__, lesson.site_id == site.id)
        .where(site.id == bindparam("site"))
    )

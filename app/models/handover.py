"""A hand-over note: what a moderator tells the next one on a site. It stays until it is replaced or cleared."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Index, delete, select, update
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from app.database import one_of, rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.lib.secrets import Encrypted
from app.models.moderator import Moderator
from app.models.site import Site

LONGEST = 2_000  # characters
# Replaced and cleared notes are kept for so long, and at most so many are shown.
KEPT = timedelta(days=14)
SHOWN = 5


class Handover(Model):
    __tablename__ = "handover"
    __table_args__ = (Index("ix_handover_site", "site_id", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    moderator_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"), index=True)
    # Encrypted, because it may name readers.
    text: Mapped[str] = mapped_column(Encrypted)
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)

    site: Mapped[Site] = relationship()
    moderator: Mapped[Moderator | None] = relationship()

    @classmethod
    def current(cls, site_ids: Collection[int]) -> Sequence["Handover"]:
        """The note of each site that has one, oldest first."""
        return cls._of(site_ids, cls.ended_at.is_(None), order=cls.id)

    @classmethod
    def earlier(cls, site_ids: Collection[int]) -> Sequence["Handover"]:
        """Notes that were replaced or cleared, newest first."""
        return cls._of(site_ids, cls.ended_at > now() - KEPT, order=cls.id.desc())[:SHOWN]

    @classmethod
    def _of(cls, site_ids: Collection[int], state: Any, *, order: Any) -> Sequence["Handover"]:
        query = select(cls).where(one_of(cls.site_id, site_ids), state).order_by(order).limit(max(SHOWN, len(site_ids)))
        return db.session.scalars(query.options(joinedload(cls.moderator), joinedload(cls.site))).all()

    @classmethod
    def end(cls, site: Site) -> int:
        """End the site's note, if it has one."""
        return rows_changed(update(cls).where(cls.site_id == site.id, cls.ended_at.is_(None)).values(ended_at=now()))

    @classmethod
    def forget_before(cls, moment: datetime) -> int:
        """Delete notes that ended before this time."""
        return rows_changed(delete(cls).where(cls.ended_at < moment))

    def __repr__(self) -> str:
        return f"<Handover {self.id} of site {self.site_id}>"

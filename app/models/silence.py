"""A silence: somebody at an address asked a site for no more letters; known by its keyed hash alone."""

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import Id, db
from app.lib.clock import Moment, now
from app.lib.secrets import BlindIndex, Index
from app.models.site import Site


class Silence(db.Model):
    __tablename__ = "silence"
    __table_args__ = (UniqueConstraint("site_id", "email_index"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    # As in Author.index_of.
    email_index: Mapped[str] = mapped_column(BlindIndex)
    asked_at: Mapped[datetime] = mapped_column(Moment, default=now)

    @classmethod
    def holds(cls, site: Site, email_index: Index | str | None) -> bool:
        return cls._of(site, email_index) is not None

    @classmethod
    def ask(cls, site: Site, email_index: Index | str) -> None:
        if not cls._of(site, email_index):
            db.session.add(cls(site_id=site.id, email_index=email_index))

    @classmethod
    def of_site(cls, site: Site) -> frozenset[str]:
        """The indexes of all addresses of the site that want no emails."""
        return frozenset(db.session.scalars(select(cls.email_index).where(cls.site_id == site.id)))

    @classmethod
    def lift(cls, site: Site, email_index: Index | str) -> None:
        rows_changed(delete(cls).where(cls.site_id == site.id, cls.email_index == email_index))

    @classmethod
    def _of(cls, site: Site, email_index: Index | str | None) -> "Silence | None":
        return db.session.scalar(select(cls).where(cls.site_id == site.id, cls.email_index == email_index).limit(1))

    def __repr__(self) -> str:
        return f"<Silence {self.id}>"

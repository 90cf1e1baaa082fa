"""An email address that gets no more email from a site, stored as a keyed hash."""

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.lib.secrets import BlindIndex, Index
from app.models.site import Site


class Unsubscribe(Model):
    __tablename__ = "unsubscribe"
    __table_args__ = (UniqueConstraint("site_id", "email_index"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    # As in Author.index_of.
    email_index: Mapped[str] = mapped_column(BlindIndex)
    asked_at: Mapped[datetime] = mapped_column(Moment, default=now)

    @classmethod
    def contains(cls, site: Site, email_index: Index | str | None) -> bool:
        return cls._of(site, email_index) is not None

    @classmethod
    def add(cls, site: Site, email_index: Index | str) -> None:
        if not cls._of(site, email_index):
            # Mail programs may send it twice at once.
            dialect = sqlite if db.engine.dialect.name == "sqlite" else postgresql
            new = dialect.insert(cls).values(site_id=site.id, email_index=email_index)
            db.session.execute(new.on_conflict_do_nothing())

    @classmethod
    def of_site(cls, site: Site) -> frozenset[str]:
        return frozenset(db.session.scalars(select(cls.email_index).where(cls.site_id == site.id)))

    @classmethod
    def remove(cls, site: Site, email_index: Index | str) -> None:
        rows_changed(delete(cls).where(cls.site_id == site.id, cls.email_index == email_index))

    @classmethod
    def _of(cls, site: Site, email_index: Index | str | None) -> "Unsubscribe | None":
        return db.session.scalar(select(cls).where(cls.site_id == site.id, cls.email_index == email_index).limit(1))

    def __repr__(self) -> str:
        return f"<Unsubscribe {self.id}>"

"""An owner's invitation to moderate a site, open until accepted or revoked."""

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, String, delete, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, happened_since, latest, now
from app.lib.secrets import Encrypted
from app.models.moderator import Moderator
from app.models.site import Site

LASTS = timedelta(days=7)


class Invitation(Model):
    __tablename__ = "invitation"
    __table_args__ = (Index("ix_invitation_site", "site_id", "ended_at"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    email: Mapped[str] = mapped_column(Encrypted)
    role: Mapped[str] = mapped_column(String(16))
    made_by_id: Mapped[int] = mapped_column(ForeignKey("moderator.id", ondelete="CASCADE"))
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)

    site: Mapped[Site] = relationship()
    made_by: Mapped[Moderator] = relationship()

    @classmethod
    def open_of(cls, site: Site) -> list["Invitation"]:
        query = select(cls).where(
            cls.site_id == site.id, cls.ended_at.is_(None), happened_since(cls.made_at, now() - LASTS)
        )
        return list(db.session.scalars(query.order_by(cls.id)))

    @classmethod
    def of_site(cls, site: Site, id: int) -> "Invitation | None":
        return db.session.scalar(select(cls).where(cls.site_id == site.id, cls.id == id))

    def end(self) -> None:
        """End it and delete the address."""
        self.ended_at, self.email = now(), ""

    @classmethod
    def forget_old(cls, site: Site) -> None:
        rows_changed(delete(cls).where(cls.site_id == site.id, ~happened_since(cls.made_at, now() - LASTS)))

    @property
    def is_open(self) -> bool:
        return self.ended_at is None and now() - LASTS < self.made_at <= latest()

    def __repr__(self) -> str:
        return f"<Invitation {self.id}>"

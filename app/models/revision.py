"""A revision: what a comment said before it was edited, kept for moderators."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Id, db
from app.lib.clock import Moment, now


class Revision(db.Model):
    __tablename__ = "revision"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"), index=True)
    body: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
    replaced_at: Mapped[datetime] = mapped_column(Moment, default=now)

    @classmethod
    def of(cls, comment_ids: list[int]) -> dict[int, list["Revision"]]:
        """Earlier texts by comment id, oldest first."""
        found: dict[int, list[Revision]] = {id: [] for id in comment_ids}
        for row in db.session.scalars(select(cls).where(cls.comment_id.in_(comment_ids)).order_by(cls.id)):
            found[row.comment_id].append(row)
        return found

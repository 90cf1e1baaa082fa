"""A moderator's note on a comment, for other moderators."""

from collections import defaultdict
from datetime import datetime

from sqlalchemy import ForeignKey, Index, select
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.lib.secrets import Encrypted
from app.models.comment import Comment
from app.models.moderator import Moderator

LONGEST = 2000  # characters


class Note(Model):
    __tablename__ = "note"
    __table_args__ = (Index("ix_note_comment", "comment_id", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"), index=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"))
    moderator_id: Mapped[int | None] = mapped_column(ForeignKey("moderator.id", ondelete="SET NULL"))
    # Encrypted, because it may contain personal data of the author.
    text: Mapped[str] = mapped_column(Encrypted)
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)

    comment: Mapped[Comment] = relationship()
    moderator: Mapped[Moderator | None] = relationship()

    @classmethod
    def keep(cls, comment: Comment, moderator: Moderator, text: str) -> None:
        """Insert a note; a repetition, such as after a lost answer, inserts nothing."""
        earlier = select(cls).where(cls.comment_id == comment.id, cls.moderator_id == moderator.id)
        if any(note.text == text for note in db.session.scalars(earlier)):
            return
        db.session.add(cls(site_id=comment.site_id, comment=comment, moderator=moderator, text=text))

    @classmethod
    def of(cls, comment_ids: list[int]) -> dict[int, list["Note"]]:
        """Notes by comment id, oldest first."""
        found: dict[int, list[Note]] = defaultdict(list)
        query = select(cls).where(cls.comment_id.in_(comment_ids)).options(joinedload(cls.moderator))
        for note in db.session.scalars(query.order_by(cls.id)):
            found[note.comment_id].append(note)
        return found

    def __repr__(self) -> str:
        return f"<Note {self.id}>"

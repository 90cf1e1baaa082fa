"""Who may comment on a thread."""

from typing import TYPE_CHECKING

from sqlalchemy import String, update
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import db
from app.models.commenters import INHERITED
from app.models.section import Section, for_members
from app.models.site import Site


class WithCommenters:
    """The column and its rules, a part of `Thread`."""

    if TYPE_CHECKING:
        id: Mapped[int]
        key: Mapped[str]
        version: Mapped[int]
        site: Mapped[Site]

        @property
        def known_section(self) -> Section | None: ...

    # '' is as in its section or on the site (commenters.py).
    commenters: Mapped[str] = mapped_column(String(8), default=INHERITED, server_default=INHERITED)

    def is_for_members(self, claimed: Section | None = None) -> bool:
        """True if only members may comment. `claimed`: a section that only the page names."""
        return for_members(self.site, self.key, self.commenters, self.known_section, claimed)

    def let_comment(self, commenters: str) -> None:
        """Set who may comment."""
        kind = type(self)
        mine = update(kind).where(kind.id == self.id, kind.commenters != commenters)
        rows_changed(mine.values(commenters=commenters, version=kind.version + 1))
        db.session.refresh(self, ("commenters", "version"))

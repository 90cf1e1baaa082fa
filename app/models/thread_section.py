"""The section of a thread: known, or claimed by the page that comments came from."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import SmallInteger, String, update
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import db
from app.models.section import Section, SectionBy, columns_of, section_at, sections_of
from app.models.site import Site


class WithSection:
    """Columns and rules of the section, a part of `Thread`."""

    if TYPE_CHECKING:
        id: Mapped[int]
        key: Mapped[str]
        version: Mapped[int]
        site: Mapped[Site]

    # Key of its section, '' for none, and the source of it.
    section: Mapped[str] = mapped_column(String(64), default="")
    section_by: Mapped[int] = mapped_column(SmallInteger, default=SectionBy.NOTHING)

    @property
    def known_section(self) -> Section | None:
        """Its section, unless a page only claims it."""
        return sections_of(self.site).get(self.section) if self.section_by > SectionBy.CLAIM else None

    def claim_section(self, section: Section) -> None:
        """Note the section that a page claims, for the queue, if the thread has none. Nothing else follows from it."""
        kind = type(self)
        mine = update(kind).where(kind.id == self.id, kind.section_by == SectionBy.NOTHING)
        if rows_changed(mine.values(columns_of(section, SectionBy.CLAIM))):
            db.session.refresh(self, ("section", "section_by"))

    def put_into_section(self, section: Section | None, by: SectionBy = SectionBy.HAND) -> None:
        kind, values = type(self), columns_of(section, by)
        rows_changed(update(kind).where(kind.id == self.id).values(**values, version=kind.version + 1))
        db.session.refresh(self, (*values, "version"))

    def follow_path(self) -> None:
        """Put the thread into the section of its key, unless a higher source has set one."""
        found = section_at(self.site, self.key)
        if self.section_by <= SectionBy.PATH and (found or self.section_by == SectionBy.PATH):
            self.put_into_section(found, SectionBy.PATH if found else SectionBy.NOTHING)

    def section_news(self, claimed: Mapping[str, str]) -> str:
        """The claimed section, if an approval would change the thread's; not that of a path or chosen by hand."""
        fixed = self.section_by in (SectionBy.PATH, SectionBy.HAND)
        named = claimed.get("section", "")
        return "" if fixed or (self.known_section and named == self.section) else named

    def read_section(self, claimed: Mapping[str, str]) -> dict[str, Any]:
        """Columns for a claim that a moderator has approved."""
        found = sections_of(self.site).get(self.section_news(claimed))
        return columns_of(found, SectionBy.MODERATOR) if found else {}

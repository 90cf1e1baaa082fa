"""A site's own words for its readers in one language: house rules, notices and the footer of emails."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app
from markupsafe import Markup
from sqlalchemy import ForeignKey, String, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.models.site import Site

LONGEST_VERSION = 40  # code points
# Of a section's key, a slash and a version.
LONGEST_ACCEPTED = 120
LONGEST_NOTICE = 300
# Of a site in memory; a request may name any section.
MOST_KEPT = 200
# Graphemes.
LONGEST_INTRO, LONGEST_FOOTER = 2_000, 500


# Columns of words, as they are where nothing was written.
DEFAULTS: dict[str, Any] = {
    "intro_shown": True, "intro": "", "html": "", "rules_url": "", "rules_version": "", "closed_text": "",
    "held_text": "", "email_footer": "",
}  # fmt: skip


class Wording(Model):
    """`section` is '' for the whole site. Empty columns mean the words of the site, or our own ones."""

    __tablename__ = "wording"
    __table_args__ = (UniqueConstraint("site_id", "section", "lang"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    section: Mapped[str] = mapped_column(String(64), default="")
    lang: Mapped[str] = mapped_column(String(8))
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # Above the form: typed Markdown, and its HTML from lib/markup.py.
    intro_shown: Mapped[bool] = mapped_column(default=True)
    intro: Mapped[str] = mapped_column(Text, default="")
    html: Mapped[str] = mapped_column(Text, default="")
    rules_url: Mapped[str] = mapped_column(Text, default="")
    # With a version, each comment needs a tick beside "I accept the house rules".
    rules_version: Mapped[str] = mapped_column(String(LONGEST_VERSION), default="")
    closed_text: Mapped[str] = mapped_column(String(LONGEST_NOTICE), default="")
    held_text: Mapped[str] = mapped_column(String(LONGEST_NOTICE), default="")
    email_footer: Mapped[str] = mapped_column(Text, default="")

    @classmethod
    def of(cls, site: Site, lang: str, section: str = "") -> "Wording | None":
        return db.session.scalar(select(cls).where(cls.site_id == site.id, cls.section == section, cls.lang == lang))

    @classmethod
    def put(cls, site: Site, lang: str, values: dict[str, Any], section: str = "") -> None:
        """Write all columns of these words, and increase the site's version if they change anything.

        Without any word there is no row, so that a language without words can be told from one that wants none.
        """
        # Two moderators who save at once would both insert.
        db.session.refresh(site, with_for_update={"key_share": True})
        found = cls.of(site, lang, section)
        if values == (cls._values(found) if found else DEFAULTS):
            return
        site.version += 1
        if values == DEFAULTS:
            db.session.delete(found)
        elif found:
            for name, value in values.items():
                setattr(found, name, value)
        else:
            db.session.add(cls(site_id=site.id, lang=lang, section=section, **values))

    @staticmethod
    def _values(found: "Wording") -> dict[str, Any]:
        return {name: getattr(found, name) for name in DEFAULTS}

    @classmethod
    def languages_of(cls, site: Site, section: str = "") -> set[str]:
        """The languages in which the site has words."""
        return set(db.session.scalars(select(cls.lang).where(cls.site_id == site.id, cls.section == section)))

    @property
    def accepted_as(self) -> str:
        """The version as a comment names it: sections have versions of their own."""
        return f"{self.section}/{self.rules_version}" if self.section and self.rules_version else self.rules_version

    @property
    def place(self) -> tuple[str, str]:
        return self.section, self.lang

    def __repr__(self) -> str:
        return f"<Wording {self.id}: site {self.site_id} {self.section} {self.lang}>"


@dataclass(frozen=True)
class Words:
    """What a reader sees. `html` None stands for our own sentence, '' for none; other empty texts for our own ones."""

    html: Markup | None = None
    rules_url: str = ""
    rules_version: str = ""
    closed_text: str = ""
    held_text: str = ""
    email_footer: str = ""


@dataclass(frozen=True)
class _Kept:
    """Words of one version of a site, by language and section."""

    version: tuple[str, datetime, int]
    words: dict[tuple[str, str], Words]


def words_of(site: Site, lang: str, section: str = "", *, typed: Wording | None = None) -> Words:
    """The words of a section, else of the site, field by field.

    Link and version of the rules are those of the site's own language, else of any, where this language has none, so
    that a reader cannot avoid the tick by another language. `typed` stands for a row that is not saved yet. Kept for
    the site's version, because each page and comment needs them.
    """
    if typed:
        return _words_of(site, lang, section, typed)
    kept: dict[int, _Kept] = current_app.extensions.setdefault("words", {})
    # Before the words: if they change in between, the next version reads them again. With key and time, because another
    # site may get the id or the key of a removed one.
    version = site.key, site.created_at, site.version
    found = kept.get(site.id)
    if found is None or found.version != version or len(found.words) >= MOST_KEPT:
        found = kept[site.id] = _Kept(version, {})
    if (lang, section) not in found.words:
        found.words[lang, section] = _words_of(site, lang, section)
    return found.words[lang, section]


def _words_of(site: Site, lang: str, section: str, typed: Wording | None = None) -> Words:
    query = select(Wording).where(Wording.site_id == site.id, Wording.section.in_({section, ""}))
    saved = db.session.scalars(query.order_by(Wording.lang)).all()
    rows = [typed, *(row for row in saved if row.place != typed.place)] if typed else saved
    ordered = sorted(rows, key=lambda row: (row.section != section, row.lang != lang, row.lang != site.lang))
    own = [row for row in ordered if row.lang == lang]
    return Words(
        # Rendered by lib/markup.py when it was stored.
        html=next((Markup(row.html * row.intro_shown) for row in own if row.html or not row.intro_shown), None),  # noqa: S704
        rules_url=_first(ordered, "rules_url"),
        rules_version=_first(ordered, "accepted_as"),
        closed_text=_first(own, "closed_text"),
        held_text=_first(own, "held_text"),
        email_footer=_first(own, "email_footer"),
    )


def _first(rows: list[Wording], name: str) -> str:
    """The first text of this name."""
    return next((text for row in rows if (text := getattr(row, name))), "")

"""An author of comments on a site, identified by a token in the browser."""

import hashlib
import hmac
import json
import re
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ForeignKey, String, Text, and_, func, literal, select, text
from sqlalchemy import Index as TableIndex
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import no_index
from app.extensions import Id, Model, db
from app.lib import address_forms
from app.lib.clock import Moment, now
from app.lib.mailbox import one_form
from app.lib.secrets import BlindIndex, Encrypted, Index, blind_index, candidates
from app.lib.text import fold
from app.models.badge import LONGEST_BADGE
from app.models.site import Site

TYPED = ("name", "email", "website")
# With a stored network or kind of browser, until the retention period ends.
RECOGNIZED = "network_index IS NOT NULL OR traits_index IS NOT NULL"
# A member's id at the publisher. No email address, because programs are shown it.
MEMBER_SUB = re.compile(r"[!-?A-~]{1,200}")


class Author(Model):
    """One row for each token.

    A typed name and address prove nothing: a reader who types another author's gets a separate row, with another avatar
    and no history.
    """

    __tablename__ = "author"
    __table_args__ = (
        TableIndex("ix_author_site_email", "site_id", "email_index"),
        # One author for each member of a site.
        TableIndex(
            "uq_author_member", "site_id", "member_index", unique=True,
            sqlite_where=text("member_index IS NOT NULL"), postgresql_where=text("member_index IS NOT NULL"),
        ),
        TableIndex(
            "ix_author_recognized", "site_id", "id",
            sqlite_where=text(RECOGNIZED), postgresql_where=text(RECOGNIZED),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(400), default="")
    email: Mapped[str] = mapped_column(Encrypted, default="")
    email_index: Mapped[str | None] = mapped_column(BlindIndex)
    website: Mapped[str] = mapped_column(Text, default="")
    # The confirmed email address; a later address needs its own confirmation.
    confirmed_index: Mapped[str | None] = mapped_column(BlindIndex)
    # Keyed hashes from when trust was last earned: name, email and website; network; kind of browser. None: unknown.
    vouched_index: Mapped[str | None] = mapped_column(BlindIndex)
    network_index: Mapped[str | None] = mapped_column(BlindIndex)
    traits_index: Mapped[str | None] = mapped_column(BlindIndex)
    # A member of the publisher: their id there, its index, and the newest badge. None: a reader without a log-in.
    member_sub: Mapped[str | None] = mapped_column(Encrypted)
    member_index: Mapped[str | None] = mapped_column(BlindIndex)
    member_badge: Mapped[str] = mapped_column(String(LONGEST_BADGE), default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # Erased authors keep their row, so that their id and its tokens are never reused.
    erased_at: Mapped[datetime | None] = mapped_column(Moment)

    site: Mapped[Site] = relationship()

    @classmethod
    def named(cls, ids: list[int]) -> dict[int, str]:
        """Names by id."""
        return {row.id: row.name for row in db.session.execute(select(cls.id, cls.name).where(cls.id.in_(ids)))}

    @classmethod
    def of_site(cls, site: Site, id: int) -> "Author | None":
        """The author of the site with this id; None if erased."""
        return db.session.scalar(select(cls).where(cls.site_id == site.id, cls.id == id, cls.erased_at.is_(None)))

    @classmethod
    def of_member(cls, site: Site, sub: str) -> "Author | None":
        """The author of the site that is this member of the publisher."""
        mine = cls.site_id == site.id, cls.member_index == cls.index_of_member(site, sub)
        return db.session.scalar(select(cls).where(*mine))

    @classmethod
    def with_email(cls, site_ids: Collection[int], email: str) -> list["Author"]:
        """All authors on these sites with this (unverified) address, whatever their tokens."""
        forms = [form for form in address_forms.forms_of(email) if form.strip()]
        pairs = [(id, text) for id in site_ids for form in forms for text in cls._index_on(id, form).all]
        # Each site with its own indexes alone, by a join: SQLite looks up pairs in a list by the site only.
        theirs = _rows_of(pairs)
        same = and_(cls.site_id == theirs.c.site, cls.email_index == theirs.c.text)
        found = select(cls).select_from(theirs).join(cls, same).order_by(no_index(cls.id))
        return list(db.session.scalars(found).unique())

    @classmethod
    def with_index(cls, site: Site, index: Index | str) -> list[int]:
        """Ids of all authors of the site with this email index."""
        query = select(cls.id).where(cls.site_id == site.id, cls.email_index.in_(candidates([index])))
        return list(db.session.scalars(query))

    @staticmethod
    def index_of(site: Site, email: str) -> Index | None:
        """Blind index of an email address on this site, ignoring case, width and the spelling of the domain."""
        return Author._index_on(site.id, email) if email.strip() else None

    @staticmethod
    def _index_on(site_id: int, email: str) -> Index:
        return blind_index(f"author {site_id}", one_form(email).casefold())

    @staticmethod
    def index_of_member(site: Site, sub: str) -> Index:
        return blind_index(f"member {site.id}", sub)

    def update_typed(self, *, name: str, email: str, website: str) -> None:
        """Store what the author typed about themselves this time."""
        self.name, self.email, self.website = name, email, website
        self.email_index = index = Author.index_of(self.site, email)
        if index and self.confirmed_index in index.all:
            # The same address may have been confirmed under an earlier key.
            self.confirmed_index = index

    def changes(self, typed: "Author", network: str, traits: str) -> tuple[str, ...]:
        """Differences from when trust was earned: `name`, `email`, `website`, `identity` (one of these, unknown which),
        `place` (network and browser both)."""
        named = tuple(name for name in TYPED if _compared(self, name) != _compared(typed, name))
        if self.vouched_index in self.vouched_by(self.id, typed.name, typed.email, typed.website).all:
            named = ()
        elif self.vouched_index and not named:
            named = ("identity",)
        elsewhere = self.network_index and self.network_index not in candidates([network])
        otherwise = self.traits_index and self.traits_index not in candidates([traits])
        return named + (("place",) if elsewhere and otherwise else ())

    @staticmethod
    def vouched_by(id: int, name: str, email: str, website: str) -> Index:
        return blind_index("vouched", f"{id}\0{fold(name)}\0{email.strip().casefold()}\0{website}")

    def vouch(self, name: str, website: str) -> None:
        """Trust the author with this name and website and the current address."""
        index = self.vouched_by(self.id, name, self.email, website)
        if self.vouched_index not in index.all and not self.erased_at:
            self.vouched_index = index

    def remember_place(self, network: str | None, traits: str | None) -> None:
        """Remember the author's network, as long as networks are kept."""
        if network and (self.network_index, self.traits_index) != (network, traits) and not self.erased_at:
            self.network_index, self.traits_index = network, traits

    def earn_trust(self, name: str, website: str, network: str | None) -> None:
        """Trust the author after a moderator approved a comment."""
        self.vouch(name, website)
        if network != self.network_index:
            # The browser of an old comment is unknown; the next one is accepted.
            self.remember_place(network, None)

    def erase(self) -> None:
        """Delete everything that identifies the author."""
        self.name = self.email = self.website = ""
        self.email_index = self.confirmed_index = None
        self.vouched_index = self.network_index = self.traits_index = None
        self.member_sub, self.member_index, self.member_badge = None, None, ""
        self.erased_at = now()

    @property
    def address_index(self) -> Index | str | None:
        """Index of the email address, to find others with the same one; under every key, unless it is unreadable."""
        return Author.index_of(self.site, self.email) if self.email else self.email_index

    def is_found_by(self, email_index: str) -> bool:
        """True if `index` is that of the email address under any key."""
        return email_index in candidates([self.address_index])

    @property
    def is_confirmed(self) -> bool:
        return self.email_index is not None and self.email_index == self.confirmed_index

    @staticmethod
    def seed_of(avatar_key: str, id: int, *, erased: bool) -> bytes:
        """16 bytes for the avatar: a keyed hash of the id, not of typed values; equal for all erased authors."""
        keyed = hmac.digest(bytes.fromhex(avatar_key), str(id).encode(), hashlib.sha256)
        return bytes(16) if erased else keyed[:16]

    def __repr__(self) -> str:
        return f"<Author {self.id}>"


def _compared(author: Author, name: str) -> str:
    text: str = getattr(author, name)
    return fold(text) if name == "name" else text.strip().casefold() if name == "email" else text


def _rows_of(pairs: list[tuple[int, str]]) -> Any:
    """Any number of pairs as rows of `site` and `text`, in one or two parameters."""
    if db.engine.dialect.name == "sqlite":
        pair = func.json_each(json.dumps(pairs)).table_valued("value").c.value
        columns = func.json_extract(pair, "$[0]").label("site"), func.json_extract(pair, "$[1]").label("text")
        return select(*columns).subquery()
    ids, texts = ([pair[at] for pair in pairs] for at in (0, 1))
    rows = func.unnest(literal(ids, ARRAY(BigInteger)), literal(texts, ARRAY(String)))
    return rows.table_valued("site", "text").render_derived()

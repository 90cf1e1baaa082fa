"""The public view of a comment."""

from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from app.lib import language, markup
from app.lib.script import written_in
from app.lib.text import excerpt

# Characters of HTML.
LONG = 6000
# Graphemes.
EXCERPT = 200


@dataclass(frozen=True)
class AuthorView:
    status: str
    editable_until: datetime | None
    token: str
    body: str
    # The signed link to the comment's page for its author.
    link: str

    @property
    def until(self) -> str:
        return language.when(self.editable_until) if self.editable_until else ""


@dataclass(frozen=True)
class Shown:
    """The public fields of a comment; no others are shown."""

    id: int
    name: str
    website: str
    html: Markup | None
    created_at: datetime
    edited_at: datetime | None
    depth: int
    parent_id: int | None
    parent_name: str | None
    avatar: Markup
    permalink: str
    site_lang: str
    badge: str | None = None
    # Of a member of the publisher; '' for none.
    member_badge: str = ""
    own: AuthorView | None = None
    # Cursor for the rest of its branch.
    more: str | None = None
    # The number in its link: its id, or the requested id in the source program.
    anchor: int | None = None
    # The number in the link of its parent; None if that is on another page.
    parent_at: int | None = None
    # How many readers found it helpful; None on sites without votes.
    helpful: int | None = None
    # A moderator covered a passage.
    covered: bool = False
    # An editors' pick.
    picked: bool = False
    # On a private page: the reader's network has voted.
    voted: bool = False

    @property
    def iso(self) -> str:
        return self.created_at.isoformat()

    @property
    def when(self) -> str:
        return f"{language.when(self.created_at)} {language.zone_at(self.created_at)}"

    @property
    def lang(self) -> str:
        """The language of its text, as far as that can be told; '' where not."""
        return written_in(self.html or "", self.site_lang)

    @property
    def excerpt(self) -> str:
        """The beginning of its text, for the picks above the thread."""
        return excerpt(self.text, EXCERPT)

    @property
    def text(self) -> str:
        """Its text without markup. From a str: joining pieces of `Markup` escapes them."""
        return markup.plain(str(self.html or ""))

    @property
    def is_long(self) -> bool:
        return self.html is not None and len(self.html) > LONG

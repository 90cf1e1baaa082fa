"""Sections of a site: articles with a state, a review and house rules of their own; stored in `Site.sections`."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any
from urllib.parse import urlsplit

from app.lib.urls import page_key
from app.models.commenters import INHERITED, Commenters
from app.models.site import KEY, Site
from app.models.thread_state import State

MOST_SECTIONS, MOST_PATHS = 50, 20
LONGEST_PATH = 200  # characters


class SectionBy(IntEnum):
    """Source of a thread's section; only the same or a higher one replaces it."""

    NOTHING = 0
    CLAIM = 1  # an attribute of the page, as a reader's browser sent it
    PATH = 2  # a path of the section
    MODERATOR = 3  # a moderator approved a comment with that attribute
    HAND = 4  # chosen by a moderator or the operator, signed by the publisher, or imported


@dataclass(frozen=True)
class Section:
    """`hold`: whether each comment waits for a moderator; None is as on the site. `paths` have no slash at the end.

    `commenters`: who may comment (commenters.py); '' is as on the site.
    """

    key: str
    name: str
    paths: tuple[str, ...] = ()
    state: State = State.OPEN
    hold: bool | None = None
    commenters: str = INHERITED

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"paths": list(self.paths), "state": str(self.state)}


def sections_of(site: Site) -> dict[str, Section]:
    """The site's sections by key, in their order."""
    return {each["key"]: _read(each) for each in site.sections}


def section_at(site: Site, page: str) -> Section | None:
    """The section of a page, given by its key, by the longest matching path."""
    if not site.sections or not page.startswith("https://"):
        return None
    path = urlsplit(page).path
    fitting = [(len(start), each) for each in sections_of(site).values() for start in each.paths if _below(path, start)]
    return max(fitting, key=lambda found: found[0])[1] if fitting else None


def for_members(site: Site, page: str, article: str, known: Section | None, claimed: Section | None = None) -> bool:
    """True if only members may comment on a page: the most specific setting counts.

    `article` is its own setting, `known` the section that it is certainly in, if no path tells it. A section that only
    the request claims makes it stricter, never milder; without a claim, a page that may be in a section for members is
    for members.
    """
    known = known or section_at(site, page)
    if article or known:
        return (article or (known and known.commenters) or site.commenters) == Commenters.MEMBERS
    return Commenters.MEMBERS in (site.commenters, claimed and claimed.commenters) or _may_be_for_members(site, page)


def _may_be_for_members(site: Site, page: str) -> bool:
    """A program can leave out the attribute that names a section. No path can name that of a page with an own id."""
    has_address = page.startswith("https://")
    return any(each.commenters == Commenters.MEMBERS and not (each.paths and has_address)
               for each in sections_of(site).values())  # fmt: skip


def section_named(site: Site, name: str) -> Section | None:
    """The section with this key or name, as an import has it."""
    wanted = name.strip().casefold()
    return next((each for each in sections_of(site).values() if wanted in (each.key, each.name.casefold())), None)


def clean_path(typed: str) -> str:
    """A path as in the keys of pages, without a slash at the end. Raises ValueError for anything else."""
    if not typed.startswith("/") or typed.startswith("//") or len(typed) > LONGEST_PATH or {"?", "#"} & set(typed):
        raise ValueError(f"not a path: {typed!r}")
    return urlsplit(page_key(f"https://example.org{typed}")).path.rstrip("/")


def is_section_key(text: str) -> bool:
    return KEY.fullmatch(text) is not None


def _below(path: str, start: str) -> bool:
    return path == start or path.startswith(f"{start}/")


def _read(given: dict[str, Any]) -> Section:
    return Section(given["key"], given["name"], tuple(given["paths"]), State(given["state"]), given["hold"],
                   given.get("commenters", INHERITED))  # fmt: skip


def columns_of(section: Section | None, by: SectionBy) -> dict[str, Any]:
    """The columns of a thread in this section. A claim sets no state, because every reader can make one."""
    trusted = section and by > SectionBy.CLAIM
    return {
        "section": section.key if section else "",
        "section_by": by,
        "section_state": section.state if section and trusted else State.OPEN,
    }


def as_json(sections: Iterable[Section]) -> list[dict[str, Any]]:
    return [each.as_json() for each in sections]

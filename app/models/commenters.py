"""Who may comment: everyone, or members of the publisher only. A setting of site, section and article."""

from enum import StrEnum


class Commenters(StrEnum):
    EVERYONE = "everyone"
    MEMBERS = "members"


# For a section and an article: as the level above.
INHERITED = ""


def members_only(article: str, section: str, site: str, claimed: str = "") -> bool:
    """The most specific setting counts. A section that only a page claims can make it stricter, never milder."""
    return Commenters.MEMBERS in (article or section or site, claimed)

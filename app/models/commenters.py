"""Who may comment: everyone, or members of the publisher only. A setting of site, section and article."""

from enum import StrEnum


class Commenters(StrEnum):
    EVERYONE = "everyone"
    MEMBERS = "members"


# For a section and an article: as the level above.
INHERITED = ""

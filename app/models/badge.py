"""The badge of a comment by staff: '' is the usual word, None a comment by a reader."""

from flask_babel import gettext as _

LONGEST_BADGE = 40  # characters


def badge_text(badge: str | None) -> str | None:
    """The badge in the reader's language; None for comments of readers."""
    return str(_("Staff")) if badge == "" else badge

"""Signed links in moderators' emails, each for one decision on one comment."""

from dataclasses import dataclass
from datetime import timedelta

from flask import current_app
from flask_babel import gettext as _

from app.errors import Refused
from app.extensions import db
from app.lib.signing import BadToken, sign, unsign
from app.models import Comment, Moderator, Status
from app.models.section_scope import sees

LASTS = timedelta(days=7)
PURPOSE = "decide"


@dataclass(frozen=True)
class Offer:
    """This status for this comment at the version that the email was written for."""

    comment: Comment
    status: Status
    seen: int
    moderator: Moderator


def link_for(comment: Comment, status: Status, moderator: Moderator) -> str:
    """URL of the page that offers `status` for `comment`; valid for `LASTS`.

    It works once, because each decision changes the version.
    """
    claim = [comment.id, comment.site_id, str(status), comment.version, moderator.id]
    return f"{current_app.config['PUBLIC_URL']}/act/{sign(PURPOSE, claim)}"


def offer_of(token: str) -> Offer:
    """Read a token of `link_for`. Raises Refused (410) if it is invalid, expired or no longer allowed."""
    try:
        comment_id, site_id, status, seen, moderator_id = unsign(PURPOSE, token, LASTS)
    except BadToken as trouble:
        raise _gone() from trouble
    moderator = db.session.get(Moderator, moderator_id)
    comment = Comment.of_site([site_id], comment_id)
    if moderator is None or comment is None or not sees(moderator, comment):
        raise _gone()
    return Offer(comment, Status(status), seen, moderator)


def _gone() -> Refused:
    return Refused("bad_link", _("This link has expired. Open the queue instead."), status=410)

"""Edit or delete one's own comment."""

from datetime import datetime, timedelta

from flask_babel import gettext as _
from flask_babel import ngettext

from app.errors import Refused
from app.extensions import db
from app.lib import markup, near_duplicates
from app.lib.clock import is_running, now
from app.lib.secrets import blind_index
from app.models import Actor, Comment, Decision, Rate, RateLimit, RejectionModel, Revision, Status
from app.moderation import covers, legal_hold
from app.moderation.decide import decide
from app.moderation.findings import rescreen
from app.screening.case import Case
from app.spam import learning

AMENDABLE = (Status.PENDING, Status.APPROVED)
# For one comment; the edit window is a day at most.
EDITS = Rate(10, timedelta(days=1).total_seconds())


def editable_until(comment: Comment) -> datetime | None:
    """End of the edit window; None if it is over."""
    until = comment.created_at + comment.site.edit_window
    return until if is_running(until, comment.site.edit_window) and comment.status in AMENDABLE else None


def edit(comment: Comment, body: str) -> Decision:
    """Replace the text, store the earlier one as a revision, and screen again. Raises Refused (403, 429).

    `body` is cleaned, as by the form.
    """
    _refuse_late(comment)
    _count_edit(comment)
    legal_hold.absorb([comment.id])
    was_public = comment.status == Status.APPROVED
    published = comment.body if was_public else None
    learning.forget(comment)
    comment.settled = False
    body = covers.again(comment, body)
    db.session.add(Revision(site_id=comment.site_id, comment_id=comment.id, body=comment.body, html=comment.html))
    comment.body, comment.html, comment.renderer = body, markup.render_clean(body), markup.RENDERER
    comment.edited_at, comment.cluster = now(), near_duplicates.key_of(body)
    # The old fingerprint must not match the new text.
    comment.fingerprint = comment.typed_by = comment.text_key = None
    db.session.flush()
    Revision.forget_between(comment)
    decision = rescreen(Case(comment.site, comment, proven=True, published=published))
    if was_public and comment.status == Status.APPROVED:
        comment.thread.changed()
    return decision


def withdraw(comment: Comment) -> Decision:
    """Delete one's own comment; with replies, a placeholder stays. Raises Refused (403)."""
    _refuse_late(comment)
    legal_hold.absorb([comment.id])
    comment.text_key = None
    db.session.flush()
    RejectionModel.outdate([comment.site_id])
    return decide(comment, Status.DELETED, seen=comment.version, actor=Actor.AUTHOR, reason="withdrawn")


def _count_edit(comment: Comment) -> None:
    if wait := RateLimit.take(blind_index("edits", str(comment.id)), EDITS):
        sentence = ngettext(
            "This comment has been edited %(num)d time and can’t be edited again.",
            "This comment has been edited %(num)d times and can’t be edited again.",
            EDITS.burst,
        )
        raise Refused("too_many_edits", sentence, status=429, retry_after=wait)


def _refuse_late(comment: Comment) -> None:
    if not editable_until(comment):
        raise Refused("too_late", _("This comment can no longer be edited."), status=403)

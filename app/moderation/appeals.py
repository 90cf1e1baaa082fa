"""One appeal against a rejection, reviewed in the urgent lane."""

from flask_babel import gettext as _

from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.models import Actor, Comment, Decision, Status
from app.moderation.decide import decide
from app.notify import outbox

REASON = "appeal"


def appeal(decision: Decision, text: str) -> Decision:
    """Return the comment to the queue with the author's text.

    Raises Refused (409) for a second appeal, and AlreadyDecided after a newer decision.
    """
    refuse_second(decision)
    comment = decision.comment
    comment.reasons = [*comment.reasons, {"check": REASON, "verdict": "hold", "text": text}]
    db.session.flush()
    return decide(comment, Status.PENDING, seen=decision.version, actor=Actor.AUTHOR, reason=REASON, note=text)


def refuse_second(decision: Decision) -> None:
    if Decision.has_reason(decision.comment, REASON):
        said = _("We’ve received your appeal. A moderator will review your comment again.")
        raise Refused("appealed", said, status=409)


def standing_rejection(comment: Comment) -> Decision | None:
    """The rejection that its author may see: the newest decision, once its undo window is over."""
    if comment.status != Status.REJECTED:
        return None
    newest = Decision.newest_of(comment)
    known = newest and newest.version == comment.version and newest.made_at + outbox.undo_window() <= now()
    return newest if known else None

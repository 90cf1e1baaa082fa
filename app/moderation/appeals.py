"""An author objects to a rejection: once, and a moderator looks again before anything else."""

from flask_babel import gettext as _

from app.errors import Refused
from app.extensions import db
from app.models import Actor, Decision, Status
from app.moderation.decide import decide

REASON = "appeal"


def appeal(decision: Decision, text: str) -> Decision:
    """Let the comment wait again, with what its author says, in the caller's transaction.

    Raises Refused (409) when she has objected before, and AlreadyDecided when the rejection does not stand any more.
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

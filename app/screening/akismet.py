"""What Akismet is asked and told: written to the outbox with its cause, so that nobody waits for a stranger's server.

A comment waits until Akismet has answered (`opinions.py`). Where a moderator then sees it otherwise, Akismet is told,
after the undo window.
"""

import json
from dataclasses import asdict, dataclass

from app.models import Comment, Decision, Delivery, Status
from app.notify import outbox

ASKED, TOLD = "akismet", "akismet-report"
REPORTS = {Status.SPAM: "spam", Status.APPROVED: "ham"}


@dataclass(frozen=True)
class Sender:
    """What Akismet wants to know of the request; kept with the question, and nowhere else."""

    user_ip: str = ""
    user_agent: str = ""
    referrer: str = ""

    def kept(self, comment: Comment) -> "Sender":
        """As it stays for a later report: with no more of the address than we keep ourselves."""
        return Sender((comment.address or "").partition("/")[0], self.user_agent, self.referrer)


def ask(comment: Comment, sender: Sender | None) -> None:
    """Have Akismet asked about the comment as it now is; an edit comes without a sender of its own."""
    asked = {"recheck_reason": "" if sender else "edit", **asdict(sender or sender_of(comment))}
    outbox.add(ASKED, comment=comment, once=f"{ASKED} {comment.id}", payload=json.dumps(asked))


def sender_of(comment: Comment) -> Sender:
    """What is kept of who sent it, for 30 days; after that, no more than its network."""
    asked = Delivery.newest_about(comment, ASKED)
    kept = json.loads(asked.payload) if asked and asked.payload else {}
    kept.pop("recheck_reason", None)
    return Sender(**kept) if kept else Sender().kept(comment)


def after(decision: Decision) -> None:
    """Tell Akismet where a moderator sees a comment otherwise than it said; undo recalls that."""
    comment, verdict = decision.comment, REPORTS.get(Status(decision.to_status))
    if decision.moderator_id is None or decision.undoes_id or not comment.site.akismet_key:
        return
    if verdict and verdict != said_of(comment):
        outbox.add(TOLD, comment=comment, decision=decision, payload=verdict)


def said_of(comment: Comment) -> str:
    """`spam`, `ham`, or '' as long as it has said nothing that counts."""
    return next((reason.get("said", "") for reason in comment.reasons if reason["check"] == ASKED), "")

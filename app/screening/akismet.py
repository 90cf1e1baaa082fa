"""Queue Akismet checks and reports in the outbox.

A comment is held until Akismet has answered (`moderation/akismet_worker.py`). If a moderator disagrees, Akismet gets a
report after the undo window.
"""

import json
from dataclasses import asdict, dataclass

from app.models import Comment, Decision, Delivery, Status
from app.notify import outbox

CHECK, REPORT = "akismet", "akismet-report"
LABELS = {Status.SPAM: "spam", Status.APPROVED: "ham"}


@dataclass(frozen=True)
class Sender:
    """Facts about the request, stored with the queued check only."""

    user_ip: str = ""
    user_agent: str = ""
    referrer: str = ""

    def redacted(self, comment: Comment) -> "Sender":
        """The part that is kept for a later report, with the truncated address."""
        return Sender((comment.address or "").partition("/")[0], self.user_agent, self.referrer)


def queue_check(comment: Comment, sender: Sender | None) -> None:
    """Queue a check of the comment's text; an edit has no sender."""
    payload = {"recheck_reason": "" if sender else "edit", **asdict(sender or sender_of(comment))}
    outbox.add(CHECK, comment=comment, once=f"{CHECK} {comment.id}", payload=json.dumps(payload))


def sender_of(comment: Comment) -> Sender:
    """The stored sender, for 30 days; then only the comment's network."""
    queued = Delivery.newest_about(comment, CHECK)
    stored = json.loads(queued[0].payload) if queued and queued[0].payload else {}
    stored.pop("recheck_reason", None)
    return Sender(**stored) if stored else Sender().redacted(comment)


def report_disagreement(decision: Decision) -> None:
    """Queue a report if a moderator disagrees with Akismet; undo recalls it."""
    comment, label = decision.comment, LABELS.get(Status(decision.to_status))
    if decision.moderator_id is None or decision.undoes_id or not comment.site.akismet_key:
        return
    if label and label != label_of(comment):
        outbox.add(REPORT, comment=comment, decision=decision, payload=label)


def label_of(comment: Comment) -> str:
    """Akismet's label, `spam` or `ham`; '' if it has not answered."""
    return next((reason.get("said", "") for reason in comment.reasons if reason["check"] == CHECK), "")

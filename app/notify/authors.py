"""Which emails authors get: on request, at a confirmed address, a limited number a day."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask import current_app

from app.lib.clock import now
from app.models import (
    Actor,
    Announcement,
    Author,
    Comment,
    Decision,
    Delivery,
    Notice,
    Outcome,
    Status,
    Unsubscribe,
    newest_comments,
)
from app.models.decision import COVERED, COVERS, UNCOVERED
from app.models.delivery import ANSWER, CORRECTION, STATEMENT
from app.notify import outbox

DAY = timedelta(days=1)
# Confirmation emails to one address from all sites: strangers may type it.
MAX_CONFIRMATIONS_A_DAY = 2
# Of confirmations and decisions. Emails about new comments are limited in reply_email.py, so that they displace none.
MAX_EMAILS_A_DAY = 10
# A late confirmation still sends the decisions of these days.
RECENT = timedelta(days=7)


def ask_to_confirm(comment: Comment) -> None:
    """Queue a confirmation email if the author wants notifications and the comment is not spam."""
    author = comment.author
    if not comment.notify or author.is_confirmed or comment.status == Status.SPAM or not _may_email(author):
        return
    to = outbox.recipient(author.email)
    if Delivery.count_to(to, now() - DAY, "confirm") < MAX_CONFIRMATIONS_A_DAY:
        payload = json.dumps({"author": author.id, "email": author.email, "lang": comment.lang})
        outbox.add("confirm", site_id=author.site_id, once=f"confirm {author.id}", payload=payload, recipient=to)


def confirm(author: Author) -> None:
    """Confirm the address, and queue emails about decisions since."""
    author.confirmed_index = author.email_index
    Unsubscribe.remove(author.site, author.address_index or "")
    for comment in newest_comments.asked_for(author, since=now() - RECENT):
        newest = Decision.newest_of(comment)
        if newest:
            notify(newest)


def article_of(author: Author) -> str:
    """URL of the article of the author's last request for email, or ''."""
    asked = newest_comments.asked_for(author, since=now() - RECENT)
    return max(asked, key=lambda comment: comment.id).thread.address if asked else ""


def notify(decision: Decision) -> None:
    """Queue an email about a visible change, due after the undo window."""
    comment, author = decision.comment, decision.comment.author
    kind = _kind_of_email(decision)
    # Who was told the reasons of a removal also learns that it was wrong.
    wanted = comment.notify or kind == CORRECTION
    if not kind or not wanted or not author.is_confirmed or not _may_email(author, kind):
        return
    to = outbox.recipient(author.email)
    outbox.add(kind, once=f"{kind} {decision.id}", recipient=to, decision=decision, comment=comment)


def send_statement(notice: Notice) -> None:
    """Queue the statement of reasons to the author, also to one who asked for no emails about the comment.

    It is due if the decision changed something for the author, or if the author was asked. Needs a confirmed address
    that has not unsubscribed.
    """
    removed = notice.outcome == Outcome.REMOVED and notice.decision_id is not None
    if not (removed or notice.asked_at) or not may_state(notice.comment.author):
        return
    payload = json.dumps({"notice": notice.id, "version": notice.version})
    comment, to = notice.comment, outbox.recipient(notice.comment.author.email)
    outbox.add(
        STATEMENT, once=f"{STATEMENT} {notice.id} {notice.version}", payload=payload, recipient=to, comment=comment,
        decision=notice.decision, due_at=now() + outbox.undo_window(),
    )  # fmt: skip


def send_inquiry(notice: Notice) -> None:
    """Queue the question whether the author agrees to the removal."""
    payload = json.dumps({"notice": notice.id, "version": notice.version})
    comment, to = notice.comment, outbox.recipient(notice.comment.author.email)
    outbox.add("inquiry", once=f"inquiry {notice.id} {notice.version}", payload=payload, recipient=to, comment=comment)


def may_state(author: Author) -> bool:
    """True if the author can be emailed about a legal notice."""
    return author.is_confirmed and not author.erased_at and _may_email(author, STATEMENT)


def told_before(undone: Sequence[Decision]) -> "Told":
    """What had gone out about decisions that were undone now."""
    ids, comments = [each.undoes_id for each in undone if each.undoes_id], [each.comment_id for each in undone]
    published = [each.comment_id for each in undone if each.from_status == Status.APPROVED]
    return Told(
        authors=Delivery.count_told(comments, ids),
        corrections=Delivery.count_waiting(CORRECTION, [each.id for each in undone]),
        subscribers=Announcement.count_of(published),
    )


@dataclass(frozen=True)
class Told:
    """Authors who were emailed, corrections that follow, and comments that were announced to subscribers."""

    authors: int
    corrections: int
    subscribers: int


def _kind_of_email(decision: Decision) -> str:
    """An undo corrects an email that was sent, or repeats one that was recalled."""
    if decision.reason in COVERS and decision.to_status != Status.APPROVED:
        told = Delivery.last_told(decision.comment)
        return CORRECTION if told and told != decision.to_status else ""
    if decision.reason == UNCOVERED:
        return ANSWER if _is_news_after_uncovering(decision.comment) else ""
    if decision.undoes_id is None:
        return ANSWER if _is_worth_an_email(decision) else ""
    told = Delivery.last_told(decision.comment)
    if told:
        return CORRECTION if told != decision.to_status else ""
    return (
        ANSWER if _is_worth_an_email(decision) and Delivery.was_recalled(decision.comment, decision.to_status) else ""
    )


def _is_news_after_uncovering(comment: Comment) -> bool:
    """The author was told of the cover, or it recalled the email that told of the publication."""
    if Delivery.has_told(comment, COVERED):
        return True
    unsaid = Delivery.last_told(comment) is None and comment.status == Status.APPROVED
    return unsaid and Delivery.was_recalled(comment, Status.APPROVED, but=COVERS)


def _is_worth_an_email(decision: Decision) -> bool:
    """Moderators' decisions, also to cover a passage of a public comment, and rejections by screening."""
    if decision.to_status == decision.from_status:
        return decision.reason == COVERED and decision.to_status == Status.APPROVED
    if decision.reason == "notice" and decision.to_status == Status.REJECTED:
        return False  # its author gets the statement of reasons
    by_a_person = decision.actor == Actor.MODERATOR and decision.to_status in (Status.APPROVED, Status.REJECTED)
    return by_a_person or (decision.actor == Actor.SCREENING and decision.to_status == Status.REJECTED)


def _may_email(author: Author, kind: str = ANSWER) -> bool:
    """Two concurrent emails may both be the last of the day: cheaper than a lock."""
    if (
        not current_app.config["MAIL_URL"]
        or not author.email
        or Unsubscribe.contains(author.site, author.address_index)
    ):
        return False
    # The email that it corrects was within the limit, and the law asks for a statement of reasons.
    return kind in (CORRECTION, STATEMENT) or _count_today(author) < MAX_EMAILS_A_DAY


def _count_today(author: Author) -> int:
    return Delivery.count_to(outbox.recipient(author.email), now() - DAY, "confirm", ANSWER)

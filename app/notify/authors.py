"""Which emails authors get: on request, at a confirmed address, a limited number a day."""

import json
from datetime import timedelta

from flask import current_app

from app.lib.clock import now
from app.models import Actor, Author, Comment, Decision, Delivery, Status, Unsubscribe
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
    for comment in Comment.asked_for(author, since=now() - RECENT):
        newest = Decision.newest_of(comment)
        if newest:
            notify(newest)


def article_of(author: Author) -> str:
    """URL of the article of the author's last request for email, or ''."""
    asked = Comment.asked_for(author, since=now() - RECENT)
    return max(asked, key=lambda comment: comment.id).thread.address if asked else ""


def notify(decision: Decision) -> None:
    """Queue an email about a visible change, due after the undo window."""
    comment, author = decision.comment, decision.comment.author
    if not comment.notify or not _is_worth_an_email(decision) or not author.is_confirmed or not _may_email(author):
        return
    to = outbox.recipient(author.email)
    outbox.add("answer", once=f"answer {decision.id}", recipient=to, decision=decision)


def _is_worth_an_email(decision: Decision) -> bool:
    """Moderators' decisions, and rejections by screening."""
    if decision.to_status == decision.from_status:
        return False
    by_a_person = decision.actor == Actor.MODERATOR and decision.to_status in (Status.APPROVED, Status.REJECTED)
    return by_a_person or (decision.actor == Actor.SCREENING and decision.to_status == Status.REJECTED)


def _may_email(author: Author) -> bool:
    """Two concurrent emails may both be the last of the day: cheaper than a lock."""
    if (
        not current_app.config["MAIL_URL"]
        or not author.email
        or Unsubscribe.contains(author.site, author.address_index)
    ):
        return False
    return Delivery.count_to(outbox.recipient(author.email), now() - DAY, "confirm", "answer") < MAX_EMAILS_A_DAY

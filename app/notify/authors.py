"""Which letters authors get: only who asked, at an address that has answered once, and never many."""

import json
from datetime import timedelta

from flask import current_app

from app.lib.clock import now
from app.lib.secrets import Index, blind_index
from app.models import Actor, Author, Comment, Decision, Delivery, Silence, Status
from app.notify import outbox

DAY = timedelta(days=1)
# Anybody can type anybody's address: whoever it belongs to gets few letters that ask, from all sites together.
MOST_QUESTIONS_A_DAY = 2
MOST_A_DAY = 10
# When an address is confirmed late, she is still told of what was decided meanwhile.
MEANWHILE = timedelta(days=7)


def ask_to_confirm(comment: Comment) -> None:
    """Ask once whether the address is hers, where she wants letters about a comment that is no spam."""
    author = comment.author
    if not comment.notify or author.is_confirmed or comment.status == Status.SPAM or not _may_write_to(author):
        return
    to = recipient(author.email)
    if Delivery.count_to(to, now() - DAY, "confirm") < MOST_QUESTIONS_A_DAY:
        payload = json.dumps({"author": author.id, "email": author.email, "lang": comment.lang})
        outbox.add("confirm", once=f"confirm {author.id}", payload=payload, recipient=to)


def confirm(author: Author) -> None:
    """The mailbox has answered; what was decided meanwhile is told now."""
    author.confirmed_index = author.email_index
    Silence.lift(author.site, author.address_index or "")
    for comment in Comment.asked_for(author, since=now() - MEANWHILE):
        newest = Decision.newest_of(comment)
        if newest:
            tell(newest)


def article_of(author: Author) -> str:
    """The address of the article on which this author asked for emails last, or ''."""
    asked = Comment.asked_for(author, since=now() - MEANWHILE)
    return max(asked, key=lambda comment: comment.id).thread.address if asked else ""


def tell(decision: Decision) -> None:
    """Promise a letter about a decision that changes what others see of her comment, after the undo window."""
    comment, author = decision.comment, decision.comment.author
    if not comment.notify or not _is_worth_telling(decision) or not author.is_confirmed or not _may_write_to(author):
        return
    to = recipient(author.email)
    outbox.add("answer", once=f"answer {decision.id}", recipient=to, decision=decision)


def recipient(email: str) -> Index:
    """The keyed hash under which letters to an address are counted."""
    return blind_index("recipient", email.strip().casefold())


def _is_worth_telling(decision: Decision) -> bool:
    """What a person decided, and what screening refused; a comment that appeared at once has told it itself."""
    if decision.to_status == decision.from_status:
        return False
    by_a_person = decision.actor == Actor.MODERATOR and decision.to_status in (Status.APPROVED, Status.REJECTED)
    return by_a_person or (decision.actor == Actor.SCREENING and decision.to_status == Status.REJECTED)


def _may_write_to(author: Author) -> bool:
    """Two at once may both take the last letter of the day: cheaper than a lock."""
    if not current_app.config["MAIL_URL"] or not author.email or Silence.holds(author.site, author.address_index):
        return False
    return Delivery.count_to(recipient(author.email), now() - DAY) < MOST_A_DAY

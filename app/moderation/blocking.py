"""Whom and what of a comment a moderator can block, and how many comments that would touch."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from app.extensions import db
from app.lib.clock import now
from app.models import Comment, Effect, Moderator, Rule, Status, Subject
from app.moderation import hosts, rules
from app.moderation.batch import Outcome, decide_all

# Of those that the database cannot find by itself, so many of the newest are looked at.
AMONG = 1000
# And so many of the newest are counted for the dialog, once for each choice.
COUNTED_AMONG = 250
MOST_LINKS = 5


@dataclass(frozen=True)
class Choice:
    """One thing that can be blocked; `touched` says how many comments of which status it meets."""

    subject: Subject
    value: str
    touched: Counter[str]

    @property
    def name(self) -> str:
        return f"{self.subject} {self.value}"


def choices(comment: Comment) -> list[Choice]:
    found = dict.fromkeys(_subjects(comment))
    # The drafts are only tried: a look at the database must not write them.
    with db.session.no_autoflush:
        return [Choice(*each, rules.dry_run(_rule(comment, *each), COUNTED_AMONG).by_status) for each in found]


def block(comment: Comment, name: str, *, by: Moderator, days: int = 0, reason: str = "") -> Rule:
    """Block what `name` (of a choice) says, for so many days or for good, in the caller's transaction.

    Raises KeyError when the comment has no such thing.
    """
    subject, value = {f"{subject} {value}": (subject, value) for subject, value in _subjects(comment)}[name]
    expires_at = now() + timedelta(days=days) if days else None
    drafted = rules.draft(comment.site, subject, Effect.SPAM, value, reason=reason, expires_at=expires_at)
    (made,) = rules.make([drafted], by=by)
    return made


def clear(rule: Rule, *, by: Moderator) -> Outcome:
    """Mark as spam what waits and is met by the rule."""
    touched = [comment for comment, _hits in rules.dry_run(rule, AMONG).touched if comment.status == Status.PENDING]
    return decide_all({comment.id: comment.version for comment in touched}, Status.SPAM, by=by, reason="spam")


def _subjects(comment: Comment) -> Iterator[tuple[Subject, str]]:
    yield Subject.AUTHOR, str(comment.author_id)
    if email := comment.author.email:
        yield Subject.EMAIL, email
        yield Subject.EMAIL_DOMAIN, email.rpartition("@")[2]
    if comment.address:
        yield Subject.ADDRESS, comment.address
    for named in hosts.named_in(comment)[:MOST_LINKS]:
        yield Subject.LINK_DOMAIN, named.host


def _rule(comment: Comment, subject: Subject, value: str) -> Rule:
    return rules.draft(comment.site, subject, Effect.SPAM, value)

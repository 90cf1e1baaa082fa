"""Whom and what of a comment a moderator can block, and how many comments that would touch."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from flask_babel import gettext as _

from app.desk.batch import Outcome, decide_all
from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.models import Comment, Effect, Moderator, Role, Rule, Site, Status, Subject
from app.screening import hosts, rules

# Of those that the database cannot find by itself, so many of the newest are looked at.
AMONG = 1000
# And so many of the newest are counted for the dialog, once for each choice.
COUNTED_AMONG = 250
MOST_LINKS = 5
# What moderators may block, and for how many days; all else is for administrators and owners.
ONE_PERSON = frozenset({Subject.AUTHOR, Subject.EMAIL})
MODERATORS_DAYS = 90


@dataclass(frozen=True)
class Choice:
    """One thing that can be blocked; `touched` says how many comments of which status it meets."""

    subject: Subject
    value: str
    touched: Counter[str]

    @property
    def name(self) -> str:
        return f"{self.subject} {self.value}"


def most_days(by: Moderator, site: Site) -> int | None:
    """The longest block that this moderator may make on the site; None for any length, also without an end."""
    role = by.role_on(site.id)
    return None if role and role.reaches(Role.ADMIN) else MODERATORS_DAYS


def choices(comment: Comment, by: Moderator) -> list[Choice]:
    """What `by` may block of the comment."""
    limited = most_days(by, comment.site) is not None
    found = dict.fromkeys(each for each in _subjects(comment) if not limited or each[0] in ONE_PERSON)
    # The drafts are only tried: a look at the database must not write them.
    with db.session.no_autoflush:
        return [Choice(*each, rules.dry_run(_rule(comment, *each), COUNTED_AMONG).by_status) for each in found]


def block(comment: Comment, name: str, *, by: Moderator, days: int = 0, reason: str = "") -> Rule:
    """Block what `name` (of a choice) says, for so many days or for good, in the caller's transaction.

    Raises KeyError when the comment has no such thing, and Refused where it needs an administrator.
    """
    subject, value = {f"{subject} {value}": (subject, value) for subject, value in _subjects(comment)}[name]
    _refuse_beyond_role(subject, days, most_days(by, comment.site))
    expires_at = now() + timedelta(days=days) if days else None
    drafted = rules.draft(comment.site, subject, Effect.SPAM, value, reason=reason, expires_at=expires_at)
    (made,) = rules.make([drafted], by=by)
    return made


def trust(comment: Comment, effect: Effect, *, by: Moderator) -> Rule:
    """Trust the comment's author (ALLOW) or always hold what they write (HOLD), in the caller's transaction.

    A moderator's rule ends as their blocks do; one without an end that says the same already stays.
    """
    site, author = comment.site, str(comment.author_id)
    for standing in Rule.about(site, Subject.AUTHOR, rules.index_of(site, Subject.AUTHOR, author)):
        if standing.effect == effect and standing.expires_at is None:
            return standing
    days = most_days(by, site)
    expires_at = now() + timedelta(days=days) if days else None
    (made,) = rules.make([rules.draft(site, Subject.AUTHOR, effect, author, expires_at=expires_at)], by=by)
    return made


def clear(rule: Rule, *, by: Moderator) -> Outcome:
    """Mark as spam what waits and is met by the rule."""
    touched = [comment for comment, _hits in rules.dry_run(rule, AMONG).touched if comment.status == Status.PENDING]
    return decide_all({comment.id: comment.version for comment in touched}, Status.SPAM, by=by, reason="spam")


def _refuse_beyond_role(subject: Subject, days: int, most: int | None) -> None:
    if most is None:
        return
    if subject not in ONE_PERSON:
        said = _(
            "Only administrators and owners can block domains and IP ranges. "
            "Block the author or the email address instead."
        )
        raise Refused("role_too_small", said, status=403)
    if not 0 < days <= most:
        said = _("Enter 1 to %(most)d days. Only administrators and owners can block for longer.", most=most)
        raise Refused("block_too_long", said, field="days")


def _subjects(comment: Comment) -> Iterator[tuple[Subject, str]]:
    yield Subject.AUTHOR, str(comment.author_id)
    if email := comment.author.email:
        yield Subject.EMAIL, email
        yield Subject.EMAIL_DOMAIN, email.rpartition("@")[2]
    if comment.address:
        yield Subject.ADDRESS, comment.address
    for mention in hosts.hosts_in(comment)[:MOST_LINKS]:
        yield Subject.LINK_DOMAIN, mention.host


def _rule(comment: Comment, subject: Subject, value: str) -> Rule:
    return rules.draft(comment.site, subject, Effect.SPAM, value)

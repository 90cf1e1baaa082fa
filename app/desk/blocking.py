"""Block a comment's author, email address, network or linked domains."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from flask_babel import gettext as _

from app.desk.batch import Outcome, decide_all
from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.models import AskedOpinion, Comment, Effect, Moderator, Role, Rule, Site, Status, Subject
from app.screening import hosts, rules

# Newest comments that are checked if the database cannot find the matches.
AMONG = 1000
# Newest comments counted for each choice.
COUNTED_AMONG = 250
MOST_LINKS = 5
# Moderators may block these for a limited time; other subjects need an administrator.
ONE_PERSON = frozenset({Subject.AUTHOR, Subject.EMAIL})
MODERATORS_DAYS = 90


@dataclass(frozen=True)
class Choice:
    """A rule that the dialog offers; `touched` counts matching comments by status."""

    subject: Subject
    value: str
    touched: Counter[str]

    @property
    def name(self) -> str:
        return f"{self.subject} {self.value}"


def most_days(by: Moderator, site: Site) -> int | None:
    """The longest block that the moderator's role allows; None for no limit."""
    role = by.role_on(site.id)
    return None if role and role.reaches(Role.ADMIN) else MODERATORS_DAYS


def choices(comment: Comment, by: Moderator) -> list[Choice]:
    limited = most_days(by, comment.site) is not None
    found = dict.fromkeys(each for each in _subjects(comment) if not limited or each[0] in ONE_PERSON)
    # Autoflush would insert the drafts.
    with db.session.no_autoflush:
        drafts = {each: rule for each in found if (rule := _possible_rule(comment, *each))}
        unseen = AskedOpinion.kept_from(by)
        runs = {each: rules.dry_run(rule, COUNTED_AMONG).without(unseen) for each, rule in drafts.items()}
        return [Choice(*each, run.by_status) for each, run in runs.items()]


def block(comment: Comment, name: str, *, by: Moderator, days: int = 0, reason: str = "") -> Rule:
    """Create the rule of the choice `name`, for some days or forever (0).

    Raises KeyError for an unknown choice, and Refused if it needs an administrator.
    """
    subject, value = {f"{subject} {value}": (subject, value) for subject, value in _subjects(comment)}[name]
    _refuse_beyond_role(subject, days, most_days(by, comment.site))
    expires_at = now() + timedelta(days=days) if days else None
    drafted = rules.draft(comment.site, subject, Effect.SPAM, value, reason=reason, expires_at=expires_at)
    (made,) = rules.create([drafted], by=by)
    return made


def trust(comment: Comment, effect: Effect, *, by: Moderator) -> Rule:
    """Trust the comment's author (ALLOW) or always hold their comments (HOLD).

    A moderator's rule expires like their blocks; an equal one without expiry stays.
    """
    site, author = comment.site, str(comment.author_id)
    for standing in Rule.about(site, Subject.AUTHOR, rules.index_of(site, Subject.AUTHOR, author)):
        if standing.effect == effect and standing.expires_at is None:
            return standing
    days = most_days(by, site)
    expires_at = now() + timedelta(days=days) if days else None
    (made,) = rules.create([rules.draft(site, Subject.AUTHOR, effect, author, expires_at=expires_at)], by=by)
    return made


def clear(rule: Rule, *, by: Moderator) -> Outcome:
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


def _possible_rule(comment: Comment, subject: Subject, value: str) -> Rule | None:
    """None for a value that no rule can have: other programs took email addresses that are none."""
    try:
        return rules.draft(comment.site, subject, Effect.SPAM, value)
    except Refused:
        return None

"""Draft, test, create and end a site's rules."""

import ipaddress
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf
from time import monotonic
from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _
from sqlalchemy import Select, select
from sqlalchemy.orm import load_only, selectinload

from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.lib.mailbox import one_form
from app.lib.networks import stored_network
from app.lib.secrets import Index, blind_index
from app.lib.urls import host_of
from app.models import (
    Author,
    Comment,
    Effect,
    Moderator,
    Role,
    Rule,
    Site,
    Status,
    Subject,
    Thread,
    audit,
    newest_comments,
)
from app.models.audit import Event, Who
from app.screening.rulebook import ActiveRule, Hit, Rulebook
from app.spam import words
from app.spam.disguise import fold

# A word search through all disguises takes 0.1 ms a comment.
AMONG = 1000
AT_ONCE = 500
SHOWN = 50
# For a trial of a pattern, which may take as long for each comment as screening allows.
PATTERN_SECONDS = 2.0
# Wider networks contain nearly all readers: a typing error.
WIDEST = {4: 8, 6: 16}
# Typed addresses prove nothing; networks are not trusted as a whole.
EFFECTS = {
    Subject.WORD: tuple(Effect),
    Subject.PATTERN: tuple(Effect),
    Subject.LINK_DOMAIN: tuple(Effect),
    Subject.AUTHOR: tuple(Effect),
    Subject.EMAIL: (Effect.HOLD, Effect.REJECT, Effect.SPAM),
    Subject.EMAIL_DOMAIN: (Effect.HOLD, Effect.REJECT, Effect.SPAM),
    Subject.ADDRESS: (Effect.HOLD, Effect.REJECT, Effect.SPAM),
}


def draft(
    site: Site, subject: Subject, effect: Effect, value: str, *, reason: str = "", expires_at: datetime | None = None
) -> Rule:
    """A rule that is not stored yet.

    The value is normalised: hosts as browsers write them, networks as they are stored. Raises Refused (422) with the
    invalid field.
    """
    if effect not in EFFECTS[subject]:
        raise Refused("bad_effect", _("Anyone can type an address. Trust the author instead."), field="effect")
    if expires_at and expires_at <= now():
        raise Refused("bad_expiry", _("This time is in the past."), field="expires_at")
    value = normalised(site, subject, value)
    index = index_of(site, subject, value)
    return Rule(
        site=site, subject=subject, effect=effect, value=value, value_index=index, reason=reason, expires_at=expires_at
    )


def normalised(site: Site, subject: Subject, value: str) -> str:
    """The value of a rule as `draft` stores it. Raises Refused (422) for one that can match nothing."""
    text: str = _NORMALISE[subject](site, value.strip())
    return text


def index_of(site: Site, subject: Subject, value: str) -> Index:
    return blind_index(f"rule {site.id} {subject}", compared(subject, value))


def create(drafts: Iterable[Rule], *, by: Moderator | None = None) -> list[Rule]:
    """Store rules; returns the active ones in the same order.

    A new rule ends an earlier one about the same value; an identical one stays.
    """
    given = list(drafts)
    made = [_create(each, by) for each in given]
    _record_added([rule for rule, draft in zip(made, given, strict=True) if rule is draft], by)
    return made


def end(rule: Rule, *, by: Moderator | None = None) -> None:
    """End a rule; the row stays for the log."""
    if rule.ended_at is None:
        rule.ended_at, rule.ended_by_id = now(), by.id if by else None
        _changed(rule.site)
        audit.record(Event.RULE_ENDED, by=by or Who.OPERATOR, site=rule.site, **_told(rule))


def _record_added(added: list[Rule], by: Moderator | None) -> None:
    """One event for a list of words. Without their values, which may be a person's address."""
    if len(added) == 1:
        audit.record(Event.RULE_ADDED, by=by or Who.OPERATOR, site=added[0].site, **_told(added[0]))
    elif added:
        ids: dict[str, Any] = {"first": added[0].id, "last": added[-1].id}
        audit.record(Event.RULES_ADDED, by=by or Who.OPERATOR, site=added[0].site, number=len(added), **ids)


def _told(rule: Rule) -> dict[str, Any]:
    told = {"rule": rule.id, "subject": rule.subject, "effect": rule.effect}
    return told | ({"until": rule.expires_at.isoformat()} if rule.expires_at else {})


@dataclass(frozen=True)
class DryRun:
    """The newest comments that a rule would match, and the number of comments checked."""

    looked_at: int
    touched: list[tuple[Comment, list[Hit]]]

    @property
    def by_status(self) -> Counter[str]:
        return Counter(comment.status for comment, _hits in self.touched)

    def without(self, ids: Collection[int]) -> "DryRun":
        return replace(self, touched=[each for each in self.touched if each[0].id not in ids])


def dry_run(rule: Rule, among: int = AMONG) -> DryRun:
    """Test a rule or draft on the newest comments; changes nothing.

    An exception is tested like a rule, to show what it would except.
    """
    effect = Effect.HOLD if rule.effect == Effect.ALLOW else rule.effect
    book = Rulebook([replace(ActiveRule.of(rule), effect=effect)])
    looked_at, touched = 0, []
    until = monotonic() + PATTERN_SECONDS if rule.subject == Subject.PATTERN else inf
    for comment in _each(rule, _newest(rule, among)):
        if monotonic() > until:
            break
        looked_at += 1
        if hits := book.match(comment):
            touched.append((comment, hits))
    # Preload the threads of the comments that are shown.
    Thread.with_ids([comment.thread_id for comment, _hits in touched[:SHOWN]])
    return DryRun(looked_at, touched)


def _each(rule: Rule, ids: list[int]) -> Iterator[Comment]:
    for at in range(0, len(ids), AT_ONCE):
        yield from db.session.scalars(_tried(rule, ids[at : at + AT_ONCE])).all()


def _tried(rule: Rule, ids: list[int]) -> Select[Comment]:
    """With the columns that the rule reads: loading and decrypting all takes longer."""
    comment, author = [*_TRIED], [Author.email_index]
    comment += [Comment.address] if rule.subject == Subject.ADDRESS else []
    author += [Author.email] if rule.subject == Subject.EMAIL_DOMAIN else []
    query = select(Comment).where(Comment.id.in_(ids)).order_by(Comment.id.desc()).options(load_only(*comment))
    of_author = rule.subject in (Subject.EMAIL, Subject.EMAIL_DOMAIN)
    return query.options(selectinload(Comment.author).load_only(*author)) if of_author else query


def _create(new: Rule, by: Moderator | None) -> Rule:
    for earlier in Rule.about(new.site, Subject(new.subject), new.value_index):
        if (earlier.effect, earlier.expires_at) == (new.effect, new.expires_at):
            return earlier
        _refuse_to_replace(earlier, by)
        end(earlier, by=by)
    new.made_by_id = by.id if by else None
    db.session.add(new)
    _changed(new.site)
    return new


def _refuse_to_replace(earlier: Rule, by: Moderator | None) -> None:
    """A moderator cannot replace a colleague's block or an administrator's rule."""
    if by is None or earlier.made_by_id == by.id or _is_over(earlier) or _is_admin(by, earlier.site):
        return
    made_by_moderator = earlier.made_by is not None and not _is_admin(earlier.made_by, earlier.site)
    if earlier.effect == Effect.SPAM or not made_by_moderator:
        said = _("Another moderator already made a rule about this. Only administrators and owners can replace it.")
        raise Refused("rule_of_others", said, status=409)


def _is_over(rule: Rule) -> bool:
    return rule.expires_at is not None and rule.expires_at <= now()


def _is_admin(moderator: Moderator, site: Site) -> bool:
    role = moderator.role_on(site.id)
    return role is not None and role.reaches(Role.ADMIN)


def _changed(site: Site) -> None:
    site.rules_version = Site.rules_version + 1
    db.session.flush()


_TRIED = (
    Comment.site_id, Comment.thread_id, Comment.author_id, Comment.status, Comment.version, Comment.name,
    Comment.website, Comment.body, Comment.created_at,
)  # fmt: skip


def _newest(rule: Rule, among: int) -> list[int]:
    if rule.subject == Subject.AUTHOR:
        return newest_comments.ids(Comment.author_id, [int(rule.value)], among, Status.DELETED)
    if rule.subject == Subject.EMAIL:
        authors = [author.id for author in Author.with_email([rule.site.id], rule.value)]
        return newest_comments.ids(Comment.author_id, authors, among, Status.DELETED)
    return newest_comments.ids(Comment.site_id, [rule.site.id], among, Status.DELETED)


# Normalising values


def _word(site: Site, value: str) -> str:
    return _checked(words.Rule(value))


def _pattern(site: Site, value: str) -> str:
    return _checked(words.Rule(value, words.Kind.PATTERN))


def _checked(rule: words.Rule) -> str:
    try:
        words.check(rule)
    except words.BadRule as bad:
        raise Refused(f"bad_{rule.kind}", _BAD_WORDS[bad.args[0]](), field="value") from bad
    return rule.text


def _domain(site: Site, value: str) -> str:
    host = host_of(value.removeprefix("*.").removeprefix("@"))
    if "." not in host:
        raise Refused("bad_domain", _("Enter a domain such as example.org."), field="value")
    return host.removeprefix("www.")


def _author(site: Site, value: str) -> str:
    known = value.isascii() and value.isdigit() and len(value) < 19 and Author.of_site(site, int(value))
    if not known:
        raise Refused("no_author", _("This author doesn’t exist on this site."), field="value")
    return str(int(value))


def _email(site: Site, value: str) -> str:
    value = one_form(value)
    try:
        validate_email(value, check_deliverability=False, allow_smtputf8=True)
    except EmailNotValidError as trouble:
        raise Refused("bad_email", _("Enter a valid email address."), field="value") from trouble
    return value.casefold()


def _network(site: Site, value: str) -> str:
    try:
        network = stored_network(ipaddress.ip_network(value, strict=False))
    except ValueError as trouble:
        said = _("Enter an IP address or a range such as 192.0.2.0/24.")
        raise Refused("bad_address", said, field="value") from trouble
    if network.prefixlen < WIDEST[network.version]:
        raise Refused("wide_address", _("This range is too broad."), field="value")
    return str(network)


def compared(subject: Subject, value: str) -> str:
    """Equivalent words are one rule; leading and trailing * make a difference."""
    if subject != Subject.WORD:
        return value
    return f"{value[:1] == '*'}{value[-1:] == '*'}{fold(value.strip('*'))}"


_BAD_WORDS: dict[str, Callable[[], str]] = {
    "empty": lambda: _("That word can’t be searched. Try another."),
    "long": lambda: _("Too long for a single rule."),
    "pattern": lambda: _("This pattern is invalid or matches everything."),
}
_NORMALISE: dict[Subject, Callable[[Site, str], Any]] = {
    Subject.WORD: _word,
    Subject.PATTERN: _pattern,
    Subject.LINK_DOMAIN: _domain,
    Subject.AUTHOR: _author,
    Subject.EMAIL: _email,
    Subject.EMAIL_DOMAIN: _domain,
    Subject.ADDRESS: _network,
}

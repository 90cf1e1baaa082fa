"""Publish a site's rules about words and domains as a signed list, without people, exceptions and notes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from secrets import token_hex
from typing import Any, NamedTuple

from flask_babel import gettext as _
from sqlalchemy import func, or_, select

from app.errors import Refused
from app.extensions import db
from app.lib import signed_list
from app.lib.clock import now
from app.lib.secrets import is_unreadable
from app.models import Comment, Effect, Moderator, PublishedList, Rule, Site, Status, Subject, audit, newest_comments
from app.models.audit import Event, Who
from app.models.shared_list import LASTS
from app.screening import list_file
from app.screening.list_file import FORMAT, KINDS, MOST_LINES, VERSION, BadLine
from app.spam.disguise import fold

# A file is made again after this time, so that its expiry stays far.
REISSUE_AFTER = timedelta(days=1)
# Base64url makes a file a third longer than this.
MOST_PAYLOAD_BYTES = signed_list.MAX_BYTES // 2
AT_ONCE = 500
# Newest published comments whose names are compared in every spelling; those of older ones as typed and in lower case.
NAMES_AMONG = 1_000

By = Moderator | Who
_KIND_OF = {subject: kind for kind, subject in KINDS.items()}


class Candidate(NamedTuple):
    """A rule that the list can have, and why it does not: '' if it does; `kept` by a moderator; or as in BadLine."""

    rule: Rule
    why_not: str


def change(site: Site, *, is_on: bool, words: bool, domains: bool, by: By) -> PublishedList:
    """Choose the published kinds. Raises Refused (422) if nothing is chosen, (409) if the key is unreadable."""
    if is_on and not (words or domains):
        raise Refused("nothing_chosen", _("Choose words, domains or both."), field="words")
    PublishedList.begin(site.id, list_id=token_hex(12))
    found = PublishedList.locked(PublishedList.site_id == site.id)
    assert found  # noqa: S101
    found.is_on, found.words, found.domains = is_on, words, domains
    if is_on and not found.key and not is_unreadable(found.key):
        found.key = signed_list.new_key()
    _reissue(found)
    kinds = [kind for kind, chosen in (("word", words), ("domain", domains)) if chosen and is_on]
    audit.record(Event.LIST_PUBLISHED, by=by, site=site, kinds=kinds, number=found.lines)
    return found


def share(rule: Rule, *, is_shared: bool, by: By) -> None:
    """Let the list have this rule, or not."""
    if rule.is_shared == is_shared:
        return
    rule.is_shared = is_shared
    if found := PublishedList.locked(PublishedList.site_id == rule.site_id):
        _reissue(found)
    audit.record(Event.RULE_SHARED, by=by, site=rule.site, rule=rule.id, on=is_shared)


def change_key(found: PublishedList, *, by: By) -> None:
    """A new key at once, which the old one signs; an unreadable one signs nothing."""
    PublishedList.locked(PublishedList.id == found.id)
    new = signed_list.new_key()
    public = signed_list.public_key_of(new)
    old = "" if is_unreadable(found.key) else found.key
    kept = [*found.changes, signed_list.change_key(old, public)] if old else []
    found.key, found.changes = new, kept[-signed_list.MOST_CHANGES :]
    _reissue(found)
    audit.record(Event.LIST_KEY_CHANGED, by=by, site=found.site, kid=signed_list.fingerprint(public))


def public_key(found: PublishedList) -> str:
    """'' without a readable key."""
    return "" if not found.key or is_unreadable(found.key) else signed_list.public_key_of(found.key)


def reissue_due() -> Iterator[PublishedList]:
    """Make the files again that are a day old, or whose rules changed. The caller commits after each."""
    for id in [each.id for each in PublishedList.outdated(now() - REISSUE_AFTER)]:
        if found := PublishedList.locked(PublishedList.id == id):
            _reissue(found)
            yield found


def candidates(site: Site) -> list[Candidate]:
    """The active rules about words and domains, the oldest first."""
    rules = [
        rule for rule in Rule.standing(site, *_KIND_OF) if rule.effect != Effect.ALLOW and not is_unreadable(rule.value)
    ]
    own, names = list_file.Own.of(site), _names_among(site, [rule for rule in rules if rule.subject == Subject.WORD])
    return [Candidate(rule, _why_not(own, rule, names)) for rule in rules]


def _why_not(own: list_file.Own, rule: Rule, names: set[str]) -> str:
    if not rule.is_shared:
        return "kept"
    if rule.subject == Subject.WORD and fold(_bare(rule)) in names:
        return "person"
    try:
        list_file.check_value(own, Subject(rule.subject), rule.value)
    except BadLine as bad:
        return str(bad.args[0])
    return ""


def _names_among(site: Site, rules: list[Rule]) -> set[str]:
    """The folded names of people with a published comment, as far as these rules could be one of them."""
    typed = {spelling for rule in rules for word in [_bare(rule)] for spelling in (word, word.title(), word.upper())}
    people = set(_newest_names(site) if rules else ())
    ordered = sorted(typed | {word.casefold() for word in typed})
    for at in range(0, len(ordered), AT_ONCE):
        some = ordered[at : at + AT_ONCE]
        # SQLite, and PostgreSQL with the locale C, know no other lower case than that of ASCII.
        named = or_(func.lower(Comment.name).in_(some), Comment.name.in_(some))
        public = Comment.site_id == site.id, Comment.status == Status.APPROVED
        people |= {fold(name) for name in db.session.scalars(select(Comment.name).where(*public, named).distinct())}
    return people


def _newest_names(site: Site) -> Iterator[str]:
    """Of these people, every spelling is known."""
    ids = newest_comments.ids(Comment.site_id, [site.id], NAMES_AMONG, *(set(Status) - {Status.APPROVED}))
    for at in range(0, len(ids), AT_ONCE):
        names = select(Comment.name).where(Comment.id.in_(ids[at : at + AT_ONCE])).distinct()
        yield from map(fold, db.session.scalars(names))


def _bare(rule: Rule) -> str:
    return rule.value.strip("* ")


def _reissue(found: PublishedList) -> None:
    if not found.is_on or not found.key or is_unreadable(found.key):
        found.document, found.lines = "", 0
        return
    found.rules_version = found.site.rules_version
    found.issued_at = now().replace(microsecond=0)
    # Higher than before, also after a restored backup, which does not know the last files.
    found.sequence = max(found.sequence + 1, int(found.issued_at.timestamp()))
    expires = found.issued_at + LASTS
    entries = _entries(found, expires)
    payload = _canonical(_head(found, expires) | {"entries": entries})
    found.lines = len(entries)
    found.document = signed_list.sign(payload, found.key, found.changes).decode()
    db.session.flush()


def _head(found: PublishedList, expires: datetime) -> dict[str, Any]:
    issued = found.issued_at or now()
    return {
        "format": FORMAT,
        "version": VERSION,
        "id": found.list_id,
        "name": list_file.shown_name(found.site),
        "sequence": found.sequence,
        "issued": _iso(issued),
        "expires": _iso(expires),
    }


def _entries(found: PublishedList, expires: datetime) -> list[dict[str, str]]:
    """By kind and value: the order of the ids would tell the order of decisions."""
    chosen = {Subject.WORD: found.words, Subject.LINK_DOMAIN: found.domains}
    usable = [each.rule for each in candidates(found.site) if not each.why_not]
    published = [rule for rule in usable if chosen[Subject(rule.subject)]]
    # The newest, if there are too many.
    entries = [_entry(rule, expires) for rule in _within(published[-MOST_LINES:])]
    return sorted(entries, key=lambda entry: ("word" in entry, entry.get("word") or entry.get("domain", "")))


def _within(rules: list[Rule]) -> Iterator[Rule]:
    room = MOST_PAYLOAD_BYTES
    for rule in reversed(rules):
        # Beside the value there are two times, in less than so many bytes.
        room -= len(rule.value.encode()) * 2 + 120
        if room < 0:
            return
        yield rule


def _entry(rule: Rule, expires: datetime) -> dict[str, str]:
    """With days, not times: those would tell when moderators work."""
    until = min(rule.expires_at, expires) if rule.expires_at else expires
    issued = datetime.combine(rule.made_at.date(), time(), UTC)
    return {_KIND_OF[Subject(rule.subject)]: rule.value, "issued": _iso(issued), "expires": _iso(until)}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()

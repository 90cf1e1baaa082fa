"""Match a comment against all rules of a site, compiled once per process."""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from flask import current_app

from app.lib.clock import now
from app.lib.networks import Network
from app.lib.secrets import is_unreadable
from app.lib.urls import host_of
from app.models import Author, Comment, Effect, ListLine, ListSubscription, Rule, Site, Subject
from app.screening import hosts
from app.screening.urgent_words import HARMLESS, URGENT_WORDS
from app.spam import words
from app.spam.disguise import readings

TEXT_SUBJECTS = (Subject.WORD, Subject.PATTERN)
# The check that reports the lines of shared lists.
LISTED = "listed"


@dataclass(frozen=True)
class ActiveRule:
    """A rule outside of the session. `key`: its look-up value.

    `check` is the check that reports it; built-in words and lines of shared lists have no id. `ref` and `list_name`
    are of the list's subscription.
    """

    id: int | None
    subject: str
    effect: str
    value: str
    key: str
    expires_at: datetime | None = None
    check: str = "words"
    ref: str = ""
    list_name: str = ""

    @classmethod
    def of_line(cls, line: ListLine, of: ListSubscription) -> "ActiveRule":
        return cls(
            None, line.subject, of.effect, line.value, line.value, line.expires_at, LISTED, of.ref, of.name
        )  # fmt: skip

    @property
    def is_own(self) -> bool:
        return not self.ref

    @classmethod
    def of(cls, rule: Rule) -> "ActiveRule":
        key = Author.index_of(rule.site, rule.value) or "" if rule.subject == Subject.EMAIL else rule.value
        return cls(rule.id, rule.subject, rule.effect, rule.value, key, rule.expires_at)


@dataclass(frozen=True)
class Hit:
    """A match, with the field and the text as typed.

    `found` is empty if it would reveal an email address. `unfinished`: the pattern timed out.
    """

    rule: ActiveRule
    field: str
    found: str = ""
    unfinished: bool = False

    @property
    def allows(self) -> bool:
        return self.rule.effect == Effect.ALLOW


def rulebook(site: Site) -> "Rulebook":
    """The site's compiled rules, cached until they change."""
    cache: dict[int, Rulebook] = current_app.extensions.setdefault("rulebooks", {})
    cached = cache.get(site.id)
    if cached is None or cached.version != site.rules_version or cached.has_expired():
        # Before the rules: if they change in between, the next call compiles them again.
        version = site.rules_version
        cache[site.id] = cached = Rulebook([*_rules_of(site), *_built_in_rules(), *_lines_on(site)], version)
    return cached


def _lines_on(site: Site) -> list[ActiveRule]:
    return [ActiveRule.of_line(line, subscription) for line, subscription in ListLine.acting_on(site)]


def _rules_of(site: Site) -> list[ActiveRule]:
    """An undecryptable rule matches nothing; `flask check` reports it."""
    return [ActiveRule.of(rule) for rule in Rule.standing(site) if not is_unreadable(rule.value)]


class Rulebook:
    """Compiled rules; runs no queries."""

    def __init__(self, rules: Iterable[ActiveRule], version: int = 0):
        self.version = version
        self._by_subject: dict[str, dict[str, list[ActiveRule]]] = {subject: {} for subject in Subject}
        for rule in rules:
            self._by_subject[rule.subject].setdefault(rule.key, []).append(rule)
        # Apart: whatever lines of lists match, they take no room from own rules.
        self._words = words.WordList(_listed(rule) for rule in self._text_rules() if rule.is_own)
        self._lists = words.WordList(_listed(rule) for rule in self._text_rules() if not rule.is_own)
        self._prefixes = {ipaddress.ip_network(value).prefixlen for value in self._by_subject[Subject.ADDRESS]}
        self._good_until = min((rule.expires_at for rule in self._all() if rule.expires_at), default=None)

    def has_expired(self) -> bool:
        return self._good_until is not None and self._good_until <= now()

    def match(self, comment: Comment) -> list[Hit]:
        matchers = (self._in_words, self._in_links, self._in_author, self._in_address)
        return [hit for matcher in matchers for hit in matcher(comment)]

    def _in_words(self, comment: Comment) -> Iterator[Hit]:
        for field in ("body", "name") if any(self._by_subject[subject] for subject in TEXT_SUBJECTS) else ():
            text = getattr(comment, field)
            read = readings(text)
            findings = self._words.find(text, read)
            # Own rules decide about the lines inside their matches.
            own = words.merged(findings.matches, findings.allowed)
            for match in (*findings.matches, *words.outside(own, self._lists.find(text, read).matches)):
                yield from (Hit(rule, field, text[match.start : match.end]) for rule in self._rules_of(match.rule))
            for unfinished in findings.unfinished:
                yield Hit(self._rules_of(unfinished)[0], field, unfinished=True)

    def _in_links(self, comment: Comment) -> Iterator[Hit]:
        if self._by_subject[Subject.LINK_DOMAIN]:
            for mention in hosts.hosts_in(comment):
                rules = list(self._of_domain(Subject.LINK_DOMAIN, mention.host))
                rules = [rule for rule in rules if rule.is_own] or rules
                yield from (Hit(rule, mention.field, mention.typed) for rule in rules)

    def _in_author(self, comment: Comment) -> Iterator[Hit]:
        by_id, by_email = self._by_subject[Subject.AUTHOR], self._by_subject[Subject.EMAIL]
        yield from (Hit(rule, "author") for rule in by_id.get(str(comment.author_id), ()))
        if by_email and (index := comment.author.address_index):
            yield from (Hit(rule, "email") for rule in by_email.get(index, ()))
        if self._by_subject[Subject.EMAIL_DOMAIN] and comment.author.email:
            host = host_of(comment.author.email.rpartition("@")[2])
            yield from (Hit(rule, "email") for rule in self._of_domain(Subject.EMAIL_DOMAIN, host))

    def _in_address(self, comment: Comment) -> Iterator[Hit]:
        if self._prefixes and comment.address:
            for network in _around(ipaddress.ip_network(comment.address), self._prefixes):
                yield from (Hit(rule, "address") for rule in self._by_subject[Subject.ADDRESS].get(str(network), ()))

    def _of_domain(self, subject: Subject, host: str) -> Iterator[ActiveRule]:
        labels = host.split(".")
        for at in range(len(labels)):
            yield from self._by_subject[subject].get(".".join(labels[at:]), ())

    def _all(self) -> Iterator[ActiveRule]:
        return (rule for by_key in self._by_subject.values() for rules in by_key.values() for rule in rules)

    def _text_rules(self) -> Iterator[ActiveRule]:
        return (rule for rule in self._all() if rule.subject in TEXT_SUBJECTS)

    def _rules_of(self, rule: words.Rule) -> list[ActiveRule]:
        """A site's rule about a word overrides the built-in one, and both those of lists, which are all told."""
        found = self._by_subject[rule.kind][rule.text]
        return found[:1] if found[0].is_own else found


def _built_in_rules() -> Iterator[ActiveRule]:
    for check, listed in URGENT_WORDS.items():
        yield from (ActiveRule(None, Subject.WORD, Effect.HOLD, word, word, check=check) for word in listed)
    yield from (ActiveRule(None, Subject.WORD, Effect.ALLOW, word, word) for word in HARMLESS)


def _listed(rule: ActiveRule) -> words.Rule:
    return words.Rule(rule.value, words.Kind(rule.subject), allows=rule.effect == Effect.ALLOW)


def _around(network: Network, prefixes: Iterable[int]) -> Iterator[Network]:
    return (network.supernet(new_prefix=prefix) for prefix in prefixes if prefix <= network.prefixlen)

"""All that a site's rules say about a comment; compiled once for each process, until the rules change."""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from flask import current_app

from app.lib.clock import now
from app.lib.networks import Network
from app.lib.secrets import is_unreadable
from app.lib.urls import host_of
from app.models import Author, Comment, Effect, Rule, Site, Subject
from app.screening import hosts
from app.screening.urgent_words import ALARMS, HARMLESS
from app.spam import words

WORDED = (Subject.WORD, Subject.PATTERN)


@dataclass(frozen=True)
class Line:
    """A rule as the book holds it, apart from the session that read it. `key`: by what it is found.

    `check` is the name of the check that tells of it; Kaiwa's own words have no id.
    """

    id: int | None
    subject: str
    effect: str
    value: str
    key: str
    expires_at: datetime | None = None
    check: str = "words"

    @classmethod
    def of(cls, rule: Rule) -> "Line":
        key = Author.index_of(rule.site, rule.value) or "" if rule.subject == Subject.EMAIL else rule.value
        return cls(rule.id, rule.subject, rule.effect, rule.value, key, rule.expires_at)


@dataclass(frozen=True)
class Hit:
    """A rule that met a comment: where, and what stands there as it was typed.

    `found` is empty where it would tell somebody's address. `unfinished`: a pattern that ran out of time.
    """

    line: Line
    field: str
    found: str = ""
    unfinished: bool = False

    @property
    def allows(self) -> bool:
        return self.line.effect == Effect.ALLOW


def rulebook(site: Site) -> "Rulebook":
    """The site's standing rules, compiled; kept by this process as long as they stay the same."""
    shelf: dict[int, Rulebook] = current_app.extensions.setdefault("rulebooks", {})
    kept = shelf.get(site.id)
    if kept is None or kept.version != site.rules_version or kept.has_expired():
        # The version first: rules that change in between are then read again by the next.
        version = site.rules_version
        shelf[site.id] = kept = Rulebook([*_lines_of(site), *_own()], version)
    return kept


def _lines_of(site: Site) -> list[Line]:
    """A rule whose value cannot be read meets nothing; `flask check` tells of it."""
    return [Line.of(rule) for rule in Rule.standing(site) if not is_unreadable(rule.value)]


class Rulebook:
    """Rules, ready to be tried on any number of comments; asks the database nothing."""

    def __init__(self, lines: Iterable[Line], version: int = 0):
        self.version = version
        self._found: dict[str, dict[str, list[Line]]] = {subject: {} for subject in Subject}
        for line in lines:
            self._found[line.subject].setdefault(line.key, []).append(line)
        self._words = words.WordList(_listed(line) for line in self._worded())
        self._prefixes = {ipaddress.ip_network(value).prefixlen for value in self._found[Subject.ADDRESS]}
        self._good_until = min((line.expires_at for line in self._all() if line.expires_at), default=None)

    def has_expired(self) -> bool:
        return self._good_until is not None and self._good_until <= now()

    def look(self, comment: Comment) -> list[Hit]:
        """Everything that the rules say about the comment, exceptions taken into account."""
        looks = (self._in_words, self._in_links, self._in_author, self._in_address)
        return [hit for look in looks for hit in look(comment)]

    def _in_words(self, comment: Comment) -> Iterator[Hit]:
        # To read through disguises takes longest of all, and a trial of another kind has no words.
        for field in ("body", "name") if any(self._found[subject] for subject in WORDED) else ():
            text = getattr(comment, field)
            findings = self._words.find(text)
            for match in findings.matches:
                yield Hit(self._line_of(match.rule), field, text[match.start : match.end])
            for unfinished in findings.unfinished:
                yield Hit(self._line_of(unfinished), field, unfinished=True)

    def _in_links(self, comment: Comment) -> Iterator[Hit]:
        if self._found[Subject.LINK_DOMAIN]:
            for named in hosts.named_in(comment):
                lines = self._of_domain(Subject.LINK_DOMAIN, named.host)
                yield from (Hit(line, named.field, named.typed) for line in lines)

    def _in_author(self, comment: Comment) -> Iterator[Hit]:
        by_id, by_email = self._found[Subject.AUTHOR], self._found[Subject.EMAIL]
        yield from (Hit(line, "author") for line in by_id.get(str(comment.author_id), ()))
        if by_email and (index := comment.author.address_index):
            yield from (Hit(line, "email") for line in by_email.get(index, ()))
        if self._found[Subject.EMAIL_DOMAIN] and comment.author.email:
            host = host_of(comment.author.email.rpartition("@")[2])
            yield from (Hit(line, "email") for line in self._of_domain(Subject.EMAIL_DOMAIN, host))

    def _in_address(self, comment: Comment) -> Iterator[Hit]:
        if self._prefixes and comment.address:
            for network in _around(ipaddress.ip_network(comment.address), self._prefixes):
                yield from (Hit(line, "address") for line in self._found[Subject.ADDRESS].get(str(network), ()))

    def _of_domain(self, subject: Subject, host: str) -> Iterator[Line]:
        """Rules about the host, and about what it lies below."""
        labels = host.split(".")
        for at in range(len(labels)):
            yield from self._found[subject].get(".".join(labels[at:]), ())

    def _all(self) -> Iterator[Line]:
        return (line for lines in self._found.values() for found in lines.values() for line in found)

    def _worded(self) -> Iterator[Line]:
        return (line for line in self._all() if line.subject in WORDED)

    def _line_of(self, rule: words.Rule) -> Line:
        # What the site says about a word goes before what Kaiwa says.
        return self._found[rule.kind][rule.text][0]


def _own() -> Iterator[Line]:
    for check, listed in ALARMS.items():
        yield from (Line(None, Subject.WORD, Effect.HOLD, word, word, check=check) for word in listed)
    yield from (Line(None, Subject.WORD, Effect.ALLOW, word, word) for word in HARMLESS)


def _listed(line: Line) -> words.Rule:
    return words.Rule(line.value, words.Kind(line.subject), allows=line.effect == Effect.ALLOW)


def _around(network: Network, prefixes: Iterable[int]) -> Iterator[Network]:
    return (network.supernet(new_prefix=prefix) for prefix in prefixes if prefix <= network.prefixlen)

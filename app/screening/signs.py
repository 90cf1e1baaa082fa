"""Signs of spam that need no training. They only sort the queue: they hold and reject nothing."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from app.lib import near_duplicates
from app.lib.script import foreign_script
from app.lib.secrets import is_unreadable
from app.lib.urls import host_of
from app.models import Status
from app.models.duplicates import near_copies
from app.screening import hosts
from app.screening.case import Case, Finding, Verdict

THROWAWAY_DOMAINS = Path(__file__).parent / "data" / "throwaway_domains.txt"
# Weights of all signs from which a comment is probably spam: several signs, or a strong one and a weak one.
TOGETHER = 3
STRONG, WEAK = 2, 1
# A repeated text is strong only from so many copies: two readers may quote the same sentence.
SEVERAL_COPIES = 3
MANY_LINKS = 4
MOST_FOUND = 10

# A short host and one short segment.
SHORT_LINK = re.compile(
    r"(?<![\w.@-])([a-z0-9-]{1,8}\.([a-z]{2,6}))/([\w-]{3,10})(?![\w/?=&%-]|\.\w)", re.ASCII | re.IGNORECASE
)
# Shorteners are rarely in these domains, whose short names belong to large sites.
LONG_LIVED = frozenset(["com", "org", "net", "gov", "edu", "int", "mil", "jp"])
# Short links that each lead to one known site.
OF_ONE_SITE = frozenset(
    [
        *["youtu.be", "flic.kr", "nyti.ms", "wapo.st", "bbc.in", "reut.rs", "econ.st", "cnn.it", "redd.it", "g.co"],
        *["git.io", "gofund.me", "forms.gle", "fb.watch", "spoti.fi", "nico.ms", "pin.it", "amzn.asia", "amzn.eu"],
    ]
)


def throwaway(case: Case) -> Finding | None:
    """The email address is at a provider of throw-away addresses."""
    email = case.comment.author.email
    if not email or is_unreadable(email):
        return None
    labels = host_of(email.rpartition("@")[2]).split(".")
    known = _throwaway_domains()
    listed = any(".".join(labels[at:]) in known for at in range(len(labels) - 1))
    return Finding("throwaway", Verdict.PASS) if listed else None


def short_links(case: Case) -> Finding | None:
    """A link that looks shortened, by a shortener that is not listed."""
    found = list(dict.fromkeys(_short_links(case)))
    return Finding("short_links", Verdict.PASS, {"found": found[:MOST_FOUND]}) if found else None


def script(case: Case) -> Finding | None:
    """Written in another script than the page's and the site's language."""
    lang = case.comment.lang or case.site.lang
    found = foreign_script(case.comment.body, (lang, case.site.lang))
    return Finding("script", Verdict.PASS, {"script": found, "lang": lang}) if found else None


def copies(case: Case) -> Finding | None:
    """Near-copies on the site without approval. A short text counts only with a link to elsewhere.

    A comment joins the group of its near-copies here, before it is stored.
    """
    linked = any(not mention.is_under(case.site.hosts) for mention in case.hosts)
    if not linked and near_duplicates.is_short(case.comment.body):
        return None
    case.comment.cluster, counts = near_copies(case.comment, near_duplicates.keys_of(case.comment.body))
    count = counts[Status.PENDING] + counts[Status.SPAM] + counts[Status.REJECTED]
    if not count or counts[Status.APPROVED] >= count:
        return None
    return Finding("copies", Verdict.PASS, {"count": count, "spam": counts[Status.SPAM], "linked": linked})


def weight_of(reasons: list[dict[str, Any]]) -> int:
    """The weights of all signs among a comment's reasons."""
    return sum(_WEIGHTS[reason["check"]](reason) for reason in reasons if reason["check"] in _WEIGHTS)


def _short_links(case: Case) -> Iterator[str]:
    foreign = {mention.host for mention in case.hosts if not mention.is_under(hosts.SHORTENERS)} - case.site.hosts
    for match in SHORT_LINK.finditer(f"{case.comment.body}\n{case.comment.website}"):
        host, ending = match[1].lower(), match[2].lower()
        if host in foreign and ending not in LONG_LIVED and host not in OF_ONE_SITE and _is_random(match[3]):
            yield match[0]


def _is_random(segment: str) -> bool:
    """Digits between letters, or capitals after the first character: no word of a page's address."""
    digits, capitals = any(map(str.isdigit, segment)), any(map(str.isupper, segment[1:]))
    return (digits and not segment.isdigit()) or (capitals and any(map(str.islower, segment)))


@cache
def _throwaway_domains() -> frozenset[str]:
    lines = THROWAWAY_DOMAINS.read_text(encoding="ascii").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _weight_of_copies(reason: dict[str, Any]) -> int:
    if not reason["spam"] and reason["count"] < SEVERAL_COPIES:
        return WEAK
    return STRONG + WEAK if reason.get("linked") else STRONG


_WEIGHTS: dict[str, Callable[[dict[str, Any]], int]] = {
    "shorteners": lambda _reason: STRONG,
    "short_links": lambda _reason: STRONG,
    "look_alikes": lambda _reason: STRONG,
    "throwaway": lambda _reason: STRONG,
    "copies": _weight_of_copies,
    "script": lambda _reason: WEAK,
    "links": lambda reason: WEAK if reason.get("count", 0) >= MANY_LINKS else 0,
}

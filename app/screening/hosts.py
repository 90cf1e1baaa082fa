"""The hosts that a comment names, and those that hide where they lead or pass for others."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from app.lib.text import link_spans
from app.lib.urls import host_of
from app.models import Comment
from app.spam.disguise import LATIN, narrowed

# What reads like a host without being a link; links are found before.
BARE_HOST = re.compile(r"(?<![a-zA-Z0-9.-])[a-zA-Z0-9-]++(?:\.[a-zA-Z0-9-]++)+")
# Hosts that are looked at in one comment; one with more is held for its links anyway.
MOST_HOSTS = 500

# Services whose short addresses lead anywhere. Facts, collected by looking at each.
SHORTENERS = frozenset(
    [
        *"0rz.tw 1url.com adf.ly amzn.to bit.do bit.ly bitly.com bl.ink buff.ly clck.ru cutt.ly dlvr.it fb.me".split(),
        *"goo.gl han.gl ift.tt is.gd j.mp kutt.it lihi.cc lnkd.in me2.do ow.ly qr.ae rb.gy rebrand.ly reurl.cc".split(),
        *"s.id short.io shorturl.at snip.ly soo.gd t.co t.ly tiny.cc tinyurl.com tr.im trib.al u.to urx.blue".split(),
        *"urx.nu urx.red v.gd x.gd ux.nu".split(),
    ]
)
# Digits and pairs that are read as a letter in the name of a host.
DRAWN_ALIKE = (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("5", "s"), ("-", ""))


@dataclass(frozen=True)
class Named:
    """A host as browsers write it, and the address that names it as it was typed in this field."""

    host: str
    typed: str
    field: str

    def lies_in(self, domains: Iterable[str]) -> bool:
        """Is it one of these domains, or below one?"""
        return any(self.host == domain or self.host.endswith(f".{domain}") for domain in domains)


def named_in(comment: Comment) -> list[Named]:
    """Every host that a comment names, once, also those that are no links."""
    typed = {typed: host_of(typed) for typed in islice(_addresses(comment.body), MOST_HOSTS)}
    found = {host: Named(host, typed, "body") for typed, host in reversed(typed.items()) if host}
    if comment.website and (host := host_of(comment.website)):
        found.setdefault(host, Named(host, comment.website, "website"))
    return list(found.values())


def looks_like_another(host: str, ours: Iterable[str]) -> bool:
    """Does it pass for another host: in foreign letters drawn like Latin ones, or for one of `ours`?

    Letters as in Unicode's confusables (UTS 39). A host that ends in a domain of its own script, as рост.рф
    does, says what it is.
    """
    shown, ours = readable(host).removeprefix("www."), {each.removeprefix("www.") for each in ours}
    if any(shown == each or shown.endswith(f".{each}") for each in ours):
        return False
    in_latin = not shown.isascii() and shown.rpartition(".")[2].isascii()
    if in_latin and any(not label.isascii() and label.translate(LATIN).isascii() for label in shown.split(".")):
        return True
    return _drawn(shown) in map(_drawn, ours)


def readable(host: str) -> str:
    """Return the host as people see it: punycode as the letters that it stands for."""
    return ".".join(map(_label, host.split(".")))


def _label(label: str) -> str:
    try:
        return label[4:].encode().decode("punycode") if label.startswith("xn--") else label
    except UnicodeError:  # it stands for nothing, and is shown as it is
        return label


def _drawn(host: str) -> str:
    drawn = host.translate(LATIN)
    for sign, letter in DRAWN_ALIKE:
        drawn = drawn.replace(sign, letter)
    return drawn


def _addresses(text: str) -> Iterator[str]:
    rest, last = [], 0
    for start, end in link_spans(text, bare=True):
        yield text[start:end]
        rest.append(text[last:start])
        last = end
    yield from BARE_HOST.findall(narrowed(" ".join([*rest, text[last:]])).text)

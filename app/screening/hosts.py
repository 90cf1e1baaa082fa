"""Find the hosts in a comment; recognise shorteners and look-alikes."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from app.lib.text import link_spans
from app.lib.urls import host_of
from app.models import Comment
from app.spam.disguise import LATIN, narrowed

# A host without a scheme; links are found first.
BARE_HOST = re.compile(r"(?<![a-zA-Z0-9.-])[a-zA-Z0-9-]++(?:\.[a-zA-Z0-9-]++)+")
# Checked hosts of a comment; more of them are held as links anyway.
MOST_HOSTS = 500

# URL shorteners, each visited.
SHORTENERS = frozenset(
    [
        *"0rz.tw 1url.com adf.ly amzn.to bit.do bit.ly bitly.com bl.ink buff.ly clck.ru cutt.ly dlvr.it fb.me".split(),
        *"goo.gl han.gl ift.tt is.gd j.mp kutt.it lihi.cc lnkd.in me2.do ow.ly qr.ae rb.gy rebrand.ly reurl.cc".split(),
        *"s.id short.io shorturl.at snip.ly soo.gd t.co t.ly tiny.cc tinyurl.com tr.im trib.al u.to urx.blue".split(),
        *"urx.nu urx.red v.gd x.gd ux.nu".split(),
    ]
)
# Digits and pairs that look like another letter.
CONFUSABLE_PAIRS = (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("5", "s"), ("-", ""))


@dataclass(frozen=True)
class HostMention:
    """A canonical host, the address as typed, and its field."""

    host: str
    typed: str
    field: str

    def is_under(self, domains: Iterable[str]) -> bool:
        """True for one of these domains or a subdomain."""
        return any(self.host == domain or self.host.endswith(f".{domain}") for domain in domains)


def hosts_in(comment: Comment) -> list[HostMention]:
    """Every host in a comment once, also without links."""
    typed = {typed: host_of(typed) for typed in islice(_addresses(comment.body), MOST_HOSTS)}
    found = {host: HostMention(host, typed, "body") for typed, host in reversed(typed.items()) if host}
    if comment.website and (host := host_of(comment.website)):
        found.setdefault(host, HostMention(host, comment.website, "website"))
    return list(found.values())


def looks_like_another(host: str, ours: Iterable[str]) -> bool:
    """True for a host in foreign letters that look Latin, or one that looks like one of `ours`.

    By Unicode's confusables (UTS 39). A host in the script of its top-level domain, such as рост.рф, is accepted.
    """
    shown, ours = readable(host).removeprefix("www."), {each.removeprefix("www.") for each in ours}
    if any(shown == each or shown.endswith(f".{each}") for each in ours):
        return False
    in_latin = not shown.isascii() and shown.rpartition(".")[2].isascii()
    if in_latin and any(not label.isascii() and label.translate(LATIN).isascii() for label in shown.split(".")):
        return True
    return _skeleton(shown) in map(_skeleton, ours)


def readable(host: str) -> str:
    """Decode punycode."""
    return ".".join(map(_decoded, host.split(".")))


def _decoded(label: str) -> str:
    try:
        return label[4:].encode().decode("punycode") if label.startswith("xn--") else label
    except UnicodeError:  # invalid punycode stays as typed
        return label


def _skeleton(host: str) -> str:
    skeleton = host.translate(LATIN)
    for sign, letter in CONFUSABLE_PAIRS:
        skeleton = skeleton.replace(sign, letter)
    return skeleton


def _addresses(text: str) -> Iterator[str]:
    rest, last = [], 0
    for start, end in link_spans(text, bare=True):
        yield text[start:end]
        rest.append(text[last:start])
        last = end
    yield from BARE_HOST.findall(narrowed(" ".join([*rest, text[last:]])).text)

"""The content of a shared list: words and domains with their expiry, by strangers, and never about people."""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import regex

from app.lib import personal_data
from app.lib.clock import now
from app.lib.public_suffixes import is_public_suffix
from app.lib.signed_list import BadList, parsed
from app.lib.text import clean_line
from app.lib.urls import host_of
from app.models import Moderator, Site, Subject
from app.models.shared_list import LONGEST_NAME
from app.screening import rules
from app.spam import words
from app.spam.disguise import fold

FORMAT, VERSION = "kaiwa-list", 1
# The member of an entry that names its value.
KINDS = {"word": Subject.WORD, "domain": Subject.LINK_DOMAIN}
MOST_LINES = 5_000
LONGEST_VALUE = 253  # characters
# No file is used for longer after its issue, and its clock may be ahead by so much.
LONGEST_LIFE, AHEAD = timedelta(days=366), timedelta(days=1)
HIGHEST = 1 << 53
# Why a line is left out; words for them are in app/desk/list_words.py.
LEFT_OUT = ("unknown", "expired", "unreadable", "person", "suffix", "own", "broad", "full")
# Lists and objects beside the entries.
OTHER_CONTAINERS = 20
STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
LIST_ID = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
NO_HOST = re.compile(r"[\s/\\:@?#%*\[\]]")
# Invisible characters, and surrogates, which no database stores.
HIDDEN = regex.compile(r"[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]")
WIDE_LETTER = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]")
# A shorter word is in most texts.
SHORTEST, SHORTEST_WIDE = 3, 2
# Parts of nearly every address; a list must not hold every link.
OF_ADDRESSES = "https://www.example.com/index.html http://www.example.org/index.php?id=1&amp;page=2#top net info jp"

# Ordinary sentences, short ones, for the same reason.
EVERYDAY = """
i think that this is what you and they have been asking for
but there was something about it with the others which are not
from here. thanks for your comment! how do we know who will say
when it comes out? she did, he had, as if by all of its own
この記事について、とても良いと思います。
しかし、それはどうでしょうか。私もそうですが、
ありがとうございました。そんなことはないと言われていますし、
どこにもなくて、これからも見ているのですけど。ません。ましたね。
"""


class Line(NamedTuple):
    subject: Subject
    value: str
    expires_at: datetime

    @property
    def key(self) -> tuple[str, str]:
        """The same for lines that match the same."""
        return self.subject, rules.compared(self.subject, self.value)


@dataclass
class ListFile:
    """A valid file. `refused` counts the lines that this site does not use, by reason."""

    id: str
    name: str
    sequence: int
    issued_at: datetime
    expires_at: datetime
    lines: list[Line] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


class Own(NamedTuple):
    """The name and the hosts of the site that uses a list, and the folded names of its moderators."""

    name: str
    hosts: tuple[str, ...]
    staff: frozenset[str] = frozenset()

    @classmethod
    def of(cls, site: Site) -> "Own":
        hosts = tuple(sorted(host.removeprefix("www.") for host in site.hosts if host))
        return cls(site.name, hosts, frozenset(map(fold, (*site.staff_names, *Moderator.names_on(site)))))


class BadLine(ValueError):
    """`args[0]`: why; one of LEFT_OUT."""


def read(payload: bytes, own: Own) -> ListFile:
    """The file as a site can use it. Raises BadList with malformed, too_many_lines, expired or future."""
    given = _parsed(payload)
    found = _head(given)
    known: set[tuple[str, str]] = set()
    for entry in given["entries"]:
        try:
            line = _line(own, entry, found.expires_at)
        except BadLine as bad:
            found.refused[bad.args[0]] += 1
        else:
            if line.key not in known:
                known.add(line.key)
                found.lines.append(line)
    book = words.WordList(words.Rule(line.value) for line in found.lines if line.subject == Subject.WORD)
    _drop_words_in(_addresses(own), book, found, "own")
    _drop_words_in(EVERYDAY.splitlines(), book, found, "broad")
    return found


def shown_name(site: Site) -> str:
    """The site's name as a file can have it."""
    return clean_line(HIDDEN.sub("", site.name)[:LONGEST_NAME]) or site.key


def check_value(own: Own, subject: Subject, value: str) -> str:
    """The value in its only spelling. Raises BadLine for one that no list may have."""
    if not 0 < len(value) <= LONGEST_VALUE or HIDDEN.search(value) or clean_line(value) != value:
        raise BadLine("unreadable")
    return _domain(own, value) if subject == Subject.LINK_DOMAIN else _word(own, value)


def _parsed(payload: bytes) -> dict[str, Any]:
    bare = STRING.sub(b"", payload)
    if bare.count(b"{") > MOST_LINES + OTHER_CONTAINERS:
        raise BadList("too_many_lines")
    given = parsed(payload) if bare.count(b"[") <= OTHER_CONTAINERS else None
    if not isinstance(given, dict) or (given.get("format"), given.get("version")) != (FORMAT, VERSION):
        raise BadList("malformed")
    if not isinstance(given.get("entries"), list):
        raise BadList("malformed")
    if len(given["entries"]) > MOST_LINES:
        raise BadList("too_many_lines")
    return given


def _head(given: dict[str, Any]) -> ListFile:
    id, name, sequence = given.get("id"), given.get("name"), given.get("sequence")
    if not isinstance(id, str) or not LIST_ID.fullmatch(id) or type(sequence) is not int or not 0 < sequence < HIGHEST:
        raise BadList("malformed")
    if not isinstance(name, str) or len(name) > LONGEST_NAME or HIDDEN.search(name) or not clean_line(name):
        raise BadList("malformed")
    issued, expires = _moment(given.get("issued")), _moment(given.get("expires"))
    if issued is None or expires is None:
        raise BadList("malformed")
    if issued > now() + AHEAD:
        raise BadList("future")
    expires = min(expires, issued + LONGEST_LIFE)
    if expires <= now():
        raise BadList("expired")
    return ListFile(id, clean_line(name), sequence, issued, expires)


def _moment(value: Any) -> datetime | None:
    """A time of RFC 3339 with its zone."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and len(value) <= 40 else None
        return found.astimezone(UTC) if found and found.tzinfo and 1970 < found.year < 9000 else None
    except (ValueError, OverflowError):
        return None


def _line(own: Own, entry: Any, list_expires: datetime) -> Line:
    kinds = [kind for kind in KINDS if isinstance(entry, dict) and kind in entry]
    if len(kinds) != 1 or not isinstance(entry[kinds[0]], str):
        raise BadLine("unknown")
    expires = _moment(entry["expires"]) if "expires" in entry else list_expires
    if expires is None:
        raise BadLine("unknown")
    if expires <= now():
        raise BadLine("expired")
    subject = KINDS[kinds[0]]
    return Line(subject, check_value(own, subject, entry[kinds[0]]), min(_whole_hour(expires), list_expires))


def _whole_hour(moment: datetime) -> datetime:
    """The next one: with each end of a line, the rules of the site are compiled again."""
    floor = moment.replace(minute=0, second=0, microsecond=0)
    return floor if floor == moment else floor + timedelta(hours=1)


def _domain(own: Own, value: str) -> str:
    host = "" if NO_HOST.search(value) else host_of(value).removeprefix("www.")
    if "." not in host:
        # A name without a dot is a top-level domain.
        raise BadLine("suffix" if host else "unreadable")
    if _is_address(host):
        raise BadLine("person")
    if is_public_suffix(host):
        raise BadLine("suffix")
    if any(_overlap(host, each) for each in own.hosts):
        raise BadLine("own")
    return host


def _word(own: Own, value: str) -> str:
    folded = fold(value.strip("* "))
    if _is_personal(value) or folded in own.staff:
        raise BadLine("person")
    try:
        words.check(words.Rule(value))
    except words.BadRule as bad:
        raise BadLine("unreadable") from bad
    least = SHORTEST_WIDE if WIDE_LETTER.search(folded) else SHORTEST
    # Many top-level domains are words, such as casino.
    suffix = "." in folded and is_public_suffix(folded.strip(". "))
    if suffix or sum(map(str.isalnum, folded)) < least:
        raise BadLine("broad")
    return value


def _addresses(own: Own) -> list[str]:
    """The site's own name and addresses, and parts of those of everybody."""
    return [own.name, *own.hosts, *(f"https://{host}/" for host in own.hosts), OF_ADDRESSES]


def _drop_words_in(texts: Iterable[str], book: words.WordList, found: ListFile, why: str) -> None:
    """Without the words that match one of these short texts."""
    hit = {match.rule.text for text in texts for match in book.find(text).matches}
    kept = [line for line in found.lines if line.subject != Subject.WORD or line.value not in hit]
    if len(kept) < len(found.lines):
        found.refused[why] += len(found.lines) - len(kept)
        found.lines = kept


def _overlap(host: str, own: str) -> bool:
    return host == own or own.endswith(f".{host}") or host.endswith(f".{own}")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_personal(word: str) -> bool:
    finders = (
        personal_data.email_addresses, personal_data.phone_numbers, personal_data.my_numbers,
        personal_data.postal_addresses,
    )  # fmt: skip
    plain = word.strip("* ")
    return "@" in word or _is_network(plain) or any(find(plain) for find in finders)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True

"""Turn one field as another system wrote it into a plain value."""

import hashlib
import re
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from ipaddress import IPv6Address, ip_address

MAX_LINE = 2_000  # characters of a name, an address or a title; longer ones are shortened with a note
MAX_BODY = 1 << 20  # characters of a comment; WordPress keeps at most 65,535 bytes

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# What XML 1.0 section 2.2 forbids; JSON escapes and SQLite can carry the same characters.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?")


def legible(text: str) -> str:
    """`text` without NUL, other controls, lone surrogates and non-characters; tabs and newlines stay."""
    return _ILLEGAL.sub("", text)


def one_line(value: object) -> str:
    """A field that is one line: text or number; anything else (null, list, object) becomes ''."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = legible(str(value)[: MAX_LINE * 4])
    return " ".join(text.split())[:MAX_LINE]


def is_shortened(*values: object) -> bool:
    """Whether `one_line` cuts any of the values."""
    return any(isinstance(value, str) and len(value.strip()) > MAX_LINE for value in values)


def moment(value: str, zone: tzinfo = UTC) -> datetime | None:
    """An aware UTC time from ISO 8601, MySQL or RFC 5322 notation; one without a zone is of `zone`.

    An hour that the clocks showed twice is the first of the two; one that they left out, what it would have been.
    None for what cannot be read, and for MySQL's 0000-00-00.
    """
    text = value.strip()[:64]
    try:
        when = _written(text)
        return when.replace(tzinfo=when.tzinfo or zone).astimezone(UTC)
    except (ValueError, OverflowError, IndexError, TypeError):  # parsedate lets all of them through
        return None


def _written(text: str) -> datetime:
    if _ISO_DATE.match(text):
        return datetime.fromisoformat(text)
    return parsedate_to_datetime(text)


def moment_of_epoch(seconds: object) -> datetime | None:
    """An aware UTC time from seconds since 1970; None where that is no number or no date."""
    try:
        return datetime.fromtimestamp(float(seconds), UTC)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def address(value: object) -> str:
    """An IP address in canonical form, IPv4 taken out of ::ffff:0:0/96; '' for anything else (hashes)."""
    try:
        ip = ip_address(one_line(value).split(",")[0].strip())
    except ValueError:
        return ""
    if isinstance(ip, IPv6Address) and ip.scope_id:
        return ""  # a zone has no meaning to others
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return str(mapped or ip)


def made_up_id(*parts: str) -> str:
    """An id for a record that has none: equal content gives the same id, so a second run adds nothing."""
    digest = hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=12)
    return "made-" + digest.hexdigest()

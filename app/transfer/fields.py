"""Parse fields of other systems."""

import hashlib
import re
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from ipaddress import IPv6Address, ip_address

MAX_LINE = 2_000  # characters of a name, address or title; longer ones are shortened with a note
MAX_BODY = 1 << 20  # characters of a comment; WordPress stores at most 65,535 bytes

MAX_VOTES = 1_000_000

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Forbidden by XML 1.0, section 2.2; JSON and SQLite can contain them.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?")


def legible(text: str) -> str:
    """`text` without controls, lone surrogates and non-characters; tabs and newlines stay."""
    return _ILLEGAL.sub("", text)


def one_line(value: object) -> str:
    """Text or number as one line; '' for other types."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = legible(str(value)[: MAX_LINE * 4])
    return " ".join(text.split())[:MAX_LINE]


def is_shortened(*values: object) -> bool:
    return any(isinstance(value, str) and len(value.strip()) > MAX_LINE for value in values)


def moment(value: str, zone: tzinfo = UTC) -> datetime | None:
    """Parse ISO 8601, MySQL or RFC 5322 into an aware UTC time; without a zone, in `zone`.

    Of an ambiguous local time (end of summer time) the first is used; a skipped one is read with the earlier offset.
    None for invalid times, for MySQL's 0000-00-00, and for times before 1970.
    """
    text = value.strip()[:64]
    try:
        when = _written(text)
        return _since_epoch(when.replace(tzinfo=when.tzinfo or zone).astimezone(UTC))
    except (ValueError, OverflowError, IndexError, TypeError):  # parsedate lets all of them through
        return None


def _written(text: str) -> datetime:
    if _ISO_DATE.match(text):
        return datetime.fromisoformat(text)
    return parsedate_to_datetime(text)


def moment_of_epoch(seconds: object) -> datetime | None:
    """An aware UTC time from seconds since 1970; None if invalid."""
    try:
        return _since_epoch(datetime.fromtimestamp(float(seconds), UTC))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def moment_of_milliseconds(value: object) -> datetime | None:
    """The same from milliseconds, as JavaScript counts them."""
    try:
        return moment_of_epoch(float(value) / 1000)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None


def _since_epoch(when: datetime) -> datetime | None:
    """No comment on the web is older; the year 1 cannot even be shown in every time zone."""
    return when if when >= EPOCH else None


def votes(value: object) -> int:
    """A number of votes, 0 for anything else."""
    return min(value, MAX_VOTES) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def address(value: object) -> str:
    """A canonical IP address, IPv4-mapped ones as IPv4; '' for anything else (hashes)."""
    try:
        ip = ip_address(one_line(value).split(",")[0].strip())
    except ValueError:
        return ""
    if isinstance(ip, IPv6Address) and ip.scope_id:
        return ""  # a zone is valid on one machine only
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return str(mapped or ip)


def made_up_id(*parts: str) -> str:
    """An id from the content of a record without one, so a second run adds nothing."""
    digest = hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=12)
    return "made-" + digest.hexdigest()

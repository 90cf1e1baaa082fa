"""Parse http(s) URLs like browsers (WHATWG URL 3.5); refuse those that other programs read differently."""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple
from urllib.parse import unquote

import idna
import regex

MAX_INPUT = 8000  # characters; the canonical form may be much shorter
MAX_PORT = 65535
MAX_HOST = 253  # characters (RFC 1035, 2.3.4)
# Typed with ignorable characters and percent-encoded. UTS 46 mapping is quadratic in combining marks.
MAX_TYPED_HOST = 4 * MAX_HOST
MAX_ENCODED_HOST = 12 * MAX_HOST
CACHE_SIZE = 256  # URLs; a page is requested many times while it is read

PARTS = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.I | re.S)
CONTROL = regex.compile(r"[\p{Cc}\p{Cs}]")  # browsers drop some of these and encode others
FORBIDDEN_IN_HOST = regex.compile(r"[\x00-\x20\x7f#/:<>?@\[\]\\^|%]")  # WHATWG URL 3.5, domain code points
NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.I)


class Url(NamedTuple):
    """`host` as browsers serialise it; `port` is '' for the default."""

    scheme: str
    user: str
    host: str
    port: str
    path: str
    query: str
    fragment: str

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port else "")


@lru_cache(maxsize=CACHE_SIZE)
def parse_url(url: str) -> Url:
    """Raises ValueError for URLs that browsers refuse or that could be read in two ways."""
    if len(url) > MAX_INPUT:
        raise ValueError("address is too long")
    url = url.strip()
    if CONTROL.search(url):
        raise ValueError("address has a control character")
    parts = PARTS.fullmatch(url)
    if not parts:
        raise ValueError(f"not an http(s) address: {url[:80]!r}")
    scheme, authority = parts[1].lower(), parts[2]
    # Browsers read it as a slash: https://ours\@theirs has host "ours" for them, "theirs" for others.
    if "\\" in authority:
        raise ValueError("address has a backslash in its host")
    user, _, place = authority.rpartition("@")
    host, port = _host_and_port(place)
    default = {"http": "80", "https": "443"}[scheme]
    return Url(
        scheme,
        user,
        _host(host),
        "" if port == default else port,
        parts[3],
        parts[4] or "",
        parts[5] or "",
    )


def _host_and_port(place: str) -> tuple[str, str]:
    match = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]*))?", place)
    if not match:
        raise ValueError(f"no host and port: {place[:80]!r}")
    port = (match[2] or "").lstrip("0") or ("0" if match[2] else "")
    if len(port) > len(str(MAX_PORT)) or int(port or 0) > MAX_PORT:
        raise ValueError("no such port")
    return match[1], port


def _host(host: str) -> str:
    """The host parser of WHATWG URL 3.5: percent-decode, UTS 46, then a name or a number."""
    if len(host) > MAX_ENCODED_HOST:
        raise ValueError("host is too long")
    if host.startswith("["):
        return _ipv6(host[1:-1])
    name = _ascii(unquote(host, errors="strict"))
    if not name.strip(".") or ".." in name or CONTROL.search(name) or FORBIDDEN_IN_HOST.search(name):
        raise ValueError("no host")
    last = name.removesuffix(".").rsplit(".", 1)[-1]
    return _ipv4(name.removesuffix(".")) if NUMBER.fullmatch(last) else name


def _ascii(name: str) -> str:
    if name.isascii() and "xn--" not in name.lower():
        return name.lower()
    if len(name) > MAX_TYPED_HOST:
        raise ValueError("host is too long")
    mapped = idna.uts46_remap(name, std3_rules=False)
    # Browsers accept labels that IDNA 2008 does not (emoji); the mapping above refuses invalid ones.
    labels = [each if each.isascii() else "xn--" + each.encode("punycode").decode() for each in mapped.split(".")]
    return ".".join(labels).lower()


def _ipv4(name: str) -> str:
    """Like browsers, which read 0x7f.1 and 2130706433 as 127.0.0.1."""
    numbers = [_ipv4_number(each) for each in name.split(".")]
    *firsts, last = numbers
    if len(numbers) > 4 or any(each > 255 for each in firsts) or last >= 256 ** (5 - len(numbers)):
        raise ValueError("no such address")
    return str(IPv4Address(last + sum(each * 256 ** (3 - place) for place, each in enumerate(firsts))))


def _ipv4_number(text: str) -> int:
    if not NUMBER.fullmatch(text) or len(text) > 20:
        raise ValueError("no such address")
    if text[:2].lower() == "0x":
        return int(text[2:] or "0", 16)
    return int(text, 8) if text[0] == "0" else int(text)


def _ipv6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except AddressValueError as trouble:
        raise ValueError(str(trouble)) from trouble
    if address.scope_id:
        raise ValueError("a zone has no meaning to others")
    if address.ipv4_mapped:  # some Pythons write these with dots, browsers do not
        return f"[::ffff:{int(address) >> 16 & 0xFFFF:x}:{int(address) & 0xFFFF:x}]"
    return f"[{address.compressed}]"

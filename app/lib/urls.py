"""Addresses: which page is meant, who may embed it, and what may be linked."""

import re
import string
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple
from urllib.parse import quote, unquote

import idna
import regex

LONGEST = 2000  # characters; what a comment form accepts and every browser and proxy carries
LONGEST_READ = 8000  # characters of an address that is taken apart; what it means may be much shorter
HIGHEST_PORT = 65535

# Nothing that a person types on purpose, all that hides where a link leads: white space, controls, format
# characters (bidi, zero width, tags), unassigned and surrogates, and what ends an attribute or a host
# elsewhere.
UNSAFE = regex.compile(r"""[\s\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\\"'`<>]""")

PARTS = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.I | re.S)
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?!\d)", re.I)
UNREADABLE = regex.compile(r"[\p{Cc}\p{Cs}]")  # browsers drop some of these and encode others
FORBIDDEN_IN_HOST = regex.compile(r"[\x00-\x20\x7f#/:<>?@\[\]\\^|%]")  # WHATWG URL 3.5, domain code points
HOST_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")
ORIGIN = re.compile(r"https?://[^/?#@\\]+/?", re.I)
NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.I)

# What means the same written plainly and percent-encoded: RFC 3986's unreserved characters, and those that it
# reserves but that divide nothing in a path or a query as servers read them: /wiki/Go_(game),
# /wiki/Go_%28game%29.
UNRESERVED = string.ascii_letters + string.digits + "-._~"
PLAIN_IN_PATH = frozenset(UNRESERVED + "!$&()*+,:;=@")
PLAIN_IN_QUERY = frozenset(UNRESERVED + "!$()*,/:;?@")
KEPT_IN_ADDRESS = "!$&()*+,/:;=?@[]~%#-._^|{}"
PERCENT = re.compile(r"%([0-9a-f]{2})", re.I)

# Names by which newsletters, advertisers and social networks follow a click. Each is used for nothing else;
# `ref`, `source` or `id` may choose an article somewhere and are kept.
TRACKING = re.compile(
    r"""utm_\w+ | utm-\w+ | mtm_\w+ | matomo_\w+ | pk_\w+ | piwik_\w+ | hsa_\w+ | _hs\w+ | __hs\w+
    | hsctatracking | gclid | gclsrc | dclid | gbraid | wbraid | gad_source | gad_campaignid | srsltid
    | _ga | _gac | _gl | fbclid | fb_action_ids | fb_action_types | fb_ref | fb_source | igsh | igshid
    | twclid | ttclid | yclid | msclkid | li_fat_id | epik | scclid | rdt_cid | wickedid | s_kwcid | ef_id
    | __twitter_impression | mc_cid | mc_eid | mkt_tok | vero_id | vero_conv | oly_anon_id | oly_enc_id
    | rb_clickid | _openstat | ml_subscriber | ml_subscriber_hash | at_medium | at_campaign | at_custom\d
    | cmpid | ncid | wt_mc | wt\.mc_id | guccounter | guce_referrer | guce_referrer_sig | soc_src
    | soc_trk | ga_(source|medium|term|content|campaign|place) | (itm|otm|hmb)_(source|medium|campaign)
    | action_(object|type|ref)_map | gs_l | mc_tc | os_ehash | s_cid | wt_?z?mc | wtrid | ceneo_spo
    | tracking_source | __s | echobox | spm | vn_\w+ | (itm|otm|hmb|mtm|utm)(_\w+)?
    | phpsessid | jsessionid | aspsessionid\w* | asp\.net_sessionid | cfid | cftoken | osgsid""",
    re.I | re.X,
)
AMP_PARAMETER = re.compile(r"outputtype=amp|amp(=|=1|=true)?", re.I)
AMP_FILE = re.compile(r"(?<!\.amp)(\.amp)+(?=\.html?$)", re.I)
INDEX = re.compile(r"(index\.([xs]?html?|php[3-8]?|aspx?|jsp|cgi)|default\.(aspx?|html?))", re.I)
REPEATED_SLASH = re.compile("(?<!:)/{2,}")  # of careless templates; /https://… within a path is an address
SESSION = re.compile(r";(jsessionid|phpsessid)=[^/;]*", re.I)
# How many addresses of pages are not taken apart again: a page is asked for many times while it is read.
REMEMBERED = 256
# Characters (RFC 1035, 2.3.4, without the length of the first label and the root).
LONGEST_HOST = 253
# The same as it is typed, with letters that mean nothing in a host, and that percent-encoded. Mapping it takes time by
# the square of a run of marks.
LONGEST_TYPED_HOST = 4 * LONGEST_HOST
LONGEST_ENCODED_HOST = 12 * LONGEST_HOST


class Address(NamedTuple):
    """The parts of an http(s) address: `host` as browsers serialise it, `port` '' where it is the default."""

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


@lru_cache(maxsize=REMEMBERED)
def page_key(url: str) -> str:
    """Return the key under which the page at `url` is known: one for all the ways to write its address.

    http and https, host case, default ports, a trailing dot, dot segments, percent-encoding, IDN, trailing
    slashes, index files, session ids, tracking parameters, the order of parameters, and the fragment make no
    difference. `www.` does: nothing promises that both hosts show the same site, and a page names its own
    with a canonical link. So does `/amp`, which is an article about amplifiers elsewhere. The key looks like
    an https address so that it can be put in again and gives itself, but is not meant to be opened.

    Raises ValueError for anything that is not http(s) with a host.
    """
    address = _split(url)
    host = address.host.removesuffix(".")
    # 80 and 443 only: the scheme is not part of the key, so neither can be its default port.
    port = "" if address.port in ("", "80", "443") else f":{address.port}"
    return f"https://{host}{port}{_key_path(address.path)}{_key_query(address.query)}"


@lru_cache(maxsize=REMEMBERED)
def canonical(url: str) -> str:
    """Return the address of a page as it is stored and linked to: it opens, and names only the page.

    Without user info, fragment, tracking and session parameters, default port and dot segments; host and percent
    encoding in the form of `page_key`. Unlike there, scheme, index file, trailing slash and the order of parameters
    stay, since a server may answer to nothing else. Raises ValueError like `page_key`.
    """
    address = _split(url)
    path = "/".join(_resolved(SESSION.sub("", _one_encoding(address.path, PLAIN_IN_PATH, kept="/")).split("/")))
    host = address.host.removesuffix(".")
    port = f":{address.port}" if address.port else ""
    pairs = _pairs(address.query)
    return f"{address.scheme}://{host}{port}/{path}" + ("?" + "&".join(pairs) if pairs else "")


def origin_of(url: str) -> str | None:
    """Return the origin (scheme://host[:port]) as browsers write it (WHATWG URL, HTML 7.1.1), or None."""
    try:
        return _split(url).origin
    except ValueError:
        return None


def origin(typed: str) -> str:
    """Return an origin that a person typed as browsers write it. Raises ValueError.

    Only scheme, host and port: origins become part of the Content-Security-Policy header, where `;`, spaces and
    `*` have a meaning. A slash after the host is what people paste, and says nothing.
    """
    address = _split(typed)
    name = address.host
    fine = HOST_NAME.fullmatch(name) or (name.startswith("[") and name.endswith("]"))
    if not fine or len(name) > LONGEST_HOST or address.port == "0" or not ORIGIN.fullmatch(typed.strip()):
        raise ValueError(f"not an origin: {typed[:80]!r}")
    return address.origin


def is_origin(stored: object) -> bool:
    """True for what `origin` returns, and so for what may stand in a header."""
    try:
        return isinstance(stored, str) and origin(stored) == stored
    except ValueError:
        return False


def host_of(url: str) -> str:
    """Return the host that an address leads to, as browsers serialise it, without a final dot; '' for none.

    What is longer than a name can be leads nowhere.
    """
    try:
        host = _split(url if "://" in url else f"https://{url}").host.removesuffix(".")
    except ValueError:
        return ""
    return host if len(host) <= LONGEST_HOST else ""


def is_allowed(url_or_origin: str, origins: Iterable[str]) -> bool:
    """Is this address, or this origin, of exactly one of `origins`? Suffixes and other ports are others."""
    origin = origin_of(url_or_origin)
    return origin is not None and any(origin == origin_of(each) for each in origins)


def clean_website(url: str) -> str:
    """Return what a person typed as her web site as a safe address; '' stays ''.

    Without a scheme it becomes https. Raises ValueError like `outgoing`, and for a bare word that is no host.
    """
    url = url.strip()
    if not url:
        return ""
    if "://" in url:
        return outgoing(url)
    if url.startswith("/") or SCHEME.match(url) or "." not in re.split(r"[/?#:]", url)[0]:
        raise ValueError(f"not a web address: {url[:80]!r}")
    return outgoing(f"https://{url}")


def outgoing(url: str) -> str:
    """Return an address of somebody else, rebuilt from its parts in ASCII, that is safe as a link's href.

    Only http(s) with '://' and a host, no user information, none of UNSAFE, at most LONGEST characters
    (docs/security: what plain bleach leaves). Given its own output it returns the same. Raises ValueError
    otherwise.
    """
    if len(url) > LONGEST:
        raise ValueError("address is too long")
    if UNSAFE.search(url):
        raise ValueError("address has a character that hides where it leads")
    address = _split(url)
    if address.user:
        raise ValueError("address names a user")
    rest = quote(f"{address.path}{address.query}{address.fragment}", safe=KEPT_IN_ADDRESS)
    whole = f"{address.origin}{rest}"
    if len(whole) > LONGEST:
        raise ValueError("address is too long")
    if UNSAFE.search(whole):  # the host was percent-decoded
        raise ValueError("address has a character that hides where it leads")
    return whole


def linkable(url: str) -> str:
    """Return the address as a link may carry it (`outgoing`), or '' for what must stay text.

    A ' is encoded first: people copy …/wiki/Schrödinger's_cat as it stands.
    """
    try:
        return outgoing(url.replace("'", "%27"))
    except ValueError:
        return ""


@lru_cache(maxsize=REMEMBERED)
def _split(url: str) -> Address:
    """Raises ValueError where a browser would refuse, or would read something else than we do."""
    if len(url) > LONGEST_READ:
        raise ValueError("address is too long")
    url = url.strip()
    if UNREADABLE.search(url):
        raise ValueError("address has a control character")
    parts = PARTS.fullmatch(url)
    if not parts:
        raise ValueError(f"not an http(s) address: {url[:80]!r}")
    scheme, authority = parts[1].lower(), parts[2]
    if "\\" in authority:  # a slash for browsers: https://ours\@theirs is ours to them and theirs to others
        raise ValueError("address has a backslash in its host")
    user, _, place = authority.rpartition("@")
    host, port = _host_and_port(place)
    default = {"http": "80", "https": "443"}[scheme]
    return Address(
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
    if len(port) > len(str(HIGHEST_PORT)) or int(port or 0) > HIGHEST_PORT:
        raise ValueError("no such port")
    return match[1], port


def _host(host: str) -> str:
    """The host parser of WHATWG URL 3.5: percent-decode, UTS 46, then a name or a number."""
    if len(host) > LONGEST_ENCODED_HOST:
        raise ValueError("host is too long")
    if host.startswith("["):
        return _ipv6(host[1:-1])
    name = _ascii(unquote(host, errors="strict"))
    if not name.strip(".") or ".." in name or UNREADABLE.search(name) or FORBIDDEN_IN_HOST.search(name):
        raise ValueError("no host")
    last = name.removesuffix(".").rsplit(".", 1)[-1]
    return _ipv4(name.removesuffix(".")) if NUMBER.fullmatch(last) else name


def _ascii(name: str) -> str:
    if name.isascii() and "xn--" not in name.lower():
        return name.lower()
    if len(name) > LONGEST_TYPED_HOST:
        raise ValueError("host is too long")
    mapped = idna.uts46_remap(name, std3_rules=False)
    # Browsers take labels that IDNA 2008 does not (emoji); the mapping above has refused what nobody takes.
    labels = [each if each.isascii() else "xn--" + each.encode("punycode").decode() for each in mapped.split(".")]
    return ".".join(labels).lower()


def _ipv4(name: str) -> str:
    """Browsers read 0x7f.1 and 2130706433 as 127.0.0.1, and so must a comparison of origins."""
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


def _key_path(path: str) -> str:
    path = SESSION.sub("", _one_encoding(path, PLAIN_IN_PATH, kept="/"))
    path = REPEATED_SLASH.sub("/", path)
    segments = [AMP_FILE.sub("", each) for each in _without_dots(path.split("/"))]
    while segments and (not segments[-1] or INDEX.fullmatch(segments[-1])):
        segments.pop()
    return "/" + "/".join(segments)


def _without_dots(segments: list[str]) -> list[str]:
    """RFC 3986, 5.2.4."""
    kept: list[str] = []
    for segment in segments[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    return kept


def _resolved(segments: list[str]) -> list[str]:
    """Without dots, and with the slash behind a folder that they named."""
    return [*_without_dots(segments), *([""] if segments[-1] in (".", "..") else [])]


def _pairs(query: str) -> list[str]:
    """The parameters that may choose what the page shows."""
    pairs = [_one_encoding(each, PLAIN_IN_QUERY, kept="=+").replace("%20", "+") for each in query[1:].split("&")]
    return [each for each in pairs if each and not _is_tracking(each)]


def _key_query(query: str) -> str:
    kept = _pairs(query)
    # By name only: servers read ?tag=a&tag=b in order, but no site means another article by ?b=1&a=2.
    kept.sort(key=lambda each: each.split("=", 1)[0])
    return "?" + "&".join(kept) if kept else ""


def _is_tracking(pair: str) -> bool:
    return bool(AMP_PARAMETER.fullmatch(pair) or TRACKING.fullmatch(pair.split("=", 1)[0]))


def _one_encoding(text: str, plain: frozenset[str], kept: str) -> str:
    """RFC 3986, 6.2.2: UTF-8, upper-case hex, and never percent-encoded what needs no encoding."""
    encoded = quote(text, safe="".join(plain) + kept + "%")
    encoded = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", encoded)

    def shortest(match: re.Match[str]) -> str:
        char = chr(int(match[1], 16))
        return char if char in plain else match[0].upper()

    return PERCENT.sub(shortest, encoded)

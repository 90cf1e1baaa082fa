"""URLs: the key of a page, its canonical form, allowed origins, and safe links."""

import re
import string
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

import regex

from app.lib.url_parser import CACHE_SIZE, MAX_HOST, parse_url

MAX_LENGTH = 2000  # characters; all browsers and proxies support this

# Characters that hide where a link leads: white space, controls, format characters, unassigned code points, surrogates,
# delimiters of attributes and hosts.
UNSAFE = regex.compile(r"""[\s\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\\"'`<>]""")

SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?!\d)", re.I)
HOST_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")
ORIGIN = re.compile(r"https?://[^/?#@\\]+/?", re.I)

# The unreserved characters of RFC 3986, and reserved ones that are no delimiters: /wiki/Go_(game).
UNRESERVED = string.ascii_letters + string.digits + "-._~"
PLAIN_IN_PATH = frozenset(UNRESERVED + "!$&()*+,:;=@")
PLAIN_IN_QUERY = frozenset(UNRESERVED + "!$()*,/:;?@")
KEPT_IN_LINK = "!$&()*+,/:;=?@[]~%#-._^|{}"
PERCENT = re.compile(r"%([0-9a-f]{2})", re.I)

TRACKING_PARAMETERS = Path(__file__).with_name("tracking_parameters.txt")
AMP_ESCAPED = re.compile("(?:amp;)+")  # ?a=1&amp;b=2, copied from HTML source
AMP_FILE = re.compile(r"(?<!\.amp)(?<=.)(\.amp)+(?=\.html?$|$)", re.I)
INDEX = re.compile(r"(index\.([xs]?html?|php[3-8]?|aspx?|jsp|cgi)|default\.(aspx?|html?))", re.I)
REPEATED_SLASH = re.compile("(?<!:)/{2,}")  # /https://… within a path is a URL
COMMENT_PAGE = re.compile(r"/comment-page-\d+(?=/*$)", re.ASCII)  # WordPress
SESSION = re.compile(r";(jsessionid|phpsessid)=[^/;]*", re.I)


@lru_cache(maxsize=CACHE_SIZE)
def page_key(url: str) -> str:
    """The same key for all spellings of a page's URL. Raises ValueError for anything but http(s) with a host.

    Ignored: scheme, host case, default ports, trailing dot, dot segments, percent-encoding, IDN, trailing slashes,
    index files, session ids, tracking parameters, order of parameters, fragment. Not ignored: `www.`, which may be
    another site, and `/amp`, which may be an article about amplifiers. The key is an https URL and its own key, but
    need not open.
    """
    address = parse_url(url)
    host = address.host.removesuffix(".")
    # The key has no scheme, so neither default port counts.
    port = "" if address.port in ("", "80", "443") else f":{address.port}"
    return f"https://{host}{port}{_key_path(address.path)}{_key_query(address.query)}"


@lru_cache(maxsize=CACHE_SIZE)
def canonical(url: str) -> str:
    """The URL of a page as stored and linked. Raises ValueError like `page_key`.

    Like the key, but with scheme, index file, trailing slash and the order of parameters, which servers may depend on.
    """
    address = parse_url(url)
    path = "/".join(_resolved(_without_state(address.path).split("/")))
    host = address.host.removesuffix(".")
    port = f":{address.port}" if address.port else ""
    pairs = _pairs(address.query)
    return f"{address.scheme}://{host}{port}/{path}" + ("?" + "&".join(pairs) if pairs else "")


def origin_of(url: str) -> str | None:
    """The origin (scheme://host[:port]) as browsers write it (WHATWG URL, HTML 7.1.1), or None."""
    try:
        return parse_url(url).origin
    except ValueError:
        return None


def origin(typed: str) -> str:
    """A typed origin as browsers serialise it. Raises ValueError.

    Only scheme, host and port, because it becomes part of the Content-Security-Policy header. A final slash is
    accepted, because people paste it.
    """
    address = parse_url(typed)
    name = address.host
    fine = HOST_NAME.fullmatch(name) or (name.startswith("[") and name.endswith("]"))
    if not fine or len(name) > MAX_HOST or address.port == "0" or not ORIGIN.fullmatch(typed.strip()):
        raise ValueError(f"not an origin: {typed[:80]!r}")
    return address.origin


def is_origin(stored: object) -> bool:
    """True for results of `origin`, which are safe in a header."""
    try:
        return isinstance(stored, str) and origin(stored) == stored
    except ValueError:
        return False


def host_of(url: str) -> str:
    """Host of a URL as browsers serialise it, without a final dot; '' if invalid or too long."""
    try:
        host = parse_url(url if "://" in url else f"https://{url}").host.removesuffix(".")
    except ValueError:
        return ""
    return host if len(host) <= MAX_HOST else ""


def is_allowed(url_or_origin: str, origins: Iterable[str]) -> bool:
    """True if the origin equals one of `origins`, including the port."""
    origin = origin_of(url_or_origin)
    return origin is not None and any(origin == origin_of(each) for each in origins)


def clean_website(url: str) -> str:
    """A typed website as a safe URL; '' stays ''.

    Without a scheme it becomes https. Raises ValueError for an unsafe URL or a word that is no host.
    """
    url = url.strip()
    if not url:
        return ""
    if "://" in url:
        return safe_url(url)
    if url.startswith("/") or SCHEME.match(url) or "." not in re.split(r"[/?#:]", url)[0]:
        raise ValueError(f"not a web address: {url[:80]!r}")
    return safe_url(f"https://{url}")


def safe_url(url: str) -> str:
    """The URL rebuilt from its parts in ASCII, safe in an href. Idempotent. Raises ValueError.

    Only http(s) with '://' and a host, without user info and UNSAFE characters, at most MAX_LENGTH characters.
    """
    if len(url) > MAX_LENGTH:
        raise ValueError("address is too long")
    if UNSAFE.search(url):
        raise ValueError("address has a character that hides where it leads")
    address = parse_url(url)
    if address.user:
        raise ValueError("address names a user")
    rest = quote(f"{address.path}{address.query}{address.fragment}", safe=KEPT_IN_LINK)
    whole = f"{address.origin}{rest}"
    if len(whole) > MAX_LENGTH:
        raise ValueError("address is too long")
    if UNSAFE.search(whole):  # the host was percent-decoded
        raise ValueError("address has a character that hides where it leads")
    return whole


def safe_href(url: str) -> str:
    """`safe_url`, or '' for text that must not become a link.

    A ' is encoded first, because people paste …/wiki/Schrödinger's_cat.
    """
    try:
        return safe_url(url.replace("'", "%27"))
    except ValueError:
        return ""


def _without_state(path: str) -> str:
    """The path in one encoding, without session ids and the page of its comments."""
    return COMMENT_PAGE.sub("", SESSION.sub("", _one_encoding(path, PLAIN_IN_PATH, kept="/")))


def _key_path(path: str) -> str:
    path = _without_state(path)
    path = REPEATED_SLASH.sub("/", path)
    segments = [AMP_FILE.sub("", each) for each in _without_dots(path.split("/"))]
    while segments and (not segments[-1] or INDEX.fullmatch(segments[-1])):
        segments.pop()
    return "/" + "/".join(segments)


def _without_dots(segments: list[str]) -> list[str]:
    kept: list[str] = []
    for segment in segments[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    return kept


def _resolved(segments: list[str]) -> list[str]:
    return [*_without_dots(segments), *([""] if segments[-1] in (".", "..") else [])]


def _split(query: str) -> list[str]:
    return [AMP_ESCAPED.sub("", each) if each.startswith("amp;") else each for each in query[1:].split("&")]


def _pairs(query: str) -> list[str]:
    pairs = [_one_encoding(each, PLAIN_IN_QUERY, kept="=+").replace("%20", "+") for each in _split(query)]
    return [each for each in pairs if each and not TRACKING.fullmatch(each)]


def _key_query(query: str) -> str:
    kept = _pairs(query)
    # By name only: the order of ?tag=a&tag=b may matter.
    kept.sort(key=lambda each: each.split("=", 1)[0])
    return "?" + "&".join(kept) if kept else ""


def _tracking() -> re.Pattern[str]:
    """The patterns of TRACKING_PARAMETERS, matched with a whole pair."""
    lines = TRACKING_PARAMETERS.read_text("utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    return re.compile("|".join(each if "=" in each else f"(?:{each})(?:=.*)?" for each in patterns), re.I | re.S)


TRACKING = _tracking()


def _one_encoding(text: str, plain: frozenset[str], kept: str) -> str:
    """RFC 3986, 6.2.2: UTF-8, upper-case hex, unreserved characters decoded."""
    encoded = quote(text, safe="".join(plain) + kept + "%")
    encoded = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", encoded)

    def shortest(match: re.Match[str]) -> str:
        char = chr(int(match[1], 16))
        return char if char in plain else match[0].upper()

    return PERCENT.sub(shortest, encoded)

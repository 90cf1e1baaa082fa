"""Find an email address in a text in any spelling: other case, full-width, escaped, or as an IDN."""

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from urllib.parse import quote

import idna

from app.lib.normal_form import normalised

# Every text with an address contains one of these, in lower case; the database filters by them.
ENTITIES = ("&#64;", "&#x40;", "&commat;")
# A typed entity appears as text in the HTML of the comment.
ESCAPED_AT = ("%40", *ENTITIES, *(entity.replace("&", "&amp;") for entity in ENTITIES))
AT_SIGNS = ("@", "\N{FULLWIDTH COMMERCIAL AT}", "\N{SMALL COMMERCIAL AT}", *ESCAPED_AT)


@lru_cache(maxsize=16)
def forms_of(address: str) -> frozenset[str]:
    """The stored spellings: as given and in lower case, the domain in Unicode and as A-labels."""
    local, at, domain = address.strip().rpartition("@")
    domains = {domain, normalised("NFKC", domain).casefold(), *_idn_forms(domain)}
    return frozenset(f"{local}{at}{each}" for each in domains)


def contains(text: str, address: str) -> bool:
    return next(spans(text, address), None) is not None


def spans(text: str, address: str) -> Iterator[tuple[int, int]]:
    """Start and end of each occurrence, from left to right."""
    if not any(sign in text.casefold() for sign in AT_SIGNS):
        return
    folded, starts = _folded(text)
    at = 0
    while at < len(folded):
        found = [(place, needle) for needle in _needles(address) if (place := folded.find(needle, at)) >= 0]
        if not found:
            return
        place, needle = min(found, key=lambda each: (each[0], -len(each[1])))
        at = place + len(needle)
        yield starts[place], starts[at - 1] + 1


def without(text: str, address: str, instead: str) -> str:
    kept, end = [], 0
    for start, stop in spans(text, address):
        kept += [text[end:start], instead]
        end = stop
    return "".join([*kept, text[end:]])


@lru_cache(maxsize=16)
def _needles(address: str) -> tuple[str, ...]:
    plain = {_folded(form)[0] for form in forms_of(address)}
    escaped = {form.replace("@", sign) for form in plain for sign in ESCAPED_AT}
    quoted = {quote(form, safe="@").casefold() for form in forms_of(address)}
    return tuple(sorted({*plain, *escaped, *quoted, *(form.replace("@", "%40") for form in quoted)}))


def _folded(text: str) -> tuple[str, Sequence[int]]:
    """The text as NFKD in lower case without invisible characters, and the original position of each character."""
    if text.isascii():
        return text.lower(), range(len(text))
    parts, starts = [], []
    for place, character in enumerate(text):
        part = _folded_character(character)
        parts.append(part)
        starts += [place] * len(part)
    return "".join(parts), starts


@lru_cache(maxsize=4096)
def _folded_character(character: str) -> str:
    if unicodedata.category(character) == "Cf":
        return ""
    once = normalised("NFKD", character).casefold()
    return normalised("NFKD", once)


def _idn_forms(domain: str) -> Iterator[str]:
    try:
        ascii_form = idna.encode(domain, uts46=True).decode()
        yield ascii_form
        yield idna.decode(ascii_form)
    except (idna.IDNAError, UnicodeError):
        return

"""Map pages of another system to threads: complete the URL, apply moves, compute the key."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urljoin

from app.lib.urls import page_key, safe_href
from app.models import Site
from app.models.alias import LONGEST_KEY
from app.transfer.record import Note

_SCHEME = re.compile(r"(?:https?:)?//", re.I)
_ENDS = ("", "/", "?", "#")  # may follow a prefix: /a does not match /ab


_MOVE = re.compile(r"(.+?)=((?:https?:/)?/.*)")
_BARE_MOVE = re.compile(r"([^=]+)=([^=]+)")


def move_of(text: str) -> tuple[str, str] | None:
    """The pair of OLD=NEW. An old URL may contain "="; a new one begins with https:// or /, or has none."""
    found = _MOVE.fullmatch(text) or _BARE_MOVE.fullmatch(text)
    return (found[1].strip(), found[2].strip()) if found else None


@dataclass(frozen=True, slots=True)
class PageThread:
    key: str
    url: str
    note: Note | None = None


class Addresses:
    """`moves` are pairs of old and new URLs or prefixes."""

    def __init__(self, site: Site, source: str, moves: Iterable[tuple[str, str]] = ()) -> None:
        self._source = source
        self._home = site.origins[0] if site.origins else ""
        # Without http or https, like the keys.
        self._origins = {page_key(origin).rstrip("/"): origin for origin in site.origins}
        moves = [(_bare(self._complete(old)).rstrip("/"), self._complete(new).rstrip("/")) for old, new in moves]
        self._moves = sorted(moves, key=lambda move: len(move[0]), reverse=True)

    def thread_of(self, source_id: str, url: str) -> PageThread:
        """The thread of a page with this id and URL, which may be relative, empty or invalid.

        Without a usable URL the key is made from the id, so that no comments are lost.
        """
        try:
            moved = self._moved(urljoin(f"{self._home}/", url)) if url else ""
            key = page_key(moved)
        except ValueError:
            key = ""
        if not key or len(key) > LONGEST_KEY:
            return PageThread(f"id:{self._source}-{source_id}", self._home, Note.NO_ADDRESS)
        origin = self._origins.get(key[: key.index("/", len("https://"))])
        shown = safe_href(moved) or key
        if origin is None:
            return PageThread(key, shown, Note.FOREIGN_HOST)
        return PageThread(key, origin + "/" + _bare(shown).partition("/")[2])

    def _complete(self, address: str) -> str:
        """Complete a typed address: a path of the site, or a host with or without https."""
        if address.startswith("/") and not address.startswith("//"):
            return self._home + address
        return address if _SCHEME.match(address) else f"https://{address}"

    def _moved(self, address: str) -> str:
        bare = _bare(address)
        for old, new in self._moves:
            if bare.startswith(old) and bare[len(old) : len(old) + 1] in _ENDS:
                return new + bare[len(old) :]
        return address


def _bare(address: str) -> str:
    host, slash, rest = _SCHEME.sub("", address, count=1).partition("/")
    return host.lower() + slash + rest

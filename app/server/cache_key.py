"""The cache key of a public response: path and declared parameters (app/web/public.py) in normal form."""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qs, urlencode

from app.comments.orders import order_or_default
from app.comments.reading import CURSOR
from app.forms.signed_section import SIGNED
from app.forms.where import PARAMETERS, thread_key
from app.lib.language import matching
from app.lib.text import own_id_of
from app.models.section import is_section_key
from app.web.public import FRESH_S, PublicRoute, route_of

# Flask answers longer queries.
LONGEST_QUERY = 8_000
MOST_URLS = 100
# Other parameters have unlimited values, such as cursors.
BOUNDED = frozenset((*PARAMETERS, "picked"))
# Routes of app/api with the same answer for all, by path.
API = {
    path: PublicRoute(re.compile(path), parameters, (), FRESH_S)
    for path, parameters in {
        "/api/v1/picks": PARAMETERS,
        "/api/v1/comments/latest": ("site", "section", "picked", "lang"),
    }.items()
}
# Stands for all values that no section can have.
NO_SECTION = "-"

Key = tuple[str, str]


class CacheKey(NamedTuple):
    """`own`: this path and query. `shared`: one for all addresses of a page with a thread.

    `ephemeral`: one of many keys that strangers can make up.
    """

    own: Key
    shared: Key
    ephemeral: bool

    @property
    def path(self) -> str:
        return self.own[0]

    @property
    def query(self) -> str:
        return self.own[1]


def key_of(path: str, query: str) -> CacheKey | None:
    """The key of a request; None if it is not cached."""
    route = route_of(path) or API.get(path)
    return _key_of(path, query, route) if route and len(query) <= LONGEST_QUERY else None


# Parsing a query takes as long as sending an answer.
@lru_cache(maxsize=1024)
def _key_of(path: str, query: str, route: PublicRoute) -> CacheKey | None:
    try:
        given = parse_qs(query, max_num_fields=2 * MOST_URLS, errors="strict")
    except ValueError:
        return None
    if any(name in given for name in route.private):
        return None
    if path == "/embed/counts":
        return _key_of_counts(path, given)
    return _key_of_page(path, {name: given[name][0] for name in route.parameters if name in given}, route)


def _key_of_counts(path: str, given: dict[str, list[str]]) -> CacheKey:
    urls = sorted(set(given.get("url", [])[:MOST_URLS]))
    query = urlencode({"site": given.get("site", [""])[:1], "url": urls}, doseq=True)
    return CacheKey((path, query), (path, query), ephemeral=True)


def _key_of_page(path: str, given: dict[str, str], route: PublicRoute) -> CacheKey:
    wanted = {name: value for name, value in ((name, _normal(name, value)) for name, value in given.items()) if value}
    if "url" in route.parameters and "url" not in wanted:
        # Views of pages read no section of a whole site.
        wanted.pop("section", None)
    page = {name: value for name, value in wanted.items() if name not in ("url", "thread", "title")}
    if "url" in wanted:
        page["key"] = thread_key(wanted["url"], wanted.get("thread", ""))
    own, shared = (path, urlencode(wanted)), (path, urlencode(page))
    return CacheKey(own, shared, ephemeral=bool(wanted.keys() - BOUNDED))


def _normal(name: str, value: str) -> str:
    """One form for values that the views read alike; '' for ignored ones."""
    if name == "lang":
        return matching(value)
    if name == "sort":
        return value if order_or_default(value) == value != order_or_default(None) else ""
    if name == "section":
        return value if is_section_key(value) or SIGNED.fullmatch(value) or not value else NO_SECTION
    if name == "picked":
        return value if value == "1" else ""
    if name == "after":
        return value if CURSOR.fullmatch(value) else ""
    if name == "comment":
        return str(int(value)) if re.fullmatch(r"[0-9]{1,18}", value, re.ASCII) else ""
    return own_id_of(value) if name == "thread" else value.strip()

"""The edge: repeated public reads are answered from ready bytes, before Flask wakes up.

A cache like one that a publisher would put in front (RFC 9111), inside of each process: it keeps what the doors call
public, and asks them again with the ETag after a second, which costs one indexed query. What it asks for, it asks
without a header of any reader, and by a query that holds nothing but what the answer depends on: so nobody's request
can colour what others get, and no number of invented parameters makes a new entry.
"""

import asyncio
import io
import re
import sys
from collections.abc import Awaitable, Callable
from functools import lru_cache
from time import monotonic, time
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode
from wsgiref.types import WSGIEnvironment

from app.comments.orders import order_or_default
from app.comments.reading import CURSOR
from app.forms.where import PARAMETERS, own_id_of, thread_key
from app.lib.compression import PLAIN, SMALLEST, best_of, compress
from app.lib.language import matching
from app.lib.lru import Cache
from app.server.pool import Busy
from app.web.public import FRESH_S, PublicRoute, route_of

# A decision is seen by everybody within two seconds: an answer is taken for true for one, and for half of another
# while somebody asks whether it still is.
RENEWING_S = 0.5
# While a renewal takes longer, stale bytes are served.
SLOW_S = 1.0
# While the database is away nobody decides anything: better what was true a minute ago than nothing.
FAILING_S = 60.0
# Counts of a hundred pages; what is longer goes to Flask.
LONGEST_QUERY = 8_000
MOST_URLS = 100
# A part of the room is for what strangers can vary without end: made-up pages, places in a thread, lists of counts.
PASSING_SHARE = 8

# Other parameters have values without end, such as places in a thread.
BOUNDED = frozenset(PARAMETERS)

# Until when nginx may keep an answer: a header of its own, always the first. It counts from when the answer was true,
# not from when nginx got it (https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_cache_valid).
EXPIRES = "x-accel-expires"
# What a 304 repeats (RFC 9110, 15.4.5), and what lets a page of another origin read it.
TOLD_AGAIN = (EXPIRES, "etag", "cache-control", "vary", "access-control-allow-origin", "access-control-expose-headers")
# What an entry takes beside its body, roughly, in bytes.
ENTRY = 1024

Key = tuple[str, str]
Headers = list[tuple[str, str]]
Answer = tuple[int, Headers, bytes]


class Asked(NamedTuple):
    """What a request asks for: in the words of its own, and in those shared by all who write the address otherwise."""

    own: Key
    shared: Key
    # One of many that strangers can make up.
    passing: bool

    @property
    def path(self) -> str:
        return self.own[0]

    @property
    def query(self) -> str:
        return self.own[1]


def asked_of(path: str, query: str) -> Asked | None:
    """Return what is asked for, in its only form; None for what the edge has no answer to."""
    route = route_of(path)
    return _asked_of(path, query, route) if route and len(query) <= LONGEST_QUERY else None


# To read a query takes as long as to send an answer. What is remembered has bounds, so that junk does not fill it.
@lru_cache(maxsize=1024)
def _asked_of(path: str, query: str, route: PublicRoute) -> Asked | None:
    try:
        given = parse_qs(query, max_num_fields=2 * MOST_URLS, errors="strict")
    except ValueError:
        return None
    if any(name in given for name in route.private):
        return None
    if path == "/embed/counts":
        return _counts(path, given)
    return _page(path, {name: given[name][0] for name in route.parameters if name in given})


def _counts(path: str, given: dict[str, list[str]]) -> Asked:
    urls = sorted(set(given.get("url", [])[:MOST_URLS]))
    query = urlencode({"site": given.get("site", [""])[:1], "url": urls}, doseq=True)
    return Asked((path, query), (path, query), passing=True)


def _page(path: str, given: dict[str, str]) -> Asked:
    wanted = {name: value for name, value in ((name, _plain(name, value)) for name, value in given.items()) if value}
    page = {name: value for name, value in wanted.items() if name not in ("url", "thread", "title")}
    if "url" in wanted:
        page["key"] = thread_key(wanted["url"], wanted.get("thread", ""))
    own, shared = (path, urlencode(wanted)), (path, urlencode(page))
    return Asked(own, shared, passing=bool(wanted.keys() - BOUNDED))


def _plain(name: str, value: str) -> str:
    """One form for all that the doors read in the same way; '' for what they do not take."""
    if name == "lang":
        return matching(value)
    if name == "sort":
        return value if order_or_default(value) == value != order_or_default(None) else ""
    if name == "after":
        return value if CURSOR.fullmatch(value) else ""
    if name == "comment":
        return str(int(value)) if re.fullmatch(r"[0-9]{1,18}", value, re.ASCII) else ""
    return own_id_of(value) if name == "thread" else value.strip()


class Ready:
    """An answer as bytes, in each encoding that somebody has asked for."""

    def __init__(self, headers: Headers, body: bytes, true_at: float, fresh_s: float = FRESH_S) -> None:
        said = {EXPIRES: ""} | {name.lower(): value for name, value in headers} | {"vary": "Accept-Encoding"}
        # The server writes these anew for each answer.
        self.headers = [(name, value) for name, value in said.items() if name not in ("content-length", "date")]
        self.etag = said.get("etag", "")
        # Weak comparison (RFC 9110, 8.8.3.2) is all that If-None-Match wants.
        self.tag = self.etag.removeprefix("W/")
        self.unchanged = [(name, value) for name, value in self.headers if name in TOLD_AGAIN]
        self.lasting = "max-age=1," not in said["cache-control"]
        self.bodies = {PLAIN: (self.headers, body)}
        self.hits, self.fresh_s = 0, fresh_s
        self.confirm(true_at)

    def confirm(self, true_at: float) -> None:
        """It was true at this moment; nginx learns until when that may be believed."""
        self.true_at, self.until, self.late = true_at, true_at + self.fresh_s, False
        # nginx counts in whole seconds and serves through the one that it is given.
        expires = int(time() - monotonic() + true_at) + 1
        for headers in (self.unchanged, *(headers for headers, _ in self.bodies.values())):
            headers[0] = (EXPIRES, f"@{expires}")

    def outlast(self, moment: float) -> bool:
        """Serve on although nobody can say whether it is still true; False when that has gone on for too long."""
        self.until = moment + FRESH_S
        return moment < self.true_at + FAILING_S

    def within(self, encoding: str) -> None:
        """Have the body in this encoding too; where that makes it no smaller, it stays plain."""
        plain = self.bodies[PLAIN][1]
        pressed = compress(plain, encoding, lasting=self.lasting) if len(plain) >= SMALLEST else plain
        if len(pressed) < len(plain):
            self.bodies[encoding] = ([*self.headers, ("content-encoding", encoding)], pressed)
        else:
            self.bodies[encoding] = self.bodies[PLAIN]

    def take_hits(self) -> int:
        """How many requests this answered since it was last asked for."""
        hits, self.hits = self.hits, 0
        return hits

    @property
    def size(self) -> int:
        return sum(ENTRY + len(body) for _, body in self.bodies.values())


class Edge:
    """Public answers of `application` within `room` bytes. Everything but asking happens in one event loop."""

    def __init__(self, ask: Callable[[WSGIEnvironment], Awaitable[Answer]], *, room: int) -> None:
        self.ask = ask
        self.kept: Cache[Key, Ready] = Cache(room - room // PASSING_SHARE)
        self.passing: Cache[Key, Ready] = Cache(room // PASSING_SHARE)
        self.flights: dict[Key, Flight] = {}

    def at_hand(self, asked: Asked) -> Ready | None:
        """What can be sent at once."""
        found = self._found(asked)
        return found if found and monotonic() < found.until else None

    async def bring(self, asked: Asked) -> Ready | None:
        """Ask the doors, once for all who want the same; None for what is not for everybody, or not there."""
        old, flight = self._found(asked), self.flights.get(asked.shared)
        if flight and flight.asked != asked and not _will_do(old):
            # Most likely the same page, written otherwise; a client that hangs up ends its waiting, not the others'.
            if old and not await flight.lands_in_time(old):
                return old
            await asyncio.shield(flight.task)
            if found := self.at_hand(asked):
                return found
            flight = self.flights.get(asked.own) or self._set_out(asked.own, asked, old)
        flight = flight or self._set_out(asked.shared, asked, old)
        if old and (_will_do(old) or not await flight.lands_in_time(old)):
            return old
        return await asyncio.shield(flight.task)

    def send(self, asked: Asked, ready: Ready, headers: Any, protocol: Any) -> None:
        """Answer a request (RSGI): with 304 when its client has the same already."""
        ready.hits += 1
        if ready.tag and ready.tag in headers.get("if-none-match", ""):
            protocol.response_empty(304, ready.unchanged)
            return
        encoding = best_of(headers.get("accept-encoding", ""))
        if encoding not in ready.bodies:
            ready.within(encoding)
            self._weigh(asked, ready)
        protocol.response_bytes(200, *ready.bodies[encoding])

    def _found(self, asked: Asked) -> Ready | None:
        return self.kept.get(asked.shared) or self.passing.get(asked.shared) or self.passing.get(asked.own)

    def _set_out(self, key: Key, asked: Asked, old: Ready | None) -> "Flight":
        flight = Flight(asked, asyncio.create_task(self._fly(asked, old)), monotonic())
        self.flights[key] = flight

        def landed(task: asyncio.Task[Ready | None]) -> None:
            self.flights.pop(key)
            # Waiting requests get the exception; without one it would be reported as never retrieved.
            task.cancelled() or task.exception()

        flight.task.add_done_callback(landed)
        return flight

    async def _fly(self, asked: Asked, old: Ready | None) -> Ready | None:
        about: dict[str, Any] = {}
        environ = question(asked, old, about)
        true_at = monotonic()
        try:
            status, headers, body = await self.ask(environ)
        except Busy:
            status, headers, body = 503, [], b""
        if old and status == 304:
            old.confirm(true_at)
            return old
        if old and status >= 500 and old.outlast(true_at):
            return old
        self._forget(asked)
        if status == 503:
            raise Busy
        if status != 200 or not is_public(headers):
            return None
        route = route_of(asked.path)
        ready = Ready(headers, body, true_at, route.fresh_s if route else FRESH_S)
        self._keep(asked, ready, known=about.get("known", False))
        return ready

    def _keep(self, asked: Asked, ready: Ready, *, known: bool) -> None:
        shared = known or asked.own == asked.shared
        cache = self.kept if shared and not asked.passing else self.passing
        _put(cache, asked.shared if shared else asked.own, ready)

    def _forget(self, asked: Asked) -> None:
        for cache in (self.kept, self.passing):
            cache.drop(asked.shared)
            cache.drop(asked.own)

    def _weigh(self, asked: Asked, ready: Ready) -> None:
        for cache in (self.kept, self.passing):
            for key in (asked.shared, asked.own):
                if cache.get(key) is ready:
                    _put(cache, key, ready)


class Flight(NamedTuple):
    """A question on its way to the doors."""

    asked: Asked
    task: "asyncio.Task[Ready | None]"
    began: float

    async def lands_in_time(self, old: Ready) -> bool:
        """Wait a second for it, once; False when older bytes must do until then, as RFC 5861 lets caches do."""
        if not self.task.done() and not old.late:
            await asyncio.wait({self.task}, timeout=max(0.0, self.began + SLOW_S - monotonic()))
        old.late = not self.task.done()
        return not (old.late and monotonic() < old.true_at + FAILING_S)


def _put(cache: Cache[Key, Ready], key: Key, ready: Ready) -> None:
    cache.put(key, ready, ready.size + len(key[1]))


def _will_do(old: Ready | None) -> bool:
    """Whether these bytes may still be sent while somebody asks whether they are true."""
    return old is not None and monotonic() < old.until + RENEWING_S


def question(asked: Asked, old: Ready | None, about: dict[str, Any]) -> WSGIEnvironment:
    """Return a request that says nothing of who caused it; the door notes in `about` whether it knows the page."""
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": asked.path,
        "QUERY_STRING": asked.query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_IF_NONE_MATCH": old.etag if old else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "kaiwa.edge": about,
        "kaiwa.log": {"answered": old.take_hits() if old else 0},
    }


def is_public(headers: Headers) -> bool:
    """Whether a door lets everybody have these bytes: it says so, and nothing in it is one person's."""
    said = {name.lower(): value for name, value in headers}
    return said.get("cache-control", "").startswith("public") and not said.keys() & {"set-cookie", "vary"}

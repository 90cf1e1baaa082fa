"""An HTTP cache (RFC 9111) of public responses in each process, in front of Flask.

A response is revalidated with its ETag after a second: one indexed query. The internal request carries no client
headers and only declared parameters, so the cache cannot be poisoned.
"""

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable
from time import monotonic, time
from typing import Any, NamedTuple
from wsgiref.types import WSGIEnvironment

from app.lib.compression import PLAIN, SMALLEST, best_of, compress
from app.lib.lru import Cache
from app.server.cache_key import CacheKey, Key
from app.server.pool import Busy
from app.web.public import FRESH_S, route_of

# Every reader sees a decision within two seconds: responses are fresh for one, and served for half of another during
# revalidation.
RENEWING_S = 0.5
# During a longer revalidation, the stale response is served.
SLOW_S = 1.0
# How long a stale response is served while Flask answers 5xx (stale-if-error, RFC 5861).
FAILING_S = 60.0
# Share of the bytes for ephemeral entries: pages without comments, cursors, lists of counts.
EPHEMERAL_SHARE = 8

# Expiry for nginx, from the revalidation on; always the first header
# (https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_cache_valid).
EXPIRES = "x-accel-expires"
# Headers of a 304 (RFC 9110, 15.4.5), and those of CORS.
REPEATED = (EXPIRES, "etag", "cache-control", "vary", "access-control-allow-origin", "access-control-expose-headers")
# Approximate overhead of an entry in bytes.
ENTRY = 1024

Headers = list[tuple[str, str]]
Answer = tuple[int, Headers, bytes]


class CachedResponse:
    """A response in each requested encoding."""

    def __init__(self, headers: Headers, body: bytes, validated_at: float, fresh_s: float = FRESH_S) -> None:
        named = {EXPIRES: ""} | {name.lower(): value for name, value in headers} | {"vary": "Accept-Encoding"}
        # The server sets these.
        self.headers = [(name, value) for name, value in named.items() if name not in ("content-length", "date")]
        self.etag = named.get("etag", "")
        # Weak comparison (RFC 9110, 8.8.3.2).
        self.tag = self.etag.removeprefix("W/")
        self.unchanged = [(name, value) for name, value in self.headers if name in REPEATED]
        self.lasting = "max-age=1," not in named["cache-control"]
        self.bodies = {PLAIN: (self.headers, body)}
        self.hits, self.fresh_s = 0, fresh_s
        self.revalidate(validated_at)

    def revalidate(self, validated_at: float) -> None:
        """Mark it as current."""
        self.validated_at, self.until, self.late = validated_at, validated_at + self.fresh_s, False
        # nginx counts whole seconds and includes the last.
        expires = int(time() - monotonic() + validated_at) + 1
        for headers in (self.unchanged, *(headers for headers, _ in self.bodies.values())):
            headers[0] = (EXPIRES, f"@{expires}")

    def stale_if_error(self, moment: float) -> bool:
        """Serve it for another second after a failed revalidation; False if it is too old."""
        self.until = moment + FRESH_S
        return moment < self.validated_at + FAILING_S

    def encode(self, encoding: str) -> None:
        """Store the body in this encoding, or plain if that is no larger."""
        plain = self.bodies[PLAIN][1]
        compressed = compress(plain, encoding, lasting=self.lasting) if len(plain) >= SMALLEST else plain
        if len(compressed) < len(plain):
            self.bodies[encoding] = ([*self.headers, ("content-encoding", encoding)], compressed)
        else:
            self.bodies[encoding] = self.bodies[PLAIN]

    def take_hits(self) -> int:
        """Requests answered since the last call."""
        hits, self.hits = self.hits, 0
        return hits

    @property
    def size(self) -> int:
        return sum(ENTRY + len(body) for _, body in self.bodies.values())


class PageCache:
    """Public responses of `ask` within `max_bytes`. No lock: all but `ask` runs in one event loop."""

    def __init__(self, ask: Callable[[WSGIEnvironment], Awaitable[Answer]], *, max_bytes: int) -> None:
        self.ask = ask
        self.lasting: Cache[Key, CachedResponse] = Cache(max_bytes - max_bytes // EPHEMERAL_SHARE)
        self.ephemeral: Cache[Key, CachedResponse] = Cache(max_bytes // EPHEMERAL_SHARE)
        self.in_flight: dict[Key, Fetch] = {}

    def get(self, key: CacheKey) -> CachedResponse | None:
        """A fresh response, or None."""
        found = self._find(key)
        return found if found and monotonic() < found.until else None

    async def fetch(self, key: CacheKey) -> CachedResponse | None:
        """Ask Flask once for all requests of this key (single flight); None if the response is not public."""
        old, fetch = self._find(key), self.in_flight.get(key.shared)
        if fetch and fetch.key != key and not _may_be_served(old):
            # Most likely the same page under another address. A client that hangs up ends only its own waiting.
            if old and not await fetch.is_done_in_time(old):
                return old
            await asyncio.shield(fetch.task)
            if found := self.get(key):
                return found
            fetch = self.in_flight.get(key.own) or self._start(key.own, key, old)
        fetch = fetch or self._start(key.shared, key, old)
        if old and (_may_be_served(old) or not await fetch.is_done_in_time(old)):
            return old
        return await asyncio.shield(fetch.task)

    def send(self, key: CacheKey, response: CachedResponse, headers: Any, protocol: Any) -> None:
        """Send a response (RSGI), or a 304."""
        response.hits += 1
        if response.tag and response.tag in headers.get("if-none-match", ""):
            protocol.response_empty(304, response.unchanged)
            return
        encoding = best_of(headers.get("accept-encoding", ""))
        if encoding not in response.bodies:
            response.encode(encoding)
            self._update_size(key, response)
        protocol.response_bytes(200, *response.bodies[encoding])

    def _find(self, key: CacheKey) -> CachedResponse | None:
        return self.lasting.get(key.shared) or self.ephemeral.get(key.shared) or self.ephemeral.get(key.own)

    def _start(self, in_flight: Key, key: CacheKey, old: CachedResponse | None) -> "Fetch":
        fetch = Fetch(key, asyncio.create_task(self._fetch(key, old)), monotonic())
        self.in_flight[in_flight] = fetch

        def done(task: asyncio.Task[CachedResponse | None]) -> None:
            self.in_flight.pop(in_flight)
            # Otherwise an exception without waiting requests is reported as never retrieved.
            task.cancelled() or task.exception()

        fetch.task.add_done_callback(done)
        return fetch

    async def _fetch(self, key: CacheKey, old: CachedResponse | None) -> CachedResponse | None:
        about: dict[str, Any] = {}
        environ = internal_request(key, old, about)
        asked_at = monotonic()
        try:
            status, headers, body = await self.ask(environ)
        except Busy:
            status, headers, body = 503, [], b""
        if old and status == 304:
            old.revalidate(asked_at)
            return old
        if old and status >= 500 and old.stale_if_error(asked_at):
            return old
        self._drop(key)
        if status == 503:
            raise Busy
        if status != 200 or not is_public(headers):
            return None
        route = route_of(key.path)
        response = CachedResponse(headers, body, asked_at, route.fresh_s if route else FRESH_S)
        self._store(key, response, has_thread=about.get("has_thread", False))
        return response

    def _store(self, key: CacheKey, response: CachedResponse, *, has_thread: bool) -> None:
        shared = has_thread or key.own == key.shared
        cache = self.lasting if shared and not key.ephemeral else self.ephemeral
        _put(cache, key.shared if shared else key.own, response)

    def _drop(self, key: CacheKey) -> None:
        for cache in (self.lasting, self.ephemeral):
            cache.drop(key.shared)
            cache.drop(key.own)

    def _update_size(self, key: CacheKey, response: CachedResponse) -> None:
        for cache in (self.lasting, self.ephemeral):
            for each in (key.shared, key.own):
                if cache.get(each) is response:
                    _put(cache, each, response)


class Fetch(NamedTuple):
    """A running request to Flask."""

    key: CacheKey
    task: "asyncio.Task[CachedResponse | None]"
    started_at: float

    async def is_done_in_time(self, old: CachedResponse) -> bool:
        """Wait for it up to a second; False if the stale response is served until then (RFC 5861)."""
        if not self.task.done() and not old.late:
            await asyncio.wait({self.task}, timeout=max(0.0, self.started_at + SLOW_S - monotonic()))
        old.late = not self.task.done()
        return not (old.late and monotonic() < old.validated_at + FAILING_S)


def _put(cache: Cache[Key, CachedResponse], key: Key, response: CachedResponse) -> None:
    cache.put(key, response, response.size + len(key[1]))


def _may_be_served(old: CachedResponse | None) -> bool:
    """True while a stale response is served during its revalidation (stale-while-revalidate, RFC 5861)."""
    return old is not None and monotonic() < old.until + RENEWING_S


def internal_request(key: CacheKey, old: CachedResponse | None, about: dict[str, Any]) -> WSGIEnvironment:
    """A request without client data. The view notes in `about` if the page has a thread."""
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": key.path,
        "QUERY_STRING": key.query,
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
        "kaiwa.page_cache": about,
        "kaiwa.log": {"answered": old.take_hits() if old else 0},
    }


def is_public(headers: Headers) -> bool:
    """True if the response is marked public and has no cookie."""
    named = {name.lower(): value for name, value in headers}
    return named.get("cache-control", "").startswith("public") and not named.keys() & {"set-cookie", "vary"}

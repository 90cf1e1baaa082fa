"""The RSGI application: reads a whole request before Flask gets it, so that slow clients occupy no thread.

With WSGI, two slow clients stopped a service with two threads, and a broken body was stored as half a comment
(docs/decisions/0002-web-server.md). Specification:
https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md.
"""

import asyncio
import gc
import io
import logging
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from math import inf
from typing import Any, Protocol
from wsgiref.types import WSGIApplication, WSGIEnvironment

from flask import Flask

from app.errors import RETRY_AFTER_S
from app.lib import metrics
from app.server.cache_key import CacheKey, key_of
from app.server.page_cache import PageCache
from app.server.pool import Busy, Pool
from app.server.reply import Reply, stream
from app.version import VERSION
from app.web import errors

log = logging.getLogger(__name__)

# The longest comment has 180 KB, on a slow mobile connection.
BODY_SECONDS = 30
# Threads of a process for each kind of request. Posts wait for the disk, log-ins and searches are slow, files need no
# database: none delays a read.
AT_ONCE = {"post": 4, "read": 2, "desk": 4, "file": 1}
# SQLite has one writer, and each statement passes Python's lock: two concurrent posts or pages take a third more CPU
# time each.
AT_ONCE_ON_SQLITE = {"post": 1, "read": 1, "desk": 2, "file": 1}
# Requests that may wait for a thread; a post has its body in memory.
QUEUED = {"post": 250, "read": 500, "desk": 100, "file": 500}
# /readyz tells whether readers are answered.
OF_READERS = ("/embed", "/thread", "/feeds/", "/readyz")
SCRIPTS = {"/embed.js", "/writing.js", "/live.js", "/work.js", "/frame.js"}
FILES = frozenset({*SCRIPTS, "/thread.css", "/embed/stamp", "/api/v1/openapi.json"})
ALIVE = (
    [("content-type", "application/json"), ("cache-control", "no-store")],
    f'{{"alive":true,"version":"{VERSION}"}}\n'.encode(),
)
# Rendering a page creates some thousand objects.
NEW_OBJECTS = 20_000
READING = frozenset({"GET", "HEAD", "OPTIONS"})

Answer = tuple[int, list[tuple[str, str]], bytes]
UNAVAILABLE: Answer = (503, [("retry-after", RETRY_AFTER_S)], b"")


class Headers(Protocol):
    def get(self, key: str, default: str = ...) -> str: ...
    def items(self) -> list[tuple[str, str]]: ...


class Scope(Protocol):
    """A request without its body, in RSGI's names."""

    method: str
    path: str
    query_string: str
    scheme: str
    http_version: str
    client: str
    server: str
    headers: Headers


class NotWhole(Exception):
    """The request was incomplete; `status` and message say why."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class RsgiServer:
    """An RSGI application around a WSGI one. `max_body` and `max_bytes` (of the page cache) are in bytes."""

    def __init__(
        self,
        application: WSGIApplication,
        *,
        max_body: int,
        max_bytes: int = 0,
        at_once: Mapping[str, int] = AT_ONCE,
        queued: Mapping[str, int] = QUEUED,
        seconds: Mapping[str, float] | None = None,
        unavailable: Callable[[str, str], Answer] = lambda _path, _languages: UNAVAILABLE,
    ) -> None:
        self.application = application
        self.max_body = max_body
        self.unavailable = unavailable
        self.pools = {
            kind: Pool(
                kind,
                number,
                queued=queued[kind],
                seconds=(seconds or {}).get(kind, inf),
            )
            for kind, number in at_once.items()
        }
        self.page_cache = PageCache(self._ask_whole, max_bytes=max_bytes)
        self.caches, self.counts = max_bytes > 0, metrics.PageCacheCounts()

    async def __rsgi__(self, scope: Scope, protocol: Any) -> None:
        """Answer from the page cache, or read the body, call the application, and send its response."""
        # Each attribute of the scope is made when it is read, and a hit needs no other coroutine.
        method, path = scope.method, scope.path
        key = key_of(path, scope.query_string) if method == "GET" and self.caches else None
        if key and (cached := self.page_cache.get(key)):
            self.counts.hit()
            self.page_cache.send(key, cached, scope.headers, protocol)
            return
        if path == "/healthz" and method in READING:
            # Here, because a hanging database may occupy every thread.
            protocol.response_bytes(200, *ALIVE)
            return
        try:
            await self._answer(key, scope, protocol)
        except Busy:
            pool = kind_of(method, path)
            log.warning("busy", extra={"pool": pool})
            metrics.BUSY.labels(pool).inc()
            protocol.response_bytes(*self.unavailable(path, scope.headers.get("accept-language", "")))

    async def _answer(self, key: CacheKey | None, scope: Scope, protocol: Any) -> None:
        if key:
            self.counts.miss()
            if fetched := await self.page_cache.fetch(key):
                self.page_cache.send(key, fetched, scope.headers, protocol)
                return
        await self._ask(scope, protocol)

    async def _ask_whole(self, environ: WSGIEnvironment) -> Answer:
        pool = self.pools[kind_of("GET", environ["PATH_INFO"])]
        until = pool.until()
        answer: Answer = await pool.run(Reply(self.application, environ, until).whole, until)
        return answer

    async def _ask(self, scope: Scope, protocol: Any) -> None:
        try:
            length = announced(scope.headers)
            body = await whole(protocol, length) if 0 < length <= self.max_body else b""
        except NotWhole as trouble:
            headers = [("content-type", "text/plain; charset=utf-8"), ("connection", "close")]
            protocol.response_str(trouble.status, headers, f"{trouble}\n")
            return
        # A body that is too large is not read: Flask refuses its length.
        environ = environ_of(scope, body, length)
        pool = self.pools[kind_of(scope.method, scope.path)]
        until = pool.until()
        await self._reply(Reply(self.application, environ, until), pool, until, protocol)

    async def _reply(self, reply: Reply, pool: Pool, until: float, protocol: Any) -> None:
        """Send a response. Between two streamed parts it occupies no thread."""
        await pool.run(reply.begin, until, abandoned=reply.close)
        if reply.ended:
            protocol.response_bytes(reply.status, reply.headers, reply.first)
            return

        async def parts() -> AsyncIterator[bytes]:
            yield reply.first
            while not reply.ended:
                yield await pool.go_on(partial(reply.more, pool.until()))

        try:
            await stream(protocol, reply.status, reply.headers, parts())
        except (BrokenPipeError, TimeoutError):
            log.info("client gone")
        finally:
            await asyncio.shield(pool.go_on(reply.close))


def kind_of(method: str, path: str) -> str:
    """Kind of a request: the name of its thread pool."""
    if method in READING and (path in FILES or path.startswith("/static/")):
        return "file"
    if not path.startswith(OF_READERS):
        return "desk"
    return "read" if method in READING else "post"


def announced(headers: Headers) -> int:
    """Length of a request's body. Raises NotWhole without one.

    The web server reports a final chunk (RFC 9112, 7.1) and a lost connection alike, so a length is required (RFC 9110,
    15.5.12); browsers always send it.
    """
    if headers.get("transfer-encoding", ""):
        raise NotWhole(411, "A Content-Length header is required.")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise NotWhole(400, "The Content-Length header is invalid.")
    return int(length)


async def whole(parts: Any, length: int) -> bytes:
    """All `length` bytes of a body. Raises NotWhole if some are missing."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in parts:
                body += part
    except TimeoutError as trouble:
        raise NotWhole(408, f"The body did not arrive within {BODY_SECONDS} seconds.") from trouble
    if len(body) != length:
        # The client retries; half a comment must not be stored.
        raise NotWhole(400, "The body is incomplete.")
    return bytes(body)


def environ_of(scope: Scope, body: bytes, length: int) -> WSGIEnvironment:
    """The environment of PEP 3333, without the process's own."""
    host, _, port = scope.server.rpartition(":")
    return _headers(scope.headers) | {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        # The server decodes it; PEP 3333 wants bytes as characters.
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/1.0" if scope.http_version == "1" else f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "CONTENT_LENGTH": str(length),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def _headers(headers: Headers) -> WSGIEnvironment:
    environ: WSGIEnvironment = {}
    for name, value in headers.items():
        # WSGI could not tell it from the header with a hyphen, which a proxy may have checked.
        if "_" in name:
            continue
        key = "HTTP_" + name.upper().replace("-", "_")
        # RFC 9110, 5.2; cookies are the exception (RFC 9113, 8.2.3).
        joint = "; " if key == "HTTP_COOKIE" else ", "
        environ[key] = environ[key] + joint + value if key in environ else value
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    # `environ_of` sets the length.
    environ.pop("HTTP_CONTENT_LENGTH", None)
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return environ


def served(app: Flask) -> RsgiServer:
    """The application with as many threads as its database allows."""
    _collect_garbage_less_often()
    on_sqlite = app.config["DATABASE_URL"].startswith("sqlite")
    return RsgiServer(
        app,
        max_body=app.config["MAX_CONTENT_LENGTH"],
        max_bytes=app.config["PAGE_CACHE_MB"] * 2**20,
        at_once=AT_ONCE_ON_SQLITE if on_sqlite else AT_ONCE,
        seconds={kind: app.config[f"{kind.upper()}_TIMEOUT"] for kind in ("read", "post", "desk")},
        unavailable=errors.ready_answers(app),
    )


def _collect_garbage_less_often() -> None:
    """Python's default, a run after 700 new objects, took a tenth of each response's time."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)

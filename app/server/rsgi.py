"""Between the wire and Flask: a request comes in when it is whole, and nobody who is slow holds up the others.

WSGI gives an application the request while its body is still on the way, so that each client that sends slowly
occupies a thread; two of them stopped a service with two threads. And a body that broke off on the way looked like a
whole one: half a comment was stored (docs/decisions/0002-web-server.md). The web server, granian, can instead hand
over the parts as they come, by an interface of its own
(RSGI, https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md). Here they are gathered within limits
of size and time, and Flask is then called as PEP 3333 wants it.
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
from app.server.page_cache import Edge, asked_of
from app.server.pool import Busy, Pool
from app.server.reply import Reply, stream
from app.version import VERSION
from app.web import errors

log = logging.getLogger(__name__)

# A comment of the longest kind takes 180 KB; a phone in a tunnel gets half a minute for it.
BODY_SECONDS = 30
# How many requests of each kind a process answers at once. Posts wait for the disk; reads must not wait with them, nor
# what the edge has at hand with either; and no reader waits for the desk, where log-ins and searches take their time.
# Files ask no database, so that one that hangs holds up none of them.
AT_ONCE = {"post": 4, "read": 2, "desk": 4, "file": 1}
# On SQLite posts wait for each other, and each question hands Python's one lock to another thread: two at once in a
# process take turns within every comment, and each takes a third more of the processor. So do two pages at once on a
# busy machine.
AT_ONCE_ON_SQLITE = {"post": 1, "read": 1, "desk": 2, "file": 1}
# How many more may wait; a post brings its body with it.
QUEUED = {"post": 250, "read": 500, "desk": 100, "file": 500}
# Those who watch over the service ask whether readers are answered.
OF_READERS = ("/embed", "/thread", "/feeds/", "/readyz")
FILES = frozenset({"/embed.js", "/writing.js", "/work.js", "/thread.css", "/embed/stamp", "/api/v1/openapi.json"})
ALIVE = (
    [("content-type", "application/json"), ("cache-control", "no-store")],
    f'{{"alive":true,"version":"{VERSION}"}}\n'.encode(),
)
# Between two looks for garbage that reference counts do not free; a drawn page makes some thousand objects.
NEW_OBJECTS = 20_000
READING = frozenset({"GET", "HEAD", "OPTIONS"})

Answer = tuple[int, list[tuple[str, str]], bytes]
UNAVAILABLE: Answer = (503, [("retry-after", RETRY_AFTER_S)], b"")


class Headers(Protocol):
    def get(self, key: str, default: str = ...) -> str: ...
    def items(self) -> list[tuple[str, str]]: ...


class Scope(Protocol):
    """What the server knows of a request before its body; names and forms are RSGI's."""

    method: str
    path: str
    query_string: str
    scheme: str
    http_version: str
    client: str
    server: str
    headers: Headers


class NotWhole(Exception):
    """The request will not arrive as it was meant; `status` and the message tell the client why."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Wire:
    """An RSGI application around a WSGI one. `largest` is the limit of a body, `room` the edge's, both in bytes."""

    def __init__(
        self,
        application: WSGIApplication,
        *,
        largest: int,
        room: int = 0,
        at_once: Mapping[str, int] = AT_ONCE,
        queued: Mapping[str, int] = QUEUED,
        seconds: Mapping[str, float] | None = None,
        unavailable: Callable[[str, str], Answer] = lambda _path, _languages: UNAVAILABLE,
    ) -> None:
        self.application = application
        self.largest = largest
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
        self.edge = Edge(self._whole, room=room)
        self.has_edge = room > 0

    async def __rsgi__(self, scope: Scope, protocol: Any) -> None:
        """Answer from the edge, or else read the body, let the application answer, and send that."""
        if scope.path == "/healthz" and scope.method in READING:
            # Here, for a database that hangs may occupy every thread.
            protocol.response_bytes(200, *ALIVE)
            return
        try:
            await self._answer(scope, protocol)
        except Busy:
            log.warning("busy", extra={"pool": kind_of(scope.method, scope.path)})
            protocol.response_bytes(*self.unavailable(scope.path, scope.headers.get("accept-language", "")))

    async def _answer(self, scope: Scope, protocol: Any) -> None:
        if scope.method == "GET" and self.has_edge and (asked := asked_of(scope.path, scope.query_string)):
            ready = self.edge.at_hand(asked) or await self.edge.bring(asked)
            if ready:
                self.edge.send(asked, ready, scope.headers, protocol)
                return
        await self._ask(scope, protocol)

    async def _whole(self, environ: WSGIEnvironment) -> Answer:
        pool = self.pools[kind_of("GET", environ["PATH_INFO"])]
        until = pool.until()
        answer: Answer = await pool.run(Reply(self.application, environ, until).whole, until)
        return answer

    async def _ask(self, scope: Scope, protocol: Any) -> None:
        try:
            length = announced(scope.headers)
            body = await whole(protocol, length) if 0 < length <= self.largest else b""
        except NotWhole as trouble:
            headers = [("content-type", "text/plain; charset=utf-8"), ("connection", "close")]
            protocol.response_str(trouble.status, headers, f"{trouble}\n")
            return
        # Of a body that is too large only the length goes on: Flask refuses it in the words of the page or the API.
        environ = environ_of(scope, body, length)
        pool = self.pools[kind_of(scope.method, scope.path)]
        until = pool.until()
        await self._reply(Reply(self.application, environ, until), pool, until, protocol)

    async def _reply(self, reply: Reply, pool: Pool, until: float, protocol: Any) -> None:
        """Send an answer whole, or its parts as they are made: between two of them it occupies no thread."""
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
    """Return in whose threads a request is answered."""
    if method in READING and (path in FILES or path.startswith("/static/")):
        return "file"
    if not path.startswith(OF_READERS):
        return "desk"
    return "read" if method in READING else "post"


def announced(headers: Headers) -> int:
    """Return the length that a request's body will have. Raises NotWhole when it does not say so.

    A body that ends with its last chunk (RFC 9112, 7.1) cannot be told from one that broke off, for the server
    reports both in the same way; RFC 9110, 15.5.12 lets us ask for a length instead, and browsers always give it.
    """
    if headers.get("transfer-encoding", ""):
        raise NotWhole(411, "Send the body with a Content-Length.")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise NotWhole(400, "Content-Length is not a number.")
    return int(length)


async def whole(parts: Any, length: int) -> bytes:
    """Return all `length` bytes of a body that comes in parts. Raises NotWhole when they do not come."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in parts:
                body += part
    except TimeoutError as trouble:
        raise NotWhole(408, f"The body did not arrive within {BODY_SECONDS} seconds.") from trouble
    if len(body) != length:
        # Who lost the connection will send it again; half a comment must not take that one's place.
        raise NotWhole(400, "The body broke off.")
    return bytes(body)


def environ_of(scope: Scope, body: bytes, length: int) -> WSGIEnvironment:
    """Return the environment of PEP 3333; nothing of the process's own environment is in it."""
    host, _, port = scope.server.rpartition(":")
    return _headers(scope.headers) | {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        # Decoded by the server; PEP 3333 wants its bytes, each as one character.
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
        # With an underscore it would be taken for the one with a hyphen, which a proxy may have checked.
        if "_" in name:
            continue
        key = "HTTP_" + name.upper().replace("-", "_")
        # RFC 9110, 5.2 joins repeated fields with a comma; cookies are the exception (RFC 9113, 8.2.3).
        joint = "; " if key == "HTTP_COOKIE" else ", "
        environ[key] = environ[key] + joint + value if key in environ else value
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    # How the body came is over: it is whole, and `environ_of` tells its length.
    environ.pop("HTTP_CONTENT_LENGTH", None)
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return environ


def served(app: Flask) -> Wire:
    """Return an application in the threads that its database lets it use."""
    _look_for_garbage_less_often()
    on_sqlite = app.config["DATABASE_URL"].startswith("sqlite")
    return Wire(
        app,
        largest=app.config["MAX_CONTENT_LENGTH"],
        room=app.config["EDGE_MB"] * 2**20,
        at_once=AT_ONCE_ON_SQLITE if on_sqlite else AT_ONCE,
        seconds={kind: app.config[f"{kind.upper()}_TIMEOUT"] for kind in ("read", "post", "desk")},
        unavailable=errors.ready_answers(app),
    )


def _look_for_garbage_less_often() -> None:
    """What is loaded stays; to look it through again, after every 700 new objects, took a tenth of each answer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)

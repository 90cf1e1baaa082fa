"""Requests to the service: address, token, time limits, retries, pages, streams and errors."""

import json
import random
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from itertools import count
from threading import Timer
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from uuid import uuid4

from kaiwa_client.errors import NoAnswer, Problem

T = TypeVar("T")

VERSION = "0.1.0"
PREFIX = "/api/v1"
JSON, OCTETS, PROBLEM = "application/json", "application/octet-stream", "application/problem+json"
# Bytes of an answer that is read as a whole, of a part of a stream, and of a line of one.
MOST, CHUNK, LONGEST_LINE = 64 << 20, 64 << 10, 1 << 20
# Seconds: the first wait without Retry-After, and the longest wait that is worth it.
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0
BUSY = (429, 503)
LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,500}")
VALUE = re.compile(r"[\x21-\x7e]{1,200}")
FOLLOWING = re.compile(r'<([^<>]*)>\s*;\s*rel="?next"?')


class Secret(str):
    """A text that does not appear in tracebacks with local variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"


@dataclass(frozen=True)
class Request:
    """`is_repeatable`: it may be sent again when no answer came."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(default=None, repr=False)
    is_repeatable: bool = False


class Core:
    """Sends requests; safe to use from several threads, since each request has a connection of its own."""

    def __init__(
        self, address: str, token: str = "", *, timeout: float, retries: int, language: str, allow_http: bool = False
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("The address must be such as https://comments.example.org")
        if parts.username is not None or parts.password is not None:
            raise ValueError("The address must not contain a user name or password")
        if parts.scheme == "http" and token and not allow_http and not LOOPBACK.fullmatch(parts.hostname):
            raise ValueError("A token is sent over https only; allow_http=True if the network is yours alone")
        # The value is in no message: a mistyped token is most of a token.
        if token and not TOKEN.fullmatch(token):
            raise ValueError("This is no token: it has characters that no token has")
        if not VALUE.fullmatch(language):
            raise ValueError("The language must be a tag such as en or ja")
        self._is_safe, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._folder = quote(parts.path.rstrip("/"), safe="/%~:@!$&'()*+,;=")
        self._token = Secret(token)
        self._timeout, self._retries, self._language = timeout, retries, language
        self._key = ""

    def __repr__(self) -> str:
        return f"<Core {self._host}>"

    def keyed(self, key: str) -> "Core":
        """A copy whose writes have this Idempotency-Key."""
        if not VALUE.fullmatch(key):
            raise ValueError("An Idempotency-Key has 1 to 200 printable ASCII characters")
        copy = object.__new__(Core)
        copy.__dict__ = self.__dict__ | {"_key": key}
        return copy

    # ---- the kinds of answers

    def json(self, method: str, path: str, **asked: Any) -> Any:
        """The answer as JSON values; None if it is empty."""
        content, _headers = self._whole(self._request(method, path, **asked))
        return _parsed(content)

    def each(self, items: str, method: str, path: str, *, query: Mapping[str, object], **asked: Any) -> Iterator[Any]:
        """The items of this page and of those that follow (`Link`, RFC 8288)."""
        while True:
            content, headers = self._whole(self._request(method, path, query=query, **asked))
            page = _parsed(content)
            if not isinstance(page, dict) or not isinstance(page.get(items), list):
                raise NoAnswer("the answer is no page")
            yield from page[items]
            found = FOLLOWING.search(headers.get("Link", ""))
            if not found:
                return
            # Only the query: the service may be known by another address than the one that is used here.
            following = dict(parse_qsl(urlsplit(found[1]).query, keep_blank_values=True))
            if following.get("after") == str(query.get("after")):
                raise NoAnswer("the next page is this one")
            query = following

    def lines(self, method: str, path: str, **asked: Any) -> Iterator[dict[str, Any]]:
        """The objects of a stream of JSON Lines. Raises NoAnswer if it is broken off."""
        rest = b""
        for chunk in self.chunks(method, path, **asked):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield _row(line)
            if len(rest) > LONGEST_LINE:
                raise NoAnswer("a line of the stream is too long")
        if rest:
            raise NoAnswer("the stream was broken off")

    def chunks(self, method: str, path: str, **asked: Any) -> Iterator[bytes]:
        """The bytes of a stream; each part within the time limit. Raises NoAnswer if it is broken off."""
        connection, answer = self._stream(self._request(method, path, **asked))
        with closing(connection), closing(answer):
            expected, received = answer.length, 0
            while chunk := _unless_silent(answer):
                received += len(chunk)
                yield chunk
            if expected is not None and received < expected:
                raise NoAnswer("the stream was broken off")

    # ---- requests

    def _request(
        self,
        method: str,
        path: str,
        *,
        path_values: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        data: bytes | None = None,
        repeatable: bool = False,
    ) -> Request:
        filled = path.format(**{name: _segment(value) for name, value in (path_values or {}).items()})
        asked = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        target = f"{self._folder}{PREFIX}{filled}{'?' if asked else ''}{urlencode(asked)}"
        headers = {"Accept": f"{JSON}, {PROBLEM}, */*;q=0.1", "Accept-Language": self._language,
                   "User-Agent": f"kaiwa-client-python/{VERSION}", "Connection": "close"}  # fmt: skip
        if self._token:
            headers["Authorization"] = Secret(f"Bearer {self._token}")
        content = json.dumps(body, allow_nan=False).encode() if body is not None else data
        if content is not None:
            headers["Content-Type"] = OCTETS if body is None else JSON
        if method != "GET":
            # The same for all attempts: a repeated request is one decision.
            headers["Idempotency-Key"] = self._key or uuid4().hex
            content = content or b""
        return Request(method, target, headers, content, repeatable)

    def _whole(self, request: Request) -> tuple[bytes, HTTPMessage]:
        def read(connection: HTTPConnection, answer: HTTPResponse) -> tuple[bytes, HTTPMessage]:
            with closing(connection), closing(answer):
                return _content(answer, time.monotonic() + self._timeout), answer.headers

        return self._repeated(request, read)

    def _stream(self, request: Request) -> tuple[HTTPConnection, HTTPResponse]:
        return self._repeated(request, lambda connection, answer: (connection, answer))

    def _repeated(self, request: Request, use: Callable[[HTTPConnection, HTTPResponse], T]) -> T:
        """What `use` makes of the answer. Raises the last Problem or NoAnswer."""
        for attempt in count():
            try:
                return use(*self._answered(request))
            except (Problem, NoAnswer) as trouble:
                wait = _wait(trouble, attempt, is_repeatable=request.is_repeatable)
                if wait is None or attempt >= self._retries:
                    raise
            time.sleep(wait)
        raise AssertionError("count() has no end")

    def _answered(self, request: Request) -> tuple[HTTPConnection, HTTPResponse]:
        """The beginning of a successful answer. Raises Problem or NoAnswer.

        Redirects are not followed: they would lead the token elsewhere.
        """
        kind = HTTPSConnection if self._is_safe else HTTPConnection
        connection, said = kind(self._host, self._port, timeout=self._timeout), ""
        try:
            connection.connect()
            with _limit(connection.sock, self._timeout):
                connection.request(request.method, request.target, request.content, dict(request.headers))
                answer = connection.getresponse()
        except (OSError, HTTPException) as trouble:
            said = _told(trouble)
        if said:
            # Not within `except`: the frames of the other exception have the headers.
            connection.close()
            raise NoAnswer(said)
        if 200 <= answer.status < 300:
            return connection, answer
        with closing(connection), closing(answer):
            raise _problem(answer, time.monotonic() + self._timeout)


def _wait(trouble: Problem | NoAnswer, attempt: int, *, is_repeatable: bool) -> float | None:
    """Seconds until the next attempt; None if there should be none."""
    usual = FIRST_WAIT * 2.0**attempt * random.uniform(0.5, 1.0)  # noqa: S311
    if isinstance(trouble, NoAnswer):
        return usual if is_repeatable else None
    if trouble.status not in BUSY:
        return None
    if trouble.retry_after is None:
        # A proxy may have answered, after the service had the request.
        return usual if is_repeatable else None
    return trouble.retry_after if trouble.retry_after <= LONGEST_WAIT else None


@contextmanager
def _limit(waiting: socket.socket, seconds: float) -> Iterator[None]:
    """End all waiting on a socket after so many seconds; its own time limit starts again with every byte."""
    timer = Timer(seconds, _shut, [waiting])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(waiting: socket.socket) -> None:
    try:
        waiting.shutdown(socket.SHUT_RDWR)
    except OSError:
        # Closed by the other side at the same moment.
        return


def _content(answer: HTTPResponse, until: float) -> bytes:
    expected, parts, size = answer.length, list[bytes](), 0
    while chunk := _unless_silent(answer):
        parts.append(chunk)
        size += len(chunk)
        if size > MOST:
            raise NoAnswer("the answer is too long")
        if time.monotonic() > until:
            raise NoAnswer("the answer took too long")
    if expected is not None and size < expected:
        raise NoAnswer("the answer was broken off")
    return b"".join(parts)


def _unless_silent(answer: HTTPResponse) -> bytes:
    try:
        return answer.read1(CHUNK)
    except (OSError, HTTPException) as trouble:
        raise NoAnswer(_told(trouble)) from None


def _told(trouble: Exception) -> str:
    return "no answer in time" if isinstance(trouble, TimeoutError) else f"no answer ({type(trouble).__name__})"


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except (ValueError, RecursionError):
        raise NoAnswer("the answer is no JSON") from None


def _row(line: bytes) -> dict[str, Any]:
    row = _parsed(line)
    if not isinstance(row, dict) or set(row) == {"error"}:
        raise NoAnswer("the stream was broken off")
    return row


def _problem(answer: HTTPResponse, until: float) -> Problem:
    try:
        told = _parsed(_content(answer, until))
    except NoAnswer:
        told = None
    details = told if isinstance(told, dict) else {}
    return Problem(answer.status, details, _seconds(answer.headers.get("Retry-After")))


def _seconds(given: str | None) -> float | None:
    """Retry-After is a number of seconds or a date (RFC 9110, 10.2.3)."""
    if not given:
        return None
    if given.isascii() and given.isdigit():
        return float(given[:9])
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _segment(value: object) -> str:
    """A part of a path. Dots alone, which cannot be encoded, and nothing would lead to another operation."""
    text = str(value)
    if text in ("", ".", ".."):
        raise ValueError("An id is not empty and not only dots")
    return quote(text, safe="")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

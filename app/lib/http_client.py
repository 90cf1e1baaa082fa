"""HTTP requests to other services: encrypted, never into private networks (SSRF), limited in time and size."""

import http.client
import io
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

SECONDS = 10  # for the whole exchange
MAX_BYTES = 64 * 1024
MAX_HEADER_BYTES = 64 * 1024  # of interim answers, too
LOOPBACK = ("127.0.0.1", "::1", "localhost")
# Names that are being resolved.
_RESOLVING: dict[tuple[str, int], tuple[threading.Thread, list[Any]]] = {}
_LOCK = threading.Lock()
# All that is assigned for the Internet (RFC 4291, 2.4). Outside are site-local addresses, which Python calls global,
# and forms with an embedded IPv4 address (RFC 2765, RFC 6052).
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Prefixes in it with an embedded IPv4 address that could be private (RFC 3056, RFC 4380).
EMBEDDING_NETWORKS = tuple(map(ipaddress.IPv6Network, ("2002::/16", "2001::/32")))


class NoAnswer(Exception):
    """No complete answer; the message says why. `late`: its time was over."""

    def __init__(self, why: str, *, late: bool = False, too_large: bool = False):
        super().__init__(why)
        self.late, self.too_large = late, too_large


class TooLarge(http.client.HTTPException):
    """The answer has more bytes than the caller reads."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes


def is_allowed(url: str) -> bool:
    """True for https, and for http to a loopback name."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return usable and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts)))


def is_loopback(url: str) -> bool:
    """True for an allowed address of a program on this machine."""
    return is_allowed(url) and _is_loopback(urlsplit(url))


def get(
    url: str, headers: Mapping[str, str], *, seconds: float | None = None, private: bool = False,
    most: int = MAX_BYTES,
) -> Answer:  # fmt: skip
    """GET the address; otherwise like `post`. An answer of more than `most` bytes is none, `too_large`."""
    return _exchange("GET", url, None, headers, seconds, private, most=most)


def post_form(
    url: str, fields: Mapping[str, str], agent: str, *, headers: Mapping[str, str] | None = None,
    seconds: float | None = None, private: bool = False,
) -> Answer:  # fmt: skip
    """`post` of `fields`, form-encoded."""
    kind = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "User-Agent": agent}
    return post(url, urlencode(fields).encode(), {**kind, **(headers or {})}, seconds=seconds, private=private)


def names_private_address(url: str) -> bool:
    """True if the host is the number of a private address; what a name leads to is checked with each request."""
    try:
        return not _is_public(urlsplit(url).hostname or "")
    except ValueError:
        return False


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, seconds: float | None = None, private: bool = False,
    keep: int | None = None,
) -> Answer:  # fmt: skip
    """POST `body` and return the answer, whatever its status. Raises NoAnswer.

    Redirects are not followed. The name is resolved once, and its addresses are checked before connecting. `seconds`
    (default: SECONDS) limit resolving, connection, TLS handshake and answer together. `private` is for hosts that the
    operator has set, which may be in a private network. With `keep`, the answer has the first `keep` bytes of its body:
    the rest is not read, and one that stays away is empty, because the status is the answer.
    """
    return _exchange("POST", url, body, headers, seconds, private, keep)


def _exchange(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], seconds: float | None, private: bool,
    keep: int | None = None, most: int = MAX_BYTES,
) -> Answer:  # fmt: skip
    if not is_allowed(url):
        raise NoAnswer("the address is not https")
    parts, end = urlsplit(url), time.monotonic() + (seconds or SECONDS)
    try:
        with _connect(parts, end, private) as line, _time_limit(line, end), _encrypted(line, parts) as sock:
            answer = _send(sock, method, parts, body, {**headers, "Connection": "close"}, keep, most)
        if keep is None and time.monotonic() >= end:
            # Without a length, an answer that was cut off looks complete.
            raise TimeoutError("the answer was not complete in time")
        return answer
    except (OSError, ValueError, http.client.HTTPException) as trouble:
        why, too_large = f"{type(trouble).__name__}: {trouble}", isinstance(trouble, TooLarge)
        raise NoAnswer(why, late=time.monotonic() >= end, too_large=too_large) from trouble


def _send(
    sock: socket.socket, method: str, parts: SplitResult, body: bytes | None, headers: dict[str, str],
    keep: int | None = None, most: int = MAX_BYTES,
) -> Answer:  # fmt: skip
    connection = http.client.HTTPConnection(parts.netloc.rpartition("@")[2])
    connection.sock = _BoundedSocket(sock, most + MAX_HEADER_BYTES)
    connection.response_class = _FinalResponse
    path = parts.path or "/"
    connection.request(method, f"{path}?{parts.query}" if parts.query else path, body, headers)
    response = connection.getresponse()
    if keep is not None:
        return Answer(response.status, response.headers, _first_bytes(response, keep))
    answered = response.read(most + 1)
    if len(answered) > most:
        raise TooLarge("the answer is too large")
    if response.length:
        raise http.client.HTTPException("the answer is incomplete")
    return Answer(response.status, response.headers, answered)


class _FinalResponse(http.client.HTTPResponse):
    """http.client skips 100 (Continue) and takes other interim answers for the last one (RFC 9110, 15.2)."""

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        is_interim = 100 <= status < 200 and status != http.client.SWITCHING_PROTOCOLS
        return version, http.client.CONTINUE if is_interim else status, reason


class _BoundedSocket:
    """For http.client, which reads any number of interim answers (100 Continue) and megabytes of headers."""

    def __init__(self, sock: socket.socket, most: int) -> None:
        self.sendall, self.close, self._sock, self._most = sock.sendall, sock.close, sock, most

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_BoundedReader(self._sock.makefile("rb", buffering=0), self._most))


class _BoundedReader(io.RawIOBase):
    def __init__(self, raw: Any, most: int) -> None:
        self.raw, self.left = raw, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.left <= 0:
            raise TooLarge("the answer is too large")
        size: int = self.raw.readinto(memoryview(buffer)[: self.left])
        self.left -= size
        return size

    def close(self) -> None:
        self.raw.close()
        super().close()


def _first_bytes(response: http.client.HTTPResponse, keep: int) -> bytes:
    try:
        return response.read(keep)
    except (OSError, ValueError, http.client.HTTPException):
        return b""


@contextmanager
def _time_limit(sock: socket.socket, end: float) -> Iterator[None]:
    """Hang up at `end`: a slow server could restart a read timeout with each byte."""
    # A second descriptor of the connection, because TLS takes the socket over.
    with sock.dup() as line:
        clock = threading.Timer(_left(end), _hang_up, (line,))
        clock.daemon = True
        clock.start()
        try:
            yield
        finally:
            clock.cancel()
            clock.join()


def _encrypted(sock: socket.socket, parts: SplitResult) -> socket.socket:
    if parts.scheme == "http":
        return sock
    return ssl.create_default_context().wrap_socket(sock, server_hostname=parts.hostname)


def _connect(parts: SplitResult, end: float, private: bool = False) -> socket.socket:
    host, port = parts.hostname or "", parts.port or {"https": 443, "http": 80}[parts.scheme]
    found = _addresses(host, port, end)
    refused = [place[0] for *_, place in found if not _is_public(str(place[0]))]
    if refused and not private and not _is_loopback(parts):
        raise NoAnswer("the address is in a private network")
    return _connect_first(found, end)


def _addresses(host: str, port: int, end: float) -> list[Any]:
    """In a thread, because a name whose servers stall would occupy the caller until the resolver gives up."""
    with _LOCK:
        thread, found = _RESOLVING.get((host, port)) or _resolve(host, port)
    thread.join(_left(end))
    if not found:
        raise TimeoutError("the name was not resolved in time")
    if isinstance(found[0], Exception):
        raise found[0]
    return list(found[0])


def _resolve(host: str, port: int) -> tuple[threading.Thread, list[Any]]:
    """Start a thread that fills the list. Other requests share it, so that threads do not pile up."""
    found: list[Any] = []

    def resolve() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as trouble:
            found.append(trouble)
        finally:
            with _LOCK:
                del _RESOLVING[host, port]

    thread = threading.Thread(target=resolve, name="resolver", daemon=True)
    thread.start()
    _RESOLVING[host, port] = thread, found
    return thread, found


def _connect_first(found: list[Any], end: float) -> socket.socket:
    trouble: OSError = OSError("no address")
    for family, kind, protocol, _name, place in found:
        sock = socket.socket(family, kind, protocol)
        # A name with many silent addresses gets no more time.
        sock.settimeout(_left(end))
        try:
            sock.connect(place)
        except OSError as problem:
            sock.close()
            trouble = problem
        else:
            return sock
    raise trouble


def _left(end: float) -> float:
    return max(0.001, end - time.monotonic())


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.split("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        return _is_public(str(address.ipv4_mapped)) if address.ipv4_mapped else _is_public_v6(address)
    return address.is_global and not address.is_multicast


def _is_public_v6(address: ipaddress.IPv6Address) -> bool:
    embeds = any(address in each for each in EMBEDDING_NETWORKS)
    return address.is_global and address in GLOBAL_UNICAST and not embeds


def _is_loopback(parts: SplitResult) -> bool:
    return parts.hostname in LOOPBACK


def _hang_up(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)

"""HTTP requests to other services: encrypted, never into private networks (SSRF), limited in time and size."""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

SECONDS = 10  # for the whole exchange
MAX_BYTES = 64 * 1024
LOOPBACK = ("127.0.0.1", "::1", "localhost")
# Prefixes with an embedded IPv4 address that could be private (RFC 6052, RFC 3056).
EMBEDDING_NETWORKS = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))


class NoAnswer(Exception):
    """No complete answer; the message says why."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes


def is_allowed(url: str) -> bool:
    """True for https, and for http to a loopback name."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts)))


def post_form(url: str, fields: Mapping[str, str], agent: str) -> Answer:
    """POST `fields` form-encoded and return the answer, whatever its status. Raises NoAnswer.

    Redirects are not followed. The name is resolved once, and its addresses are checked before connecting.
    """
    parts = urlsplit(url)
    if not is_allowed(url):
        raise NoAnswer("the address is not https")
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "User-Agent": agent}
    try:
        with _connect(parts) as sock:
            return _send(sock, parts, urlencode(fields).encode(), headers | {"Connection": "close"})
    except (OSError, http.client.HTTPException) as trouble:
        raise NoAnswer(f"{type(trouble).__name__}: {trouble}") from trouble


def _send(sock: socket.socket, parts: SplitResult, body: bytes, headers: dict[str, str]) -> Answer:
    connection = http.client.HTTPConnection(parts.netloc, timeout=SECONDS)
    connection.sock = sock
    # A slow server could restart a read timeout with each byte.
    clock = threading.Timer(SECONDS, _hang_up, (sock,))
    clock.start()
    try:
        connection.request("POST", parts.path or "/", body, headers)
        response = connection.getresponse()
        answered = response.read(MAX_BYTES + 1)
        if response.length or len(answered) > MAX_BYTES:
            raise NoAnswer("the answer is incomplete or too large")
        return Answer(response.status, response.headers, answered)
    finally:
        clock.cancel()


def _connect(parts: SplitResult) -> socket.socket:
    host, port = parts.hostname or "", parts.port or {"https": 443, "http": 80}[parts.scheme]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    refused = [place[0] for *_, place in found if not _is_public(str(place[0]))]
    if refused and not _is_loopback(parts):
        raise NoAnswer("the address is in a private network")
    sock = _connect_first(found)
    if parts.scheme == "http":
        return sock
    return ssl.create_default_context().wrap_socket(sock, server_hostname=host)


def _connect_first(found: list[Any]) -> socket.socket:
    trouble: OSError = OSError("no address")
    for family, kind, protocol, _name, place in found:
        sock = socket.socket(family, kind, protocol)
        sock.settimeout(SECONDS)
        try:
            sock.connect(place)
        except OSError as problem:
            sock.close()
            trouble = problem
        else:
            return sock
    raise trouble


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.split("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_global and not address.is_multicast and not any(address in each for each in EMBEDDING_NETWORKS)


def _is_loopback(parts: SplitResult) -> bool:
    return parts.hostname in LOOPBACK


def _hang_up(sock: socket.socket) -> None:
    with suppress(OSError):
        # Closing TLS would wait for the peer.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)

"""Calls to other people's services: encrypted, never into our own network, never longer or larger than told."""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from urllib.parse import SplitResult, urlencode, urlsplit

SECONDS = 10  # from the first packet to the last byte of the answer
MOST_BYTES = 64 * 1024
LOOPBACK = ("127.0.0.1", "::1", "localhost")
# Addresses that carry another within them, by which a network behind us could be reached (RFC 6052, RFC 3056).
CARRIERS = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))


class NoAnswer(Exception):
    """There was no whole answer; the message says why."""


@dataclass(frozen=True)
class Answer:
    """`headers` ignores case."""

    status: int
    headers: Message
    body: bytes


def may_be_called(url: str) -> bool:
    """https, or a server on this very machine that was named as such."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts)))


def post_form(url: str, fields: Mapping[str, str], agent: str) -> Answer:
    """POST `fields` form-encoded in UTF-8, and return the answer, whatever its status. Raises NoAnswer.

    Redirects are not followed. The name is resolved once, and what it leads to is looked at before anybody is called:
    a name that leads into a private network calls nobody (SSRF).
    """
    parts = urlsplit(url)
    if not may_be_called(url):
        raise NoAnswer("the address is not https")
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "User-Agent": agent}
    try:
        with _connected(parts) as wire:
            return _asked(wire, parts, urlencode(fields).encode(), headers | {"Connection": "close"})
    except (OSError, http.client.HTTPException) as trouble:
        raise NoAnswer(f"{type(trouble).__name__}: {trouble}") from trouble


def _asked(wire: socket.socket, parts: SplitResult, body: bytes, headers: dict[str, str]) -> Answer:
    connection = http.client.HTTPConnection(parts.netloc, timeout=SECONDS)
    connection.sock = wire
    # A server that sends a byte now and then never lets a read time out.
    clock = threading.Timer(SECONDS, _hang_up, (wire,))
    clock.start()
    try:
        connection.request("POST", parts.path or "/", body, headers)
        response = connection.getresponse()
        answered = response.read(MOST_BYTES + 1)
        if response.length or len(answered) > MOST_BYTES:
            raise NoAnswer("the answer broke off, or is too large")
        return Answer(response.status, response.headers, answered)
    finally:
        clock.cancel()


def _connected(parts: SplitResult) -> socket.socket:
    host, port = parts.hostname or "", parts.port or {"https": 443, "http": 80}[parts.scheme]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    refused = [place[0] for *_, place in found if not _is_public(str(place[0]))]
    if refused and not _is_loopback(parts):
        raise NoAnswer("the address leads into a private network")
    wire = _first_that_answers(found)
    if parts.scheme == "http":
        return wire
    return ssl.create_default_context().wrap_socket(wire, server_hostname=host)


def _first_that_answers(found: list) -> socket.socket:
    """Connect to what was looked at, not to what the name may lead to by now."""
    trouble: OSError = OSError("no address")
    for family, kind, protocol, _name, place in found:
        wire = socket.socket(family, kind, protocol)
        wire.settimeout(SECONDS)
        try:
            wire.connect(place)
        except OSError as problem:
            wire.close()
            trouble = problem
        else:
            return wire
    raise trouble


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.split("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_global and not address.is_multicast and not any(address in each for each in CARRIERS)


def _is_loopback(parts: SplitResult) -> bool:
    return parts.hostname in LOOPBACK


def _hang_up(wire: socket.socket) -> None:
    with suppress(OSError):
        # Of the socket itself: closing TLS politely would wait for the other side.
        socket.socket.shutdown(wire, socket.SHUT_RDWR)

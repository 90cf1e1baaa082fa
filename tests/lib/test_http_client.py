"""Outgoing requests reach no private address, have deadlines, and read at most a maximum response size."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from app.lib import http_client
from app.lib.http_client import NoAnswer, is_allowed, is_loopback, post_form

PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1",
    "::1", "fe80::1", "fc00::1", "fd12:3456::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1", "ff02::1", "2001:0:7f00:1::",
    "fec0::1", "::7f00:1", "::a9fe:a9fe", "::ffff:0:7f00:1", "4000::1",
]  # fmt: skip


@pytest.fixture
def listens() -> Iterator[Callable[..., str]]:
    """Start a server that answers each connection with `talk(connection)`; return its address."""
    servers = []

    def start(talk: Callable[[socket.socket], None]) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        connection.recv(65536)
                        talk(connection)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/x"

    yield start
    for server in servers:
        server.close()


def says(answer: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(answer)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_with_a_private_address_is_not_connected_to(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))
    found = [public, (family, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: found)
    monkeypatch.setattr(socket.socket, "connect", lambda *_a: pytest.fail("it was called"))
    with pytest.raises(NoAnswer, match="private network"):
        post_form("https://rebound.example/1.1/comment-check", {}, "test")


@pytest.mark.parametrize(
    "url",
    [
        "http://akismet.example/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "//127.0.0.1/x", "", "https://",
        "http://127.0.0.1.evil.example/", "http://localhost.evil.example/", "http://10.0.0.1/", "gopher://127.0.0.1/",
        "http://127.0.0.1@evil.example/", "http://evil.example#@127.0.0.1/", "http://2130706433/", "http://127.1/",
    ],
)  # fmt: skip
def test_only_https_or_this_very_machine_may_be_called(url: str) -> None:
    assert not is_allowed(url)
    with pytest.raises(NoAnswer):
        post_form(url, {}, "test")


def test_requests_and_responses_are_transferred_completely(listens: Callable[..., str]) -> None:
    answer = post_form(
        listens(says(b"HTTP/1.1 200 OK\r\nX-Said: yes\r\nContent-Length: 4\r\n\r\ntrue")), {"a": "あ"}, "t"
    )
    assert (answer.status, answer.headers["x-said"], answer.body) == (200, "yes", b"true")


def test_the_last_of_several_answers_counts(listens: Callable[..., str]) -> None:
    interim = b"".join(b"HTTP/1.1 %d x\r\nLink: </a>\r\n\r\n" % status for status in (100, 102, 103, 103, 199))
    last = b"HTTP/1.1 201 Created\r\nX-Said: yes\r\nContent-Length: 4\r\n\r\ntrue"
    answer = post_form(listens(says(interim + last)), {}, "t")
    assert (answer.status, answer.headers["x-said"], answer.headers["link"], answer.body) == (201, "yes", None, b"true")
    assert post_form(listens(says(b"HTTP/1.1 101 x\r\n\r\n")), {}, "t").status == 101


def test_a_redirect_is_not_followed(listens: Callable[..., str]) -> None:
    reached: list[bytes] = []
    inner = listens(lambda connection: reached.append(b"x"))
    moved = b"HTTP/1.1 302 Found\r\nLocation: " + inner.encode() + b"\r\nContent-Length: 0\r\n\r\n"
    assert post_form(listens(says(moved)), {}, "t").status == 302
    assert reached == []


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntr", b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (http_client.MAX_BYTES + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntr",
    ],
)  # fmt: skip
def test_half_an_answer_and_too_much_of_one_are_none(listens: Callable[..., str], answer: bytes) -> None:
    with pytest.raises(NoAnswer):
        post_form(listens(says(answer)), {}, "t")


def test_who_sends_a_byte_now_and_then_is_not_waited_for(
    listens: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "SECONDS", 1)

    def drips(connection: socket.socket) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + b"x" * 400:
            connection.sendall(bytes([byte]))
            time.sleep(0.2)

    started = time.monotonic()
    with pytest.raises(NoAnswer):
        post_form(listens(drips), {}, "t")
    # Read to its end, the answer would take 88 seconds.
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    "endless", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 x\r\n\r\n", b"X: y\r\n", b"\0" * 99]
)
def test_endless_interim_answers_and_headers_are_not_read(listens: Callable[..., str], endless: bytes) -> None:
    def floods(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 100 Continue\r\nX: y\r\n" + b"\r\n" * endless.startswith(b"HTTP"))
        while True:
            connection.sendall(endless * 1_000)

    with pytest.raises(NoAnswer) as caught:
        post_form(listens(floods), {}, "t")
    assert not caught.value.late, "refused for its size, before its time is over"


def test_the_query_is_sent_and_user_information_is_not() -> None:
    asked: list[bytes] = []

    def serve() -> None:
        with server, server.accept()[0] as connection:
            asked.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    server = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve)
    thread.start()
    http_client.post(f"http://me:secret@127.0.0.1:{server.getsockname()[1]}/x?a=1&b=2", b"{}", {"X-Own": "1"})
    thread.join()
    head = asked[0].decode()
    assert head.startswith("POST /x?a=1&b=2 HTTP/1.1\r\n") and "X-Own: 1" in head and "secret" not in head


@pytest.mark.parametrize(
    "url", ["https://[", "https://a:99999/", "https://a:0/", "https://a:b/", f"https://{'a' * 64}.example/"]
)
def test_an_address_that_cannot_be_parsed_is_no_crash(url: str) -> None:
    with pytest.raises(NoAnswer):
        post_form(url, {}, "test")


def test_a_tls_handshake_has_the_same_time_limit(listens: Callable[..., str]) -> None:
    def drips(connection: socket.socket) -> None:
        # The header of a TLS record of 16 KiB, then its bytes one by one.
        for byte in b"\x16\x03\x03\x40\x00" + b"\x02" * 400:
            connection.sendall(bytes([byte]))
            time.sleep(0.2)

    started = time.monotonic()
    with pytest.raises(NoAnswer) as caught:
        http_client.post(listens(drips).replace("http:", "https:"), b"{}", {}, seconds=1)
    assert caught.value.late and time.monotonic() - started < 30


def test_a_name_whose_servers_stall_has_the_same_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    stalls = threading.Event()

    def stalled(*_a: object, **_k: object) -> None:
        stalls.wait(60)
        raise socket.gaierror("try again")

    monkeypatch.setattr(socket, "getaddrinfo", stalled)
    try:
        with pytest.raises(NoAnswer) as caught:
            http_client.post("https://stalled.example/", b"{}", {}, seconds=0.1)
        assert caught.value.late and not stalls.is_set()
        waiting = threading.active_count()
        for _again in range(3):
            with pytest.raises(NoAnswer):
                http_client.post("https://stalled.example/", b"{}", {}, seconds=0.01)
        assert threading.active_count() == waiting, "one thread waits for the name"
    finally:
        stalls.set()


def test_only_addresses_of_this_machine_are_loopback() -> None:
    assert is_loopback("http://127.0.0.1:9/") and is_loopback("https://localhost/") and is_loopback("http://[::1]:1/x")
    assert not is_loopback("https://example.com/") and not is_loopback("http://example.com/")

"""Killed processes restart, slow clients delay no others, a stop loses no request and leaves no process."""

import http.client
import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cast import a_site
from tests.inside import database_of
from tests.services import Live as Kaiwa
from tests.services import NotReady, flask, running_kaiwa

ORIGIN = "https://alice.example"
FORM = "application/x-www-form-urlencoded"
COMMENT = f"site=alice&url={ORIGIN}/article&name=Bob&email=bob@example.org&body=I+was+there+when+it+happened"


@pytest.fixture(scope="module")
def kaiwa(tmp_path_factory: pytest.TempPathFactory, new_sqlite: Callable[[Path], str]) -> Iterator[Kaiwa]:
    folder = tmp_path_factory.mktemp("serve")
    with running_kaiwa(folder, {"DATABASE_URL": new_sqlite(folder)}, workers=2, migrated=True) as service:
        add_site(service)
        yield service


def test_a_comment_that_arrives_whole_is_stored(kaiwa: Kaiwa) -> None:
    before = comments_in(kaiwa)
    with connection_to(kaiwa) as bob:
        bob.sendall(post(length=len(COMMENT)) + COMMENT.encode())
        assert status_of(bob) in (201, 202)
    assert comments_in(kaiwa) == before + 1


def test_the_supervisor_holds_no_libraries_and_a_web_process_no_commands(kaiwa: Kaiwa) -> None:
    assert not any("site-packages" in file for file in libraries_of(kaiwa.process.pid))
    web = web_processes(kaiwa)[-1]
    eventually(lambda: any("cryptography" in file for file in libraries_of(web)))
    # The commands import it for backups; the service here is on SQLite.
    assert not any("psycopg" in file for file in libraries_of(web))


def test_half_a_comment_is_not_stored(kaiwa: Kaiwa) -> None:
    """Bob's phone loses the network in the middle of his comment."""
    before = comments_in(kaiwa)
    with connection_to(kaiwa) as bob:
        bob.sendall(post(length=len(COMMENT)) + COMMENT[:-9].encode())
        bob.shutdown(socket.SHUT_WR)
        assert status_of(bob) == 400
    assert comments_in(kaiwa) == before


def test_a_comment_whose_sender_closes_its_half_is_never_stored_twice(kaiwa: Kaiwa) -> None:
    """The HTTP server drops the response (docs/decisions/0002-web-server.md); a retry with the same key gets it."""
    before = comments_in(kaiwa)
    for number in range(5):
        body = COMMENT.replace("happened", f"happened+by+half+{number}")
        head = post(length=len(body)).replace(b"\r\n\r\n", f"\r\nIdempotency-Key: half {number}\r\n\r\n".encode())
        with connection_to(kaiwa) as program:
            program.sendall(head + body.encode())
            program.shutdown(socket.SHUT_WR)
            assert answered(program) in ("", "200", "201", "202")
        with connection_to(kaiwa) as program:
            program.sendall(head + body.encode())
            assert status_of(program) in (200, 201, 202)
    assert comments_in(kaiwa) == before + 5


def test_a_body_without_a_length_is_asked_for_one(kaiwa: Kaiwa) -> None:
    with connection_to(kaiwa) as program:
        head = post(length=0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        program.sendall(head + f"{len(COMMENT):x}\r\n{COMMENT}\r\n0\r\n\r\n".encode())
        assert status_of(program) == 411


def test_an_endless_body_is_refused_before_it_is_read(kaiwa: Kaiwa) -> None:
    with connection_to(kaiwa) as mallory:
        mallory.sendall(post(length=10**12) + b"body=a")
        assert status_of(mallory) == 413


def test_a_hundred_slow_posters_do_not_hold_up_a_reader(kaiwa: Kaiwa) -> None:
    with ExitStack() as crowd:
        for _ in range(100):
            crowd.enter_context(connection_to(kaiwa)).sendall(post(length=1000) + b"body=a")
        began = time.monotonic()
        statuses = {get(kaiwa, "/healthz") for _ in range(8)}
        assert statuses == {200}
        # A slow poster has half a minute.
        assert time.monotonic() - began < 25


def test_a_web_process_that_is_killed_is_replaced(kaiwa: Kaiwa) -> None:
    victim = web_processes(kaiwa)[-1]
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: victim not in web_processes(kaiwa) and len(web_processes(kaiwa)) == 3)
    assert get(kaiwa, "/healthz") == 200


def test_two_quick_deaths_of_one_web_process_leave_the_other_alone(kaiwa: Kaiwa) -> None:
    eventually(lambda: len(web_processes(kaiwa)) == 3)
    server, survivor, victim = web_processes(kaiwa)
    for _ in range(3):
        os.kill(victim, signal.SIGKILL)
        known = {server, survivor, victim}
        eventually(lambda known=known: len(set(web_processes(kaiwa)) - known) == 1)  # type: ignore[misc]
        [victim] = set(web_processes(kaiwa)) - known
    assert {server, survivor} <= set(web_processes(kaiwa))
    assert get(kaiwa, "/healthz") == 200


def test_a_web_server_that_is_killed_is_replaced_with_all_its_processes(kaiwa: Kaiwa) -> None:
    before = web_processes(kaiwa)
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: not any(map(exists, before)) and len(web_processes(kaiwa)) == 3)
    kaiwa.wait_ready()


def test_a_worker_that_is_killed_is_replaced(kaiwa: Kaiwa) -> None:
    [victim] = kaiwa.processes("flask worker")
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: kaiwa.processes("flask worker") not in ([], [victim]))


@pytest.mark.torture
def test_a_stop_lets_a_comment_arrive_and_does_not_wait_for_slow_posters(start_kaiwa: Callable[..., Kaiwa]) -> None:
    service = start_kaiwa(workers=2)
    add_site(service)
    with connection_to(service) as bob, connection_to(service) as mallory:
        mallory.sendall(post(length=1000) + b"body=a")
        # The server asks for the body once it reads it (RFC 9110, 10.1.1): it has the request before it is stopped.
        head = post(length=len(COMMENT)).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
        bob.sendall(head)
        assert status_of(bob) == 100
        bob.sendall(COMMENT[:-9].encode())
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        bob.sendall(COMMENT[-9:].encode())
        assert status_of(bob) in (201, 202)
        began = time.monotonic()
        assert service.stop() == 0
    # Mallory has half a minute to send the body.
    assert time.monotonic() - began < 25
    assert comments_in(service) == 1


def test_stopping_it_in_the_middle_of_a_rush_loses_no_comment_and_leaves_no_process(
    start_kaiwa: Callable[..., Kaiwa],
) -> None:
    service = start_kaiwa(workers=2)
    add_site(service)
    everyone = service.processes()
    answers: list[int] = []
    crowd = [threading.Thread(target=post_until_it_closes, args=(service, n, answers)) for n in range(8)]
    for each in crowd:
        each.start()
    eventually(lambda: len(answers) > 50)
    assert service.stop() == 0
    for each in crowd:
        each.join()
    assert set(answers) <= {201, 202}
    assert comments_in(service) == len(answers)
    assert len(everyone) >= 4
    assert not any(map(exists, everyone))


def test_nothing_is_left_when_the_supervisor_is_killed(start_kaiwa: Callable[..., Kaiwa]) -> None:
    service = start_kaiwa(demo=True, workers=2)
    everyone = service.processes()
    assert len(everyone) >= 5
    service.process.kill()
    service.process.wait()
    eventually(lambda: not any(map(exists, everyone)))


def test_a_taken_port_is_named_with_the_way_out(kaiwa: Kaiwa) -> None:
    with pytest.raises(NotReady, match=r"Could not bind port .*Choose another one: PORT=\d+"):
        flask(kaiwa.environment, "serve")
    assert get(kaiwa, "/healthz") == 200


# Actions of readers and operators


def add_site(kaiwa: Kaiwa) -> None:
    with database_of(kaiwa) as session:
        a_site(session, "alice", origins=[ORIGIN])


def connection_to(kaiwa: Kaiwa) -> socket.socket:
    where = urlsplit(kaiwa.url)
    return socket.create_connection((where.hostname, where.port), timeout=60)


def post(*, length: int) -> bytes:
    head = f"POST /embed/comments HTTP/1.1\r\nHost: kaiwa\r\nOrigin: {ORIGIN}\r\nContent-Type: {FORM}\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode()


def status_of(connection: socket.socket) -> int:
    return int(connection.recv(4096).split()[1])


def answered(connection: socket.socket) -> str:
    """The status of the response; '' if the connection closes without one."""
    try:
        return connection.recv(4096).decode().partition(" ")[2][:3]
    except ConnectionResetError:
        return ""


def get(kaiwa: Kaiwa, path: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(kaiwa.url).netloc, timeout=60)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def post_until_it_closes(kaiwa: Kaiwa, number: int, answers: list[int]) -> None:
    """Post different comments on one connection, until the service closes it.

    Clients retry a request on a connection that closes before a byte of the response (RFC 9112, 9.3.1): the
    stored comments show whether such a request was handled.
    """
    author = http.client.HTTPConnection(urlsplit(kaiwa.url).netloc, timeout=60)
    for n in count(1):
        comment = f"{COMMENT}+{number}+times+{n}".replace("bob@", f"bob{number}@")
        try:
            author.request("POST", "/embed/comments", comment, {"Origin": ORIGIN, "Content-Type": FORM})
            answer = author.getresponse()
            answer.read()
        except (http.client.RemoteDisconnected, ConnectionError):
            break
        answers.append(answer.status)
    author.close()


def comments_in(kaiwa: Kaiwa) -> int:
    with sqlite3.connect(kaiwa.environment["DATABASE_URL"].removeprefix("sqlite:///")) as database:
        [count] = database.execute("SELECT count(*) FROM comment").fetchone()
    database.close()
    return int(count)


def web_processes(kaiwa: Kaiwa) -> list[int]:
    """The web server's supervisor, then its workers."""
    return kaiwa.processes("granian")


def libraries_of(pid: int) -> set[str]:
    """Compiled modules that the process has loaded."""
    return {line.split()[-1] for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if ".so" in line}


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes() != b""


def eventually(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"still not so after {seconds} s"
        time.sleep(0.1)

"""Who waits for whom: readers for nobody but each other."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from app.wire import AT_ONCE, AT_ONCE_ON_SQLITE, Wire
from tests.rsgi import Asking, Told, alone

BUSY = {
    "desk": ("GET", "/moderate/search"),
    "post": ("POST", "/embed/comments"),
    "read": ("GET", "/thread"),
}
ASKED = [
    ("desk", "GET", "/embed/thread"),
    ("desk", "GET", "/healthz"),
    ("desk", "POST", "/embed/comments"),
    ("post", "GET", "/embed/report/1"),
    ("post", "POST", "/login"),
    ("read", "POST", "/embed/comments"),
    ("read", "GET", "/moderate/"),
]


@pytest.mark.parametrize("at_once", [AT_ONCE, AT_ONCE_ON_SQLITE], ids=["postgresql", "sqlite"])
@pytest.mark.parametrize(("busy", "method", "path"), ASKED)
def test_nobody_waits_for_those_of_another_kind(busy: str, method: str, path: str, at_once: dict[str, int]) -> None:
    over = threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        assert (environ["REQUEST_METHOD"], environ["PATH_INFO"]) != BUSY[busy] or over.wait(10)
        start_response("200 OK", [])
        return [b"answered"]

    wire = Wire(application, largest=1024, at_once=at_once)

    async def ask(method: str, path: str) -> Told:
        told = Told()
        await wire.__rsgi__(Asking(path, "", {}, method=method), told)  # type: ignore[arg-type]
        return told

    async def asked_meanwhile() -> bytes:
        waiting = [asyncio.ensure_future(ask(*BUSY[busy])) for _ in range(at_once[busy] + 1)]
        try:
            return (await asyncio.wait_for(ask(method, path), 5)).body
        finally:
            over.set()
            await asyncio.gather(*waiting)

    assert alone(asked_meanwhile()) == b"answered"


class Download(Told):
    """A client that reads a streamed answer when the test says so."""

    def response_file(self, status: int, headers: list[tuple[str, str]], path: str) -> None:
        self.status = status
        # Without waiting for the other end; a read then says so when nothing is there yet.
        self.end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    async def taken(self, size: int) -> bytes:
        """The next bytes; fewer when the answer has ended."""
        found = b""
        while len(found) < size:
            try:
                part = os.read(self.end, size - len(found))
            except BlockingIOError:
                await asyncio.sleep(0.01)
                continue
            if not part:
                break
            found += part
        return found


class Exporting:
    """An application whose answer has no known length: so many parts of a kilobyte, each made when it is asked for."""

    def __init__(self, parts: int) -> None:
        self.parts, self.made, self.closed = parts, 0, threading.Event()
        self.who: ContextVar[str] = ContextVar("who")

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/csv")])
        self.who.set("this request")
        return self._parts()

    def _parts(self) -> Iterator[bytes]:
        try:
            for _ in range(self.parts):
                assert self.who.get() == "this request"
                self.made += 1
                yield b"x" * 1024
        finally:
            self.closed.set()


def downloading(
    parts: int, read: Callable[[Exporting, Download, "asyncio.Task[None]"], Coroutine[Any, Any, Any]]
) -> Any:
    application, client = Exporting(parts), Download()
    wire = Wire(application, largest=1024)

    async def run() -> Any:
        asking = Asking("/moderate/log.csv", "", {})
        answering = asyncio.ensure_future(wire.__rsgi__(asking, client))  # type: ignore[arg-type]
        while not client.status:
            await asyncio.sleep(0.01)
        return await read(application, client, answering)

    return alone(run())


def test_an_answer_of_unknown_length_goes_out_as_it_is_made_and_whole() -> None:
    async def read(application: Exporting, client: Download, answering: "asyncio.Task[None]") -> int:
        first = await client.taken(1)
        assert first and application.made < application.parts
        rest = await client.taken(10 * 2**20)
        await answering
        assert application.closed.is_set()
        return len(first + rest)

    assert downloading(1000, read) == 1000 * 1024


def test_an_export_waits_for_a_client_that_reads_slowly() -> None:
    async def read(application: Exporting, client: Download, answering: "asyncio.Task[None]") -> int:
        await client.taken(1)
        for _ in range(20):
            await asyncio.sleep(0.01)
        made = application.made
        os.close(client.end)
        await answering
        return made

    # A pipe of 64 KiB, a part on its way and one that is made: nothing like the ten thousand.
    assert downloading(10_000, read) < 300


def test_an_export_ends_when_its_client_is_gone() -> None:
    async def read(application: Exporting, client: Download, answering: "asyncio.Task[None]") -> tuple[int, bool]:
        await client.taken(1)
        os.close(client.end)
        await asyncio.wait_for(answering, 10)
        return application.made, application.closed.is_set()

    made, closed = downloading(10_000, read)
    assert closed and made < 300


def test_a_short_answer_of_unknown_length_goes_out_at_once() -> None:
    told = Told()
    wire = Wire(Exporting(2), largest=1024)
    alone(wire.__rsgi__(Asking("/moderate/log.csv", "", {}), told))  # type: ignore[arg-type]
    assert told.body == b"x" * 2048

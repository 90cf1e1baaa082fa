"""Separate thread pools: readers wait only for other readers."""

import asyncio
import json
import os
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from flask import Flask

from app.server import pool
from app.server.rsgi import AT_ONCE, AT_ONCE_ON_SQLITE, RsgiServer
from app.version import VERSION
from app.web.errors import ready_answers
from tests.rsgi import RsgiRequest, RsgiResponse, alone

BUSY = {
    "desk": ("GET", "/moderate/search"),
    "post": ("POST", "/embed/comments"),
    "read": ("GET", "/thread"),
}
ASKED = [
    ("desk", "GET", "/embed/thread"),
    ("read", "GET", "/embed.js"),
    ("post", "GET", "/thread.css"),
    ("desk", "GET", "/static/desk.css"),
    ("desk", "POST", "/embed/comments"),
    ("post", "GET", "/embed/report/1"),
    ("post", "POST", "/login"),
    ("read", "POST", "/embed/comments"),
    ("read", "GET", "/moderate/"),
]


@pytest.mark.parametrize("at_once", [AT_ONCE, AT_ONCE_ON_SQLITE], ids=["postgresql", "sqlite"])
@pytest.mark.parametrize(("busy", "method", "path"), ASKED)
def test_request_kinds_do_not_wait_for_each_other(busy: str, method: str, path: str, at_once: dict[str, int]) -> None:
    over = threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        assert (environ["REQUEST_METHOD"], environ["PATH_INFO"]) != BUSY[busy] or over.wait(60)
        start_response("200 OK", [])
        return [b"answered"]

    server = RsgiServer(application, max_body=1024, at_once=at_once)

    async def ask(method: str, path: str) -> RsgiResponse:
        told = RsgiResponse()
        await server.__rsgi__(RsgiRequest(path, "", {}, method=method), told)  # type: ignore[arg-type]
        return told

    async def request_during_the_stall() -> bytes:
        waiting = [asyncio.ensure_future(ask(*BUSY[busy])) for _ in range(at_once[busy] + 1)]
        try:
            return (await asyncio.wait_for(ask(method, path), 30)).body
        finally:
            over.set()
            await asyncio.gather(*waiting)

    assert alone(request_during_the_stall()) == b"answered"


class Hung:
    """An application whose threads all hang, with short deadlines and queues."""

    def __init__(self, app: Flask | None = None, *, queued: int = 0, seconds: float = 30) -> None:
        self.over, self.begun = threading.Event(), list[str]()
        kinds = ("post", "read", "desk", "file")
        self.server = RsgiServer(
            self.application,
            max_body=1024,
            at_once=dict.fromkeys(kinds, 1),
            queued=dict.fromkeys(kinds, queued),
            seconds=dict.fromkeys(kinds, seconds),
            **({"unavailable": ready_answers(app)} if app else {}),
        )

    def application(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.begun.append(environ["PATH_INFO"])
        assert self.over.wait(60)
        start_response("200 OK", [])
        return [b"answered"]

    async def ask(self, path: str, lang: str = "en", method: str = "GET") -> RsgiResponse:
        told = RsgiResponse()
        await self.server.__rsgi__(RsgiRequest(path, "", {"accept-language": lang}, method=method), told)  # type: ignore[arg-type]
        return told

    def while_it_hangs(self, asked: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        async def run() -> Any:
            first = [asyncio.ensure_future(self.ask(path)) for path in ("/embed/thread", "/moderate/", "/embed.js")]
            first.append(asyncio.ensure_future(self.ask("/embed/comments", method="POST")))
            while len(self.begun) < len(first):
                await asyncio.sleep(0.005)
            try:
                return await asyncio.wait_for(asked(), 30)
            finally:
                self.over.set()
                await asyncio.gather(*first)

        return alone(run())


def test_liveness_is_answered_while_every_thread_hangs() -> None:
    hung = Hung(queued=5)
    answers = hung.while_it_hangs(lambda: asyncio.gather(hung.ask("/healthz"), hung.ask("/healthz", method="HEAD")))
    assert [told.status for told in answers] == [200, 200]
    assert json.loads(answers[0].body) == {"alive": True, "version": VERSION}
    assert answers[0].headers["cache-control"] == "no-store"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_queue_answers_503_in_the_form_and_language_of_the_path(app: Flask) -> None:
    hung = Hung(app)
    paths = ("/embed/thread", "/thread", "/moderate/", "/api/v1/threads", "/feeds/thread")
    answers = hung.while_it_hangs(lambda: asyncio.gather(*(hung.ask(path) for path in paths)))
    assert {told.status for told in answers} == {503} and all(told.headers["retry-after"] for told in answers)
    fragment, page, _desk, program, _feed = answers
    assert fragment.text.count('role="alert"') == 1 and "<html" not in fragment.text
    assert '<html lang="en">' in page.text and "try again" in page.text
    assert program.headers["content-type"] == "application/problem+json"
    assert fragment.headers["access-control-allow-origin"] == "*"
    japanese = Hung(app)
    [page] = japanese.while_it_hangs(lambda: asyncio.gather(japanese.ask("/thread", "ja-JP,ja;q=0.9")))
    assert '<html lang="ja">' in page.text and "もう一度" in page.text


@pytest.mark.parametrize("seconds", [-pool.GRACE_S, 0.1 - pool.GRACE_S])
def test_a_request_that_is_given_up_before_its_turn_never_begins(seconds: float) -> None:
    hung = Hung(queued=5)

    async def late() -> int:
        hung.server.pools["post"].seconds = seconds
        return (await hung.ask("/embed/comments", method="POST")).status

    assert hung.while_it_hangs(late) == 503
    assert hung.begun.count("/embed/comments") == 1
    for each in hung.server.pools.values():
        # What the call held is released in a thread, after the answer.
        each.threads.shutdown()
        assert each.inside == 0


def test_an_answer_that_comes_too_late_releases_what_it_holds() -> None:
    application, go_on = Exporting(5), threading.Event()

    def late(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        assert go_on.wait(60)
        return application(environ, start_response)

    server = RsgiServer(late, max_body=1024, seconds={"desk": 0.1 - pool.GRACE_S})

    async def run() -> int:
        told = RsgiResponse()
        await server.__rsgi__(RsgiRequest("/moderate/log.csv", "", {}), told)  # type: ignore[arg-type]
        go_on.set()
        return told.status

    assert alone(run()) == 503
    assert application.closed.wait(30)


class Download(RsgiResponse):
    """A client that reads a streamed response on demand."""

    def response_file(self, status: int, headers: list[tuple[str, str]], path: str) -> None:
        self.status = status
        # Non-blocking: a read without data raises at once.
        self.end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    async def taken(self, size: int) -> bytes:
        """The next bytes; fewer at the end of the response."""
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
    """An application with a response of unknown length: this many parts of a kilobyte, generated lazily."""

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
    server = RsgiServer(application, max_body=1024)

    async def run() -> Any:
        asking = RsgiRequest("/moderate/log.csv", "", {})
        answering = asyncio.ensure_future(server.__rsgi__(asking, client))  # type: ignore[arg-type]
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

    # A pipe of 64 KiB, a part in flight and one being generated: far fewer than ten thousand.
    assert downloading(10_000, read) < 300


def test_an_export_ends_when_its_client_is_gone() -> None:
    async def read(application: Exporting, client: Download, answering: "asyncio.Task[None]") -> tuple[int, bool]:
        await client.taken(1)
        os.close(client.end)
        await asyncio.wait_for(answering, 30)
        return application.made, application.closed.is_set()

    made, closed = downloading(10_000, read)
    assert closed and made < 300


def test_a_short_answer_of_unknown_length_goes_out_at_once() -> None:
    told = RsgiResponse()
    server = RsgiServer(Exporting(2), max_body=1024)
    alone(server.__rsgi__(RsgiRequest("/moderate/log.csv", "", {}), told))  # type: ignore[arg-type]
    assert told.body == b"x" * 2048

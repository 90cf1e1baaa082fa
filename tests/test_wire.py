"""Who waits for whom: readers for nobody but each other."""

import asyncio
import threading
from collections.abc import Iterable
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

"""The response of a WSGI application, whole or streamed at the client's pace."""

import asyncio
import errno
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from math import inf
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, TypeVar
from wsgiref.types import WSGIApplication, WSGIEnvironment

from app.lib import deadline

T = TypeVar("T")

Headers = list[tuple[str, str]]

# A part is sent at this size or age.
PART_BYTES, PART_S = 32_768, 0.05
# The web server opens the pipe at once; a browser may pause a download.
OPENED_S, STALLED_S = 10, 600


class Reply:
    """One response. Methods may run in different threads, with the request's context variables."""

    def __init__(self, application: WSGIApplication, environ: WSGIEnvironment, until: float = inf) -> None:
        self.status, self.headers = 500, Headers()
        self.first, self.ended = b"", False
        self._call = partial(application, environ, self._start_response)
        self._parts: Iterable[bytes] = ()
        self._rest: Iterator[bytes] = iter(())
        self._written: list[bytes] = []
        # Only one thread may be in a context; a lost client ends the response while a part is made.
        self._context, self._lock = copy_context(), Lock()
        self._context.run(deadline.set_until, until)
        self._due = until

    def begin(self) -> "Reply":
        """Call the application. A response with a length is read whole, of others the first part."""
        return self._in_context(self._begin)

    def more(self, until: float = inf) -> bytes:
        """The next part; empty if none was ready soon. `ended` marks the last one."""
        return self._in_context(partial(self._more, until))

    def close(self) -> None:
        """End the request; releases its session and snapshot."""
        self._in_context(self._close)

    def whole(self) -> tuple[int, Headers, bytes]:
        self.begin()
        parts = [self.first]
        while not self.ended:
            parts.append(self.more())
        return self.status, self.headers, b"".join(parts)

    def _in_context(self, act: Callable[[], T]) -> T:
        with self._lock:
            return self._context.run(act)

    def _start_response(self, status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
        self.status, self.headers = int(status[:3]), headers
        return self._written.append

    def _begin(self) -> "Reply":
        self._parts = self._call()
        self._rest = iter(self._parts)
        knows_length = any(name.lower() == "content-length" for name, _ in self.headers)
        self.first = self._joined() if knows_length else self._more(self._due)
        return self

    def _joined(self) -> bytes:
        try:
            return b"".join([*self._written, *self._rest])
        finally:
            self._close()

    def _more(self, due: float = inf) -> bytes:
        deadline.set_until(due)
        gathered, until = bytearray(b"".join(self._written)), monotonic() + PART_S
        self._written.clear()
        try:
            for part in self._rest:
                gathered += part
                if len(gathered) >= PART_BYTES or monotonic() > until:
                    return bytes(gathered)
        except BaseException:
            self._close()
            raise
        self._close()
        return bytes(gathered)

    def _close(self) -> None:
        if not self.ended:
            self.ended, self._rest = True, iter(())
            getattr(self._parts, "close", lambda: None)()


async def stream(protocol: Any, status: int, headers: Headers, parts: AsyncIterator[bytes]) -> None:
    """Stream a response (RSGI), requesting the next part when the client has taken the last.

    granian 2.8 buffers all of `response_stream`, but reads a file as the client takes it: it gets a named pipe, which
    holds 64 KiB.
    """
    with _pipe() as path:
        protocol.response_file(status, headers, str(path))
        end = await _opened(path)
    try:
        async for part in parts:
            await _write(end, part)
    finally:
        os.close(end)


@contextmanager
def _pipe() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kaiwa-reply-") as folder:
        path = Path(folder) / "pipe"
        os.mkfifo(path, 0o600)
        yield path


async def _opened(path: Path) -> int:
    """The writing end. Raises TimeoutError if the reader does not open the pipe."""
    async with asyncio.timeout(OPENED_S):
        while True:
            try:
                return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as trouble:
                # No reader yet (open(2)).
                if trouble.errno != errno.ENXIO:
                    raise
            await asyncio.sleep(0.005)


async def _write(end: int, part: bytes) -> None:
    """Raises BrokenPipeError if the client is gone, TimeoutError if it has stalled."""
    view = memoryview(part)
    while view:
        try:
            view = view[os.write(end, view) :]
        except BlockingIOError:
            await _has_room(end)


async def _has_room(end: int) -> None:
    loop = asyncio.get_running_loop()
    room = asyncio.Event()
    loop.add_writer(end, room.set)
    try:
        async with asyncio.timeout(STALLED_S):
            await room.wait()
    finally:
        loop.remove_writer(end)

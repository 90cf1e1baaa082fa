"""Threads for one kind of work, with a bounded queue and a deadline."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from math import inf
from threading import Lock
from time import monotonic
from typing import Any

# A thread reaches its deadline at the database first; this is for one that hangs elsewhere.
GRACE_S = 2.0


class Busy(Exception):
    """The queue is full, or the deadline has passed."""


class Pool:
    """At most `queued` calls wait for one of `threads`, each for at most `seconds`."""

    def __init__(self, name: str, threads: int, *, queued: int, seconds: float) -> None:
        self.threads = ThreadPoolExecutor(threads, name)
        self.most, self.seconds, self.inside = threads + queued, seconds, 0
        self.lock = Lock()

    def until(self) -> float:
        """Deadline of a call that arrives now (monotonic)."""
        return monotonic() + self.seconds

    async def run(self, act: Callable[[], Any], until: float, abandoned: Callable[[], Any] | None = None) -> Any:
        """Call it in a thread. Raises Busy.

        A call that is given up while waiting never begins. A running one keeps its place in the queue; at its end
        `abandoned` is called.
        """
        if self.inside >= self.most:
            raise Busy
        call = self._submit(act)
        waiting = asyncio.wrap_future(call)
        done, _ = await asyncio.wait({waiting}, timeout=None if until == inf else until + GRACE_S - monotonic())
        if done:
            return waiting.result()
        waiting.cancel()
        if abandoned:
            call.add_done_callback(lambda _: self._submit(abandoned))
        raise Busy

    async def go_on(self, act: Callable[[], Any]) -> Any:
        """Like `run`, for work that has begun: neither refused nor given up."""
        return await asyncio.wrap_future(self._submit(act))

    def _submit(self, act: Callable[[], Any]) -> "Future[Any]":
        self._count(1)
        call = self.threads.submit(act)
        call.add_done_callback(lambda _: self._count(-1))
        return call

    def _count(self, change: int) -> None:
        with self.lock:
            self.inside += change

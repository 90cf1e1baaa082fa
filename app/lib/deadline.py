"""Deadlines for database statements of a request or a worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from time import monotonic

# Monotonic clock.
_until: ContextVar[float] = ContextVar("until", default=inf)
_each: ContextVar[float] = ContextVar("each", default=inf)


def set_until(moment: float) -> None:
    """Set the deadline of this context."""
    _until.set(moment)


def left() -> float:
    """Seconds for the next statement; infinite without a deadline, never negative."""
    until = _until.get()
    return min(_each.get(), inf if until == inf else max(0.0, until - monotonic()))


def passed() -> bool:
    return _until.get() < monotonic()


@contextmanager
def for_each_statement(seconds: float) -> Iterator[None]:
    token = _each.set(seconds)
    try:
        yield
    finally:
        _each.reset(token)

"""Until when a request, or one statement of a worker, may wait for the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from time import monotonic

# Moments of the monotonic clock: a change of the wall clock moves no deadline.
_until: ContextVar[float] = ContextVar("until", default=inf)
_each: ContextVar[float] = ContextVar("each", default=inf)


def set_until(moment: float) -> None:
    """From here on, in this context, work must be done at this moment of the monotonic clock."""
    _until.set(moment)


def left() -> float:
    """Seconds that the next statement may take; infinite without a deadline, never below 0."""
    until = _until.get()
    return min(_each.get(), inf if until == inf else max(0.0, until - monotonic()))


def passed() -> bool:
    return _until.get() < monotonic()


@contextmanager
def for_each_statement(seconds: float) -> Iterator[None]:
    """No statement inside may take longer than this."""
    token = _each.set(seconds)
    try:
        yield
    finally:
        _each.reset(token)

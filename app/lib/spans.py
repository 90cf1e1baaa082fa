"""Spans of a trace around a part of the work; nothing unless a tracer is installed (app/operations/tracing.py)."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Opener = Callable[[str, str], AbstractContextManager[object]]


def _nothing(_name: str, _kind: str) -> AbstractContextManager[object]:
    return nullcontext()


class _Opener:
    open: Opener = staticmethod(_nothing)


def use(opener: Opener) -> None:
    """Open spans with it from now on."""
    _Opener.open = staticmethod(opener)


def span(name: str, kind: str) -> AbstractContextManager[object]:
    """A span such as `delivery` of the kind `answer`; both are names from the code."""
    return _Opener.open(name, kind)

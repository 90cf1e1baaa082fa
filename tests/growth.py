"""How much processor time a call takes, and how that grows: the second is the same on a slow machine."""

import time
from collections.abc import Callable

# Eight times the text takes eight times as long; by pairs of its letters it would take 64.
LESS, MOST = 8, 24
# What takes less than this is not compared: the clock is as coarse.
SHORTEST_S = 0.0005


def seconds(call: Callable[..., object], *values: object) -> float:
    """The least of three tries: machines are busy with others."""
    return min(_once(call, *values) for _ in range(3))


def grows_straight(call: Callable[[str], object], text: str) -> bool:
    """Whether a whole text takes about as often as long as an eighth of it as it is longer."""
    return seconds(call, text) < MOST * max(seconds(call, text[: len(text) // LESS]), SHORTEST_S)


def _once(call: Callable[..., object], *values: object) -> float:
    started = time.thread_time()
    call(*values)
    return time.thread_time() - started

"""CPU time of a call and its growth with input length; the growth does not depend on the machine."""

import time
from collections.abc import Callable

# Linear work takes 8 times as long for 8 times the text, quadratic work 64 times.
LESS, MOST = 8, 24
# Shorter times are not compared: the clock is too coarse.
SHORTEST_S = 0.0005


def seconds(call: Callable[..., object], *values: object) -> float:
    """The minimum of three runs: the machine may be busy."""
    return min(_once(call, *values) for _ in range(3))


def grows_straight(call: Callable[[str], object], text: str) -> bool:
    """True if CPU time grows about linearly from an eighth of the text to the whole text."""
    return seconds(call, text) < MOST * max(seconds(call, text[: len(text) // LESS]), SHORTEST_S)


def _once(call: Callable[..., object], *values: object) -> float:
    started = time.thread_time()
    call(*values)
    return time.thread_time() - started

"""Does a claim of another process still change? Asked by this process's own clock: that of the machine may jump."""

import time
from collections.abc import Callable


class Watch:
    """`is_silent` is true for a state that stood still for `silent_s` seconds while this process watched."""

    def __init__(self, silent_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._silent_s, self._clock = silent_s, clock
        self._seen: dict[object, tuple[object, float]] = {}

    def is_silent(self, what: object, state: object) -> bool:
        before, since = self._seen.get(what, (None, 0.0))
        if before != state:
            self._seen[what] = (state, self._clock())
            return False
        return self._clock() - since >= self._silent_s

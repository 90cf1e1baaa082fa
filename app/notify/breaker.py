"""A circuit breaker with growing pauses."""

import random
import time

FIRST_PAUSE = 5.0  # seconds
LONGEST_PAUSE = 60.0  # seconds


class Breaker:
    """For one receiver in the sending process; monotonic clock."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        return time.monotonic() < self._until

    def note_stall(self) -> float:
        """Record a failure; returns the pause in seconds."""
        pause: float = min(FIRST_PAUSE * 2 ** min(self._failures, 10), LONGEST_PAUSE)
        pause *= random.uniform(0.75, 1.0)  # noqa: S311 (spreads load, guards nothing)
        self._failures += 1
        self._until = time.monotonic() + pause
        return pause

    def note_answer(self) -> None:
        self._failures, self._until = 0, 0.0

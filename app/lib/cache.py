"""A cache within bounds: what nobody has asked for longest makes room for what is new."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# What would take the place of so many others is not kept.
FEWEST = 8


class Cache(Generic[K, V]):
    """Things by key, at most `room` of their weights together; many threads may use it."""

    def __init__(self, room: int) -> None:
        self.room, self.used = room, 0
        self.entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        with self._lock:
            if found := self.entries.get(key):
                self.entries.move_to_end(key)
                return found[0]
        return None

    def put(self, key: K, thing: V, weight: int) -> None:
        """Keep it, or weigh it again."""
        with self._lock:
            self._drop(key)
            if weight > self.room // FEWEST:
                return
            self.entries[key] = (thing, weight)
            self.used += weight
            while self.used > self.room:
                self._drop(next(iter(self.entries)))

    def drop(self, key: K) -> None:
        with self._lock:
            self._drop(key)

    def _drop(self, key: K) -> None:
        if found := self.entries.pop(key, None):
            self.used -= found[1]

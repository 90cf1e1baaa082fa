"""A bounded cache with the clock algorithm, which approximates least recently used."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# Minimum number of largest entries that fit.
MIN_ENTRIES = 8


@dataclass(slots=True)
class Entry(Generic[V]):
    value: V
    weight: int
    read: bool = False


class Cache(Generic[K, V]):
    """Entries by key with a total weight of at most `max_weight`. Thread-safe."""

    def __init__(self, max_weight: int) -> None:
        self.max_weight, self.used = max_weight, 0
        self.entries: OrderedDict[K, Entry[V]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """The entry, or None. Reading only sets a flag, so it needs no lock."""
        entry = self.entries.get(key)
        if entry is None:
            return None
        entry.read = True
        return entry.value

    def put(self, key: K, value: V, weight: int) -> None:
        with self._lock:
            self._drop(key)
            if weight > self.max_weight // MIN_ENTRIES:
                return
            while self.used + weight > self.max_weight:
                self._evict()
            self.entries[key] = Entry(value, weight)
            self.used += weight

    def drop(self, key: K) -> None:
        with self._lock:
            self._drop(key)

    def _evict(self) -> None:
        """Evict the oldest entry that was not read since its last turn."""
        key, entry = next(iter(self.entries.items()))
        if entry.read:
            entry.read = False
            self.entries.move_to_end(key)
        else:
            self._drop(key)

    def _drop(self, key: K) -> None:
        if found := self.entries.pop(key, None):
            self.used -= found.weight

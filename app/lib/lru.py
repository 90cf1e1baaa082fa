"""A cache within bounds: what nobody has asked for lately makes room for what is new."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# What would take the place of so many others is not kept.
FEWEST = 8


@dataclass(slots=True)
class Entry(Generic[V]):
    """`asked`: somebody wanted it since it last was the next to go."""

    thing: V
    weight: int
    asked: bool = False


class Cache(Generic[K, V]):
    """Things by key, at most `room` of their weights together; many threads may use it."""

    def __init__(self, room: int) -> None:
        self.room, self.used = room, 0
        self.entries: OrderedDict[K, Entry[V]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """What is kept under the key. Asking is noted and moves nothing, so that it costs one look and no lock."""
        entry = self.entries.get(key)
        if entry is None:
            return None
        entry.asked = True
        return entry.thing

    def put(self, key: K, thing: V, weight: int) -> None:
        """Keep it, or weigh it again."""
        with self._lock:
            self._drop(key)
            if weight > self.room // FEWEST:
                return
            while self.used + weight > self.room:
                self._make_room()
            self.entries[key] = Entry(thing, weight)
            self.used += weight

    def drop(self, key: K) -> None:
        with self._lock:
            self._drop(key)

    def _make_room(self) -> None:
        """Drop the oldest, unless somebody has asked for it: then it has another turn (the "clock" of page caches)."""
        key, entry = next(iter(self.entries.items()))
        if entry.asked:
            entry.asked = False
            self.entries.move_to_end(key)
        else:
            self._drop(key)

    def _drop(self, key: K) -> None:
        if found := self.entries.pop(key, None):
            self.used -= found.weight

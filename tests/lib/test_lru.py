"""A bounded LRU cache keeps recently used entries."""

from app.lib.lru import Cache

ROOM, WEIGHT = 100, 10


def test_recently_used_entries_are_evicted_last() -> None:
    cache: Cache[int, int] = Cache(ROOM)
    for number in range(50):
        cache.put(number, number, WEIGHT)
        assert cache.get(0) == 0
    assert cache.used == ROOM and len(cache.entries) == ROOM // WEIGHT
    assert cache.get(49) == 49 and cache.get(1) is None


def test_popular_entries_are_evicted_too() -> None:
    cache: Cache[int, int] = Cache(ROOM)
    for number in range(ROOM // WEIGHT):
        cache.put(number, number, WEIGHT)
    assert all(cache.get(number) == number for number in range(ROOM // WEIGHT))
    cache.put(99, 99, WEIGHT)
    assert cache.get(99) == 99 and cache.used == ROOM


def test_a_too_large_entry_is_not_cached_and_evicts_none() -> None:
    cache: Cache[int, int] = Cache(ROOM)
    for number in range(5):
        cache.put(number, number, WEIGHT)
    cache.put(99, 99, ROOM // 2)
    assert cache.get(99) is None and len(cache.entries) == 5


def test_weighed_again_it_counts_once_and_dropped_not_at_all() -> None:
    cache: Cache[str, str] = Cache(ROOM)
    cache.put("one", "one", 5)
    cache.put("one", "one", 9)
    assert cache.used == 9
    cache.drop("one")
    cache.drop("one")
    assert (cache.used, cache.get("one")) == (0, None)

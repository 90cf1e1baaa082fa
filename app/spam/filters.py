"""A process's cache of spam models: the stored ones plus newer training examples."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

from flask import current_app

from app.models import SpamModel, TrainingExample
from app.spam.filter import Filter

# Two megabytes each.
MAX_CACHED = 64
# Seconds of trusting the cache; decisions take effect everywhere within two.
CACHE_SECONDS = 1.0


@dataclass
class _Cached:
    revision: int
    model: Filter
    examples: set[int] = field(default_factory=set)
    # Monotonic time.
    checked: float = -CACHE_SECONDS


@dataclass
class _Cache:
    """Recently used models. A lock keeps an example from being added twice."""

    filters: "OrderedDict[int, _Cached]" = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)


def recent_model(site_id: int) -> Filter:
    """The site's model as of the last second, for bursts.

    Includes all examples of this process. Raises WrongModel.
    """
    cached = _cache().filters.get(site_id)
    return cached.model if cached and monotonic() - cached.checked < CACHE_SECONDS else model_of(site_id)


def model_of(site_id: int) -> Filter:
    """The site's model with all examples; one query if there are no new ones. Raises WrongModel."""
    cache, checked = _cache(), monotonic()
    revision, examples = SpamModel.state_of(site_id)
    with cache.lock:
        cached = cache.filters.get(site_id)
        if cached is None or not _can_be_added_to(cached, revision, examples):
            cached = cache.filters[site_id] = _loaded(site_id)
        elif cached.examples != examples:
            _add_new(cached, site_id)
        cached.checked = checked
        cache.filters.move_to_end(site_id)
        while len(cache.filters) > MAX_CACHED:
            cache.filters.popitem(last=False)
        return cached.model


def _can_be_added_to(cached: _Cached, revision: int, examples: set[int]) -> bool:
    """Unsound sums are reloaded with each example: a subtraction may have been read before its addition."""
    sound = cached.model.sound or cached.examples == examples
    return cached.revision == revision and cached.examples <= examples and sound


def expire(site_id: int) -> None:
    """Expire the cache after adding an example."""
    if cached := _cache().filters.get(site_id):
        cached.checked = -CACHE_SECONDS


def add_all(model: Filter, examples: Iterable[TrainingExample]) -> None:
    for example in examples:
        model.add(example.slots, spam=example.spam, residual=example.residual, step=example.step)


def _cache() -> _Cache:
    cache: _Cache = current_app.extensions.setdefault("filters", _Cache())
    return cache


def _loaded(site_id: int) -> _Cached:
    # Model first: an example merged in between is then missing only until the next check.
    revision, counts = SpamModel.read(site_id)
    cached = _Cached(revision, Filter.load(counts))
    _add_new(cached, site_id)
    return cached


def _add_new(cached: _Cached, site_id: int) -> None:
    missing = TrainingExample.waiting(site_id, without=cached.examples)
    add_all(cached.model, missing)
    cached.examples |= {example.id for example in missing}

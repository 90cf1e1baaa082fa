"""A process's cache of spam models: each is the stored one plus the training examples since.

Sums commute, so the order in which a process adds examples does not matter.
"""

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
# Seconds for which a process trusts its cache; decisions take effect everywhere within two.
CACHE_SECONDS = 1.0


@dataclass
class _Cached:
    revision: int
    model: Filter
    examples: set[int] = field(default_factory=set)
    # Monotonic time of the last check for new examples.
    checked: float = -CACHE_SECONDS


@dataclass
class _Cache:
    """The models used last. One thread at a time adds examples, so that none is added twice."""

    filters: "OrderedDict[int, _Cached]" = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)


def recent_model(site_id: int) -> Filter:
    """The site's model as of the last second: during a burst it is not queried for each comment.

    Includes everything that this process has added. Raises WrongModel if the stored model is unreadable.
    """
    cached = _cache().filters.get(site_id)
    return cached.model if cached and monotonic() - cached.checked < CACHE_SECONDS else model_of(site_id)


def model_of(site_id: int) -> Filter:
    """The site's model with all examples; one query if there are no new ones.

    Raises WrongModel if the stored model is unreadable.
    """
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
    """Unsound sums are reloaded with each new example: a subtraction may have been read before its addition."""
    sound = cached.model.sound or cached.examples == examples
    return cached.revision == revision and cached.examples <= examples and sound


def expire(site_id: int) -> None:
    """Expire the cache after this process has added an example."""
    if cached := _cache().filters.get(site_id):
        cached.checked = -CACHE_SECONDS


def add_all(model: Filter, examples: Iterable[TrainingExample]) -> None:
    for example in examples:
        model.add(example.slots, spam=example.spam, residual=example.residual, step=example.step)


def _cache() -> _Cache:
    cache: _Cache = current_app.extensions.setdefault("filters", _Cache())
    return cache


def _loaded(site_id: int) -> _Cached:
    # Read the model first: an example that is merged into it in between is then missing only until the next check.
    revision, counts = SpamModel.read(site_id)
    cached = _Cached(revision, Filter.load(counts))
    _add_new(cached, site_id)
    return cached


def _add_new(cached: _Cached, site_id: int) -> None:
    missing = TrainingExample.waiting(site_id, without=cached.examples)
    add_all(cached.model, missing)
    cached.examples |= {example.id for example in missing}

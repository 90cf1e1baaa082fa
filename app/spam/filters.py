"""The sites' filters that a process keeps ready: what is written down of each, and the lessons that came since.

Whoever needs one adds the lessons that she has not read yet; sums commute, so the order does not matter.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

from flask import current_app

from app.models import Knowledge, Lesson
from app.spam.filter import Filter

# Two megabytes each.
FILTERS_KEPT = 64
# So many seconds a process takes what it knows for what is known; decisions are seen everywhere within two.
LATELY = 1.0


@dataclass
class _Kept:
    revision: int
    model: Filter
    lessons: set[int] = field(default_factory=set)
    # On the monotonic clock, when they were all that there were.
    asked: float = -LATELY


@dataclass
class _Shelf:
    """The filters used last. One thread at a time adds lessons, so that none is added twice."""

    filters: "OrderedDict[int, _Kept]" = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)


def model_lately(site_id: int) -> Filter:
    """The site's filter as it was a second ago, or now: where comments pour in, that is not asked for each of them.

    What this process has taught it is in it. Raises WrongModel when what is stored cannot be read.
    """
    kept = _shelf().filters.get(site_id)
    return kept.model if kept and monotonic() - kept.asked < LATELY else model_of(site_id)


def model_of(site_id: int) -> Filter:
    """The site's filter with every lesson so far; costs one question while nobody has decided anything.

    Raises WrongModel when what is stored cannot be read.
    """
    shelf, asked = _shelf(), monotonic()
    revision, lessons = Knowledge.state_of(site_id)
    with shelf.lock:
        kept = shelf.filters.get(site_id)
        if kept is None or not _can_be_added_to(kept, revision, lessons):
            kept = shelf.filters[site_id] = _loaded(site_id)
        elif kept.lessons != lessons:
            _bring_up_to_date(kept, site_id)
        kept.asked = asked
        shelf.filters.move_to_end(site_id)
        while len(shelf.filters) > FILTERS_KEPT:
            shelf.filters.popitem(last=False)
        return kept.model


def _can_be_added_to(kept: _Kept, revision: int, lessons: set[int]) -> bool:
    """Unsound sums are read again with each lesson: perhaps one that takes back was read before the one that taught."""
    sound = kept.model.sound or kept.lessons == lessons
    return kept.revision == revision and kept.lessons <= lessons and sound


def ask_again(site_id: int) -> None:
    """This process has taught the filter something: whoever needs it next asks for it."""
    if kept := _shelf().filters.get(site_id):
        kept.asked = -LATELY


def add_all(model: Filter, lessons: Iterable[Lesson]) -> None:
    for lesson in lessons:
        model.add(lesson.slots, spam=lesson.spam, correction=lesson.correction, step=lesson.step)


def _shelf() -> _Shelf:
    shelf: _Shelf = current_app.extensions.setdefault("filters", _Shelf())
    return shelf


def _loaded(site_id: int) -> _Kept:
    # The counts first: a lesson that is added to them in between is then missing here until the next look.
    revision, counts = Knowledge.read(site_id)
    kept = _Kept(revision, Filter.load(counts))
    _bring_up_to_date(kept, site_id)
    return kept


def _bring_up_to_date(kept: _Kept, site_id: int) -> None:
    missing = Lesson.waiting(site_id, without=kept.lessons)
    add_all(kept.model, missing)
    kept.lessons |= {lesson.id for lesson in missing}

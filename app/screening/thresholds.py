"""Bands of the spam score: from the site's budget of false alarms and its own past."""

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from time import monotonic
from typing import Any

from flask import current_app
from sqlalchemy import select

from app.extensions import db
from app.models import Comment, Site, Status
from app.models.newest_comments import LATEST_FIRST
from app.spam.budget import NEVER, Bands, Past, Scored

AMONG = 5_000  # newest comments that are read
# Seconds until the past is read again.
CACHE_SECONDS = 60.0
MAX_CACHED = 64
# Bands that are shown, and sort the queue, while the past is too short for the budget. They hold nothing.
HOLD_FROM, SPAM_FROM = 0.6, 0.95


class Threshold(StrEnum):
    SPAM = "spam"
    HOLD = "hold"
    FINE = "fine"


def band(bands: Bands, score: float) -> Threshold:
    """What the budget does with a comment of this score."""
    if score >= bands.spam_from:
        return Threshold.SPAM
    return Threshold.HOLD if score >= bands.hold_from else Threshold.FINE


def shown_band(bands: Bands, score: float) -> Threshold:
    """The band that is shown."""
    return band(Bands(*shown_thresholds(bands)), score)


def shown_thresholds(bands: Bands) -> tuple[float, float]:
    """Scores from which a comment is shown as one to hold, and as spam."""
    hold_from = HOLD_FROM if bands.hold_from == NEVER else bands.hold_from
    return hold_from, max(SPAM_FROM, hold_from) if bands.spam_from == NEVER else bands.spam_from


def bands_of(site: Site, language: str) -> Bands:
    """The bands for comments in this language, as of the last minute."""
    found = _recent(site)
    if language not in found.bands:
        found.bands[language] = found.past.bands(language)
    return found.bands[language]


def publishes(site: Site, score: float | None, language: str) -> bool:
    """True if the site publishes a comment of this score that only `hold_all` would hold."""
    if score is None or not (site.score_acts and site.score_publishes):
        return False
    bands = bands_of(site, language)
    return bands.hold_from < NEVER and band(bands, score) == Threshold.FINE


class Pasts:
    """The past of both budgets."""

    def __init__(self, site: Site) -> None:
        self.hold, self.spam = Past(site.hold_one_in), Past(site.spam_one_in)

    def add(self, row: Any) -> None:
        """Add the next comment in time, unless it says nothing about the score: rejected or pending ones."""
        if row.trained_as or row.status == Status.APPROVED:
            scored = Scored(row.score, row.written_in, row.trained_as)
            self.hold.add(scored)
            self.spam.add(scored)

    def bands(self, language: str) -> Bands:
        return Bands.of(self.hold, self.spam, language)


@dataclass
class _Found:
    budgets: tuple[int, int]
    past: Pasts
    # Monotonic time.
    checked: float
    bands: dict[str, Bands] = field(default_factory=dict)


@dataclass
class _Cache:
    found: "OrderedDict[int, _Found]" = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)


def _recent(site: Site) -> _Found:
    cache, budgets = _cache(), (site.hold_one_in, site.spam_one_in)
    known = cache.found.get(site.id)
    if known and known.budgets == budgets and monotonic() - known.checked < CACHE_SECONDS:
        return known
    found = _Found(budgets, _past_of(site), monotonic())
    with cache.lock:
        cache.found[site.id] = found
        cache.found.move_to_end(site.id)
        while len(cache.found) > MAX_CACHED:
            cache.found.popitem(last=False)
    return found


def expire(site_id: int) -> None:
    """Read the site's past again for the next comment."""
    _cache().found.pop(site_id, None)


def _cache() -> _Cache:
    cache: _Cache = current_app.extensions.setdefault("thresholds", _Cache())
    return cache


def _past_of(site: Site) -> Pasts:
    past = Pasts(site)
    for row in scored_comments(site):
        past.add(row)
    return past


def scored_comments(site: Site) -> list[Any]:
    """Scored comments among the site's newest, oldest first."""
    newest = select(*_READ).where(Comment.site_id == site.id).order_by(*LATEST_FIRST).limit(AMONG).subquery()
    rows = db.session.execute(select(newest).where(newest.c.score.is_not(None)))
    return sorted(rows, key=lambda row: (row.created_at, row.id))


_READ = (
    Comment.id, Comment.created_at, Comment.score, Comment.written_in, Comment.trained_as, Comment.status,
    Comment.settled,
)  # fmt: skip

"""How likely is it that moderators reject a comment? Sorts a lane and decides nothing.

Trained as a whole from the newest decisions, in the order of their comments: the same decisions give the same bytes. An
undone decision and an erased comment are forgotten with the next training, minutes later.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from math import sqrt
from time import monotonic
from typing import Any

from flask import current_app
from sqlalchemy import select

from app.database import autocommit_reads, snapshot
from app.extensions import db
from app.lib.clock import now
from app.models import Actor, Comment, Decision, RejectionModel, Status
from app.spam import learning
from app.spam.evaluate import auroc
from app.spam.features import Slots, slots
from app.spam.filter import UNIT, Filter, WrongModel, probability

MOST = 4_000  # newest decided comments
AT_ONCE = 500  # comments of a statement
ENOUGH = 30  # of each kind, before a likelihood is told
WARM_UP = 100  # examples before the quality counts
EVERY = timedelta(minutes=10)
CACHE_SECONDS = 60.0
MAX_CACHED = 64
# Rejections that say nothing about the text.
NOT_ABOUT_THE_TEXT = frozenset({"duplicate", "spam"})
RATE = 6.0  # log odds


class Rejections(Filter):
    """A logistic regression. Sums as in the spam filter, but a frequent feature counts less, and none votes."""

    def evidence(self, found: Slots) -> float:
        total = weights = 0.0
        for slot in (*found.words, *found.ngrams, *found.metadata):
            seen = 1 + self._counts[2 * slot] + self._counts[2 * slot + 1]
            total += self._residuals[slot] / sqrt(seen)
            weights += 1 / seen
        return self.scale() * total / UNIT / sqrt(weights or 1)

    def residual(self, found: Slots, *, spam: bool) -> int:
        error = spam - probability(self.evidence(found))
        return round(UNIT * RATE * self.scale() * error / sqrt(found.count + 1))


@dataclass
class Trained:
    """`quality` by reason, '' for all: number of rejections, and AUROC before they were learnt (None: too few)."""

    model: Rejections = field(default_factory=Rejections)
    scores: list[tuple[float, str]] = field(default_factory=list)

    def learn(self, found: Slots, reason: str) -> None:
        """Score an example, then learn it; `reason` is '' for an approved comment."""
        self.scores.append((self.model.evidence(found), reason))
        rejected = bool(reason)
        self.model.add(found.all(), spam=rejected, residual=self.model.residual(found, spam=rejected))

    @property
    def quality(self) -> dict[str, list[Any]]:
        reasons = sorted({reason for _score, reason in self.scores if reason})
        return {"": self._quality_of(set(reasons))} | {each: self._quality_of({each}) for each in reasons}

    def _quality_of(self, reasons: set[str]) -> list[Any]:
        told = [(score, bool(reason)) for score, reason in self.scores[WARM_UP:] if not reason or reason in reasons]
        count = sum(reason in reasons for _score, reason in self.scores)
        found = auroc([score for score, _rejected in told], [rejected for _score, rejected in told])
        return [count, round(found, 3) if found is not None and count >= ENOUGH else None]


def train(examples: Iterable[tuple[Any, str]]) -> Trained:
    """Learn (comment, reason of its rejection or '') in this order."""
    trained = Trained()
    for comment, reason in examples:
        trained.learn(slots(learning.example_of(comment)), reason)
    return trained


def train_outdated() -> Iterator[None]:
    """Train the models of sites with new decisions; the caller commits after each."""
    with autocommit_reads():
        outdated = RejectionModel.outdated(now() - EVERY)
    for site_id, decision_id in outdated:
        with snapshot():
            examples = _examples(site_id)
        # Seconds of computing without an open transaction, in which others write on SQLite too.
        trained = train(examples)
        if _were_erased([row for row, _reason in examples]):
            db.session.rollback()
            continue
        db.session.merge(
            RejectionModel(
                site_id=site_id, counts=trained.model.dump(), decision_id=decision_id, trained_at=now(),
                fine=trained.model.fine, rejected=trained.model.spam, quality=trained.quality,
            )
        )  # fmt: skip
        yield


def recent_model(site_id: int) -> Rejections | None:
    """The site's model, as of the last training; None without enough rejections."""
    model = _recent(site_id)
    return model if model and min(model.fine, model.spam) >= ENOUGH else None


def _examples(site_id: int) -> list[tuple[Any, str]]:
    """The newest comments that a moderator approved or rejected, oldest first, each with the reason of a rejection."""
    by_people = Decision.site_id == site_id, Decision.actor == Actor.MODERATOR
    newest = select(Decision.comment_id).where(*by_people).order_by(Decision.id.desc()).limit(MOST)
    reasons = dict(_standing({row.comment_id for row in db.session.execute(newest)}))
    # Replies by staff were not reviewed.
    judged = Comment.id.in_(reasons), Comment.body != "", Comment.badge.is_(None)
    rows = db.session.execute(select(*learning.COLUMNS).where(*judged).order_by(Comment.id))
    return [(row, reasons[row.id]) for row in rows]


def _were_erased(rows: list[Any]) -> bool:
    """True if one of these comments lost its text or name since it was read, or was withdrawn."""
    kept: set[tuple[Any, ...]] = set()
    for at in range(0, len(rows), AT_ONCE):
        same = Comment.id.in_([row.id for row in rows[at : at + AT_ONCE]]), Comment.status != Status.DELETED
        found = db.session.execute(select(Comment.id, Comment.name, Comment.body).where(*same))
        kept |= {tuple(row) for row in found}
    return any((row.id, row.name, row.body) not in kept for row in rows)


def _standing(ids: set[int]) -> Iterator[tuple[int, str]]:
    """Comments whose newest decision that was not undone is a moderator's approval or rejection."""
    columns = Decision.comment_id, Decision.id, Decision.actor, Decision.to_status, Decision.undoes_id, Decision.reason
    query = select(*columns).where(Decision.comment_id.in_(ids))
    rows = db.session.execute(query.order_by(Decision.comment_id, Decision.id))
    for comment_id, decisions in groupby(rows, key=lambda row: row.comment_id):
        newest = learning.standing(list(decisions))
        if newest is None or newest.actor != Actor.MODERATOR or newest.reason in NOT_ABOUT_THE_TEXT:
            continue
        if newest.to_status in (Status.APPROVED, Status.REJECTED):
            yield comment_id, "" if newest.to_status == Status.APPROVED else newest.reason or "other"


@dataclass
class _Cached:
    trained_at: datetime | None
    model: Rejections | None
    checked: float


def _recent(site_id: int) -> Rejections | None:
    cache: dict[int, _Cached] = current_app.extensions.setdefault("rejections", {})
    cached = cache.get(site_id)
    if cached and monotonic() - cached.checked < CACHE_SECONDS:
        return cached.model
    trained_at = db.session.scalar(select(RejectionModel.trained_at).where(RejectionModel.site_id == site_id))
    if not cached or cached.trained_at != trained_at:
        cached = _Cached(trained_at, _loaded(site_id), monotonic())
        if len(cache) >= MAX_CACHED:
            cache.clear()
        cache[site_id] = cached
    cached.checked = monotonic()
    return cached.model


def expire(site_id: int) -> None:
    current_app.extensions.setdefault("rejections", {}).pop(site_id, None)


def _loaded(site_id: int) -> Rejections | None:
    """None if there is none, or one of another version: it only sorts, and the next training replaces it."""
    counts = db.session.scalar(select(RejectionModel.counts).where(RejectionModel.site_id == site_id))
    try:
        return Rejections.load(counts) if counts else None
    except WrongModel:
        return None

"""Periodic tasks that one worker does for all: the others find the turn taken (operations/turns.py).

Without a `watch`, as in `flask worker --once`, they wait until they know whether its holder lives.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from app.desk import score_guard, shared_lists
from app.extensions import db
from app.lib.watch import Watch
from app.moderation import notices, receipts
from app.operations import turns
from app.screening import flood, list_publishing
from app.spam import rejections, retraining, settling

NOTICES_EVERY = 60.0  # seconds between two looks at the deadlines of legal notices
DAYS_EVERY = 60.0  # seconds between two looks for days of the decision log that are over


def burst_learner() -> Callable[[], bool]:
    watch = turns.watch_turns()

    def learn() -> bool:
        if flood.is_rate_due():
            with suppress(turns.Held), turns.turn("bursts", watch):
                flood.learn_normal_rate()
                db.session.commit()
        return False

    return learn


def trainer() -> Callable[[], bool]:
    watch = turns.watch_turns()

    def train() -> bool:
        """One worker trains at a time; in its own thread without a deadline, so that a long log delays no email."""
        _in_steps("filters", watch, _train)
        return False

    return train


def _train() -> Iterator[object]:
    """Train filters; yields after each step, and the caller commits."""
    retraining.retrain_outdated()
    yield None
    yield from settling.settle_all()
    yield from score_guard.check_all()
    yield from rejections.train_outdated()


def list_sharer() -> Callable[[], bool]:
    watch = turns.watch_turns()

    def share() -> bool:
        share_lists(watch)
        return False

    return share


def notice_reminder() -> Callable[[], bool]:
    return _every(NOTICES_EVERY, remind)


def day_closer() -> Callable[[], bool]:
    return _every(DAYS_EVERY, close_days)


def _every(seconds: float, act: Callable[[Watch | None], None]) -> Callable[[], bool]:
    due, watch = 0.0, turns.watch_turns()

    def look() -> bool:
        nonlocal due
        if time.monotonic() >= due:
            act(watch)
            due = time.monotonic() + seconds
        return False

    return look


def remind(watch: Watch | None = None) -> None:
    """Remind moderators of the deadlines of legal notices."""
    _in_steps("notices", watch, notices.run_clocks)


def close_days(watch: Watch | None = None) -> None:
    """Close the days of the decision log."""
    _in_steps("days", watch, receipts.close_days)


def share_lists(watch: Watch | None = None) -> None:
    """Publish changed lists, and fetch due ones."""
    _in_steps("lists", watch, _share)


def _share() -> Iterator[object]:
    yield from list_publishing.reissue_due()
    yield from shared_lists.refresh_due()
    shared_lists.forget_undone()
    yield None


def _in_steps(name: str, watch: Watch | None, work: Callable[[], Iterator[object]]) -> None:
    with suppress(turns.Held), turns.turn(name, watch) as mine:
        for _step in work():
            if not mine.keeps():
                break
            db.session.commit()
        db.session.rollback()

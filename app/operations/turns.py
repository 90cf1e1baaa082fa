"""Work that all machines share is done by one of them at a time."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from app.database import end_transaction
from app.extensions import db
from app.lib import deadline
from app.lib.watch import Watch
from app.models.turn import Beat, Turn

log = logging.getLogger(__name__)

# Signs of life of the one at work; another takes over after several without.
RENEW_S, SILENT_S, LOOK_S = 10.0, 60.0, 0.3


class Held(Exception):
    """Another process is at work."""


class NothingToDo(Exception):
    """The work was done a short time ago; the turn does not count as done again."""


class HeldTurn:
    """A turn that this process has. Work in steps asks `keeps()` before each commit."""

    def __init__(self, app: Flask, name: str, holder: str) -> None:
        self.name, self.holder, self.is_lost, self._renewed = name, holder, False, time.monotonic()
        self._app, self._ended = app, threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"turn {name}", daemon=True)

    def _renew(self) -> None:
        # A server that hangs must not hold the work, which waits for this thread at its end.
        with self._app.app_context(), deadline.for_each_statement(self._app.config["WORKER_TIMEOUT"]):
            while not self._ended.wait(RENEW_S) and not self.is_lost:
                self.renew()

    def keeps(self) -> bool:
        """False if another process took over, after this one stood still for long: it has to roll back.

        Asked in the transaction of the work, so that no other takes over before its commit.
        """
        if not self.is_lost and time.monotonic() - self._renewed > SILENT_S / 2:
            self._renew_now()
        return not self.is_lost

    def _renew_now(self) -> None:
        began = time.monotonic()
        self.is_lost = not Turn.renew(self.name, self.holder)
        self._renewed = began

    def renew(self) -> None:
        try:
            self._renew_now()
            db.session.commit()
        except SQLAlchemyError:
            # The work itself has the same database; the next renewal decides.
            log.warning("turn not renewed", exc_info=True, extra={"turn": self.name})
        finally:
            db.session.remove()

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


def watch_turns() -> Watch:
    """For a worker that asks for turns again and again."""
    return Watch(SILENT_S)


@contextmanager
def turn(name: str, watch: Watch | None = None) -> Iterator[HeldTurn]:
    """The only process at this work. Raises Held.

    A worker asks again and again with the same `watch`. A command, without one, waits until it knows more: Held if the
    holder is alive or has done the work.
    """
    holder = uuid4().hex
    if not _take(name, holder, watch or watch_turns()) and (watch or not _take_patiently(name, holder)):
        raise Held(name)
    mine, done = HeldTurn(current_app._get_current_object(), name, holder), False  # type: ignore[attr-defined]
    mine.start()
    try:
        yield mine
        done = True
    finally:
        # First: a renewal may wait for SQLite's lock, which an interrupted transaction holds.
        end_transaction()
        mine.end()
        _give_back(mine, done=done)


def _give_back(mine: HeldTurn, *, done: bool) -> None:
    try:
        Turn.give_back(mine.name, mine.holder, done=done and not mine.is_lost)
        db.session.commit()
    except SQLAlchemyError:
        # Others take it over, because it is silent from now on.
        log.warning("turn not given back", exc_info=True, extra={"turn": mine.name})


def _take(name: str, holder: str, watch: Watch) -> bool:
    """Take a turn that is free, or whose holder is silent. Commits."""
    beat = Turn.take(name, holder)
    mine = beat.holder == holder or (watch.is_silent(name, beat) and Turn.take_over(name, holder, beat))
    db.session.commit()
    return mine


def _take_patiently(name: str, holder: str) -> bool:
    """Take the turn of a holder that is silent or gave up; False if it is alive or has done the work."""
    watch, first = watch_turns(), _now(name)
    while True:
        time.sleep(LOOK_S)
        found = _now(name)
        gave_up = not found.holder and found.done_at == first.done_at
        if found != first and not gave_up:
            return False
        if _take(name, holder, watch):
            return True


def _now(name: str) -> Beat:
    beat = Turn.now(name)
    db.session.rollback()
    return beat

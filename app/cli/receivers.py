"""The worker's threads that ask other programs (webhooks, checkers): one at a time for each of them, so that one that
stalls delays no other.

Programs whose last request failed have a few threads of their own, so that however many of them stall, the others
always have theirs. A program is among the others again with its next answer.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from flask import Flask

from app.extensions import db
from app.lib import deadline
from app.lib.watch import Watch
from app.models import Webhook
from app.models.webhook import CLAIM_LEASE
from app.moderation import checker_worker
from app.notify import outbox, webhook_sender

log = logging.getLogger(__name__)

# Receivers of a lane that are looked at in one turn; those that waited longest come first.
LOOKED_AT = 1_000
# Threads for programs that answered last time, and for the others. Most of them wait for an answer.
THREADS, FAILING_THREADS = 24, 8


class Waiting(Protocol):
    def __call__(self, *, failing: bool, limit: int, without: Collection[int]) -> dict[int, int]:
        """Ids with something due, each with its site's id, the ones that waited longest first."""


# Serve one receiver, by its id, for a turn, and return the number of requests. It is told whether the worker stops, and
# whether other receivers need the thread.
Send = Callable[[int, Callable[[], bool], bool], int]


@dataclass
class Lane:
    """Threads for some receivers. A site has as many as are left for the others, and at least one."""

    threads: int
    failing: bool
    busy: dict[int, threading.Thread] = field(default_factory=dict)
    sites: dict[int, int] = field(default_factory=dict)

    def tidy(self) -> None:
        self.busy = {id: thread for id, thread in self.busy.items() if thread.is_alive()}

    def has_room_for(self, site: int) -> bool:
        left = self.threads - len(self.busy)
        of_site = sum(self.sites[id] == site for id in self.busy)
        return left > 0 and (of_site == 0 or of_site < left)

    @property
    def is_full(self) -> bool:
        return len(self.busy) >= self.threads

    @property
    def is_crowded(self) -> bool:
        """At most half of the threads wait long for an answer. Those that fail have all the time."""
        return not self.failing and 2 * len(self.busy) > self.threads

    def start(self, id: int, site: int, thread: threading.Thread) -> None:
        self.busy[id], self.sites[id] = thread, site
        thread.start()


class Receivers:
    """Call `turn` again and again: it starts a thread for each receiver with something due, up to a limit."""

    def __init__(self, app: Flask, stop: threading.Event, waiting: Waiting, send: Send) -> None:
        self.app, self.stop, self.waiting, self.send = app, stop, waiting, send
        self.lanes = [Lane(THREADS, failing=False), Lane(FAILING_THREADS, failing=True)]

    @property
    def busy(self) -> dict[int, threading.Thread]:
        return {id: thread for lane in self.lanes for id, thread in lane.busy.items()}

    def turn(self) -> bool:
        """Always False: the threads run by themselves."""
        for lane in self.lanes:
            lane.tidy()
        for lane in self.lanes:
            if not lane.is_full:
                self._fill(lane)
        return False

    def finish(self, seconds: float) -> None:
        """Wait for requests in progress; after that their claims expire, as after a kill."""
        end = time.monotonic() + seconds
        for thread in self.busy.values():
            thread.join(max(0.0, end - time.monotonic()))

    def _fill(self, lane: Lane) -> None:
        found = self.waiting(failing=lane.failing, limit=LOOKED_AT, without=list(self.busy))
        db.session.rollback()
        for id, site in found.items():
            if lane.has_room_for(site):
                # A daemon thread, so that a stalled receiver does not keep the process alive.
                given = (lane, id, lane.is_crowded)
                thread = threading.Thread(target=self._serve, args=given, name=f"receiver {id}", daemon=True)
                lane.start(id, site, thread)

    def _serve(self, lane: Lane, id: int, hurry: bool) -> None:
        with self.app.app_context(), deadline.for_each_statement(self.app.config["WORKER_TIMEOUT"]):
            try:
                # Turn after turn, unless others wait for the thread.
                while self.send(id, self.stop.is_set, hurry) and not lane.is_full:
                    pass
            except Exception:
                log.exception("receiver failed", extra={"receiver": id})
            finally:
                db.session.remove()


def to_webhooks(app: Flask, stop: threading.Event) -> Receivers:
    watch = Watch(CLAIM_LEASE.total_seconds())
    return Receivers(app, stop, Webhook.waiting, partial(webhook_sender.run_once, watch=watch))


def to_checkers(app: Flask, stop: threading.Event) -> Receivers:
    watch = Watch(outbox.DEAD_S)
    return Receivers(app, stop, checker_worker.waiting, partial(checker_worker.ask_all, watch=watch))


def send_all(failed: set[int]) -> bool:
    """Send to one webhook after the other; False if nothing was due.

    Those that fail are added to `failed`, and not asked again: each may take its whole time, so the first would be due
    once more before the last had its turn.
    """
    found = Webhook.waiting(limit=LOOKED_AT, without=failed)
    db.session.rollback()
    sent = [webhook_sender.run_once(id) for id in found]
    failed.update(Webhook.failing_of(found))
    db.session.rollback()
    return any(sent)

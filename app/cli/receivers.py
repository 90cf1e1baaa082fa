"""The worker's threads that send to webhooks: one for each receiver with something due, up to a limit."""

import logging
import threading
import time

from flask import Flask

from app.extensions import db
from app.lib import deadline
from app.models import Webhook
from app.notify import webhook_sender

log = logging.getLogger(__name__)

# At once in one worker. Most of them wait for their receiver.
MOST = 16
# So that the receivers of one site cannot occupy all threads.
OF_ONE_SITE = 8
# Receivers among which those of other sites are looked for.
LOOKED_AT = 200


class Receivers:
    """A receiver that stalls occupies its own thread only, for the seconds of one request."""

    def __init__(self, app: Flask, stop: threading.Event) -> None:
        self.app, self.stop = app, stop
        self.busy: dict[int, threading.Thread] = {}
        self.sites: dict[int, int] = {}

    def turn(self) -> bool:
        """Start a thread for each receiver that waits."""
        self.busy = {id: thread for id, thread in self.busy.items() if thread.is_alive()}
        if len(self.busy) < MOST:
            waiting = Webhook.waiting(LOOKED_AT, list(self.busy))
            db.session.rollback()
            self.sites = waiting | {id: self.sites[id] for id in self.busy}
            for id in waiting:
                if self._has_room(id):
                    self._start(id)
        return False

    def _has_room(self, id: int) -> bool:
        of_site = sum(self.sites[each] == self.sites[id] for each in self.busy)
        return len(self.busy) < MOST and of_site < OF_ONE_SITE

    def _start(self, id: int) -> None:
        # A daemon thread, so that a stalled receiver does not keep the process alive.
        self.busy[id] = threading.Thread(target=self._send, args=(id,), name=f"webhook {id}", daemon=True)
        self.busy[id].start()

    def finish(self, seconds: float) -> None:
        """Wait for requests in progress; after that their claims expire, as after a kill."""
        end = time.monotonic() + seconds
        for thread in self.busy.values():
            thread.join(max(0.0, end - time.monotonic()))

    def _send(self, id: int) -> None:
        with self.app.app_context(), deadline.for_each_statement(self.app.config["WORKER_TIMEOUT"]):
            try:
                while webhook_sender.run_once(id, self.stop.is_set) == webhook_sender.AT_ONCE and len(self.busy) < MOST:
                    pass
            except Exception:
                log.exception("webhook failed", extra={"webhook": id})
            finally:
                db.session.remove()


def send_all() -> bool:
    """Send to one receiver after the other; False if nothing was due."""
    found = Webhook.waiting(MOST)
    db.session.rollback()
    sent = [webhook_sender.run_once(id) for id in found]
    return any(sent)

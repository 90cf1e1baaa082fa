"""Deliveries to many receivers, each in its own thread, so that one that stalls delays no other."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping

from flask import Flask

from app.extensions import db
from app.lib import deadline
from app.models import Delivery
from app.notify import outbox

log = logging.getLogger(__name__)

AT_ONCE = 16  # threads
# So that the receivers of one site cannot occupy all threads.
OF_ONE_SITE = 4
# Deliveries in a row, before other receivers that wait for a thread get one.
IN_A_ROW = 20


class FanOut:
    """Call it again and again: it starts a thread for each receiver with a due delivery.

    `receivers` gives the outbox kind of each with its site's id; `carrier` sends.
    """

    def __init__(
        self, app: Flask, receivers: Callable[[], Mapping[str, int]], carrier: outbox.Carrier, stop: threading.Event
    ) -> None:
        self.app, self.receivers, self.carrier, self.stop = app, receivers, carrier, stop
        self._busy: dict[str, int] = {}
        self._lock = threading.Lock()
        self.threads: list[threading.Thread] = []

    def __call__(self) -> bool:
        """Start threads for due deliveries; always False, because they run by themselves."""
        self.threads = [each for each in self.threads if each.is_alive()]
        known = self.receivers()
        for kind in Delivery.kinds_due(known) if known else ():
            if self._take(kind, known[kind]):
                thread = threading.Thread(target=self._serve, args=(kind,), name=kind, daemon=True)
                self.threads.append(thread)
                thread.start()
        return False

    def finish(self, seconds: float) -> None:
        """Wait for the deliveries in progress; after that their leases expire, as after a kill."""
        end = time.monotonic() + seconds
        for each in self.threads:
            each.join(max(0.0, end - time.monotonic()))

    def _take(self, kind: str, site_id: int) -> bool:
        with self._lock:
            sites = Counter(self._busy.values())
            if kind in self._busy or len(self._busy) >= AT_ONCE or sites[site_id] >= OF_ONE_SITE:
                return False
            self._busy[kind] = site_id
            return True

    def _serve(self, kind: str) -> None:
        try:
            with self.app.app_context(), deadline.for_each_statement(self.app.config["WORKER_TIMEOUT"]):
                self._send(kind)
        except Exception:
            log.exception("deliveries failed", extra={"kind": kind})
        finally:
            with self._lock:
                del self._busy[kind]

    def _send(self, kind: str) -> None:
        try:
            for _each in range(IN_A_ROW):
                # A receiver that failed is paused.
                if self.stop.is_set() or kind not in self.receivers() or not outbox.run_once({kind: self.carrier}):
                    return
        finally:
            db.session.remove()

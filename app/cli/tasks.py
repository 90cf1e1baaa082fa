"""The worker's periodic tasks, and threads for independent services."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask

from app.extensions import db
from app.lib import deadline, metrics

log = logging.getLogger(__name__)

PAUSE = 1.0  # seconds, if there is nothing to do
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0  # seconds before a retry


@dataclass
class Task:
    """A periodic task; failures are retried with back-off, independently of other tasks."""

    name: str
    run: Callable[[], bool]
    failures: int = 0
    due: float = 0.0

    def try_now(self) -> bool:
        """Run it unless it is in back-off; True if there is more to do at once."""
        started = time.monotonic()
        if started < self.due:
            return False
        try:
            more = self.run()
            self.failures = 0
            return more
        except Exception:
            self.failures += 1
            pause = min(FIRST_PAUSE_S * 2 ** min(self.failures - 1, 10), LONGEST_PAUSE_S)
            self.due = time.monotonic() + pause
            log.exception("task failed", extra={"task": self.name, "failures": self.failures, "again_in": pause})
            return False
        finally:
            metrics.note_run(self.name, time.monotonic() - started, failed=self.failures > 0)
            db.session.remove()


class Line:
    """A thread that runs one task until `stop` is set, with pauses of `pause` seconds."""

    def __init__(
        self, app: Flask, task: Task, stop: threading.Event, *, pause: float = PAUSE, timeout: float | None = None
    ) -> None:
        self.app, self.task, self.stop, self.pause = app, task, stop, pause
        self.timeout = app.config["WORKER_TIMEOUT"] if timeout is None else timeout
        # A daemon thread, so a stalled receiver does not keep the process alive.
        self.thread = threading.Thread(target=self._run, name=task.name, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def finish(self, seconds: float) -> None:
        """Wait for the delivery in progress; after that its lease expires, as after a kill."""
        self.thread.join(seconds)
        if self.thread.is_alive():
            log.warning("stopped during a delivery", extra={"task": self.task.name})

    def _run(self) -> None:
        with self.app.app_context(), deadline.for_each_statement(self.timeout):
            while not self.stop.is_set():
                self.stop.wait(0 if self.task.try_now() else self._wait_s())

    def _wait_s(self) -> float:
        # A retry may be due sooner.
        return PAUSE if self.task.failures else self.pause

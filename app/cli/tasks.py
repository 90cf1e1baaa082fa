"""What the worker does again and again, and threads for receivers that must not wait for each other."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask

from app.extensions import db
from app.lib import deadline

log = logging.getLogger(__name__)

PAUSE = 1.0  # seconds between two looks when there is nothing to do
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0  # seconds until a task that failed is tried again


@dataclass
class Task:
    """Something that the worker does again and again. One that fails waits longer each time; the others go on."""

    name: str
    run: Callable[[], bool]
    failures: int = 0
    due: float = 0.0

    def try_now(self) -> bool:
        """Run it, unless it waits after a failure; True when there is more to do at once."""
        if time.monotonic() < self.due:
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
            db.session.remove()


class Line:
    """A thread that runs one task until `stop` is set, every `pause` seconds when there is nothing to do at once."""

    def __init__(
        self, app: Flask, task: Task, stop: threading.Event, *, pause: float = PAUSE, timeout: float | None = None
    ) -> None:
        self.app, self.task, self.stop, self.pause = app, task, stop, pause
        self.timeout = app.config["WORKER_TIMEOUT"] if timeout is None else timeout
        # A daemon: a receiver that stalls does not keep the process from ending.
        self.thread = threading.Thread(target=self._run, name=task.name, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def finish(self, seconds: float) -> None:
        """Wait so long for the delivery in progress; then its claim is left to its lease, as after a kill."""
        self.thread.join(seconds)
        if self.thread.is_alive():
            log.warning("stopped during a delivery", extra={"task": self.task.name})

    def _run(self) -> None:
        with self.app.app_context(), deadline.for_each_statement(self.timeout):
            while not self.stop.is_set():
                self.stop.wait(0 if self.task.try_now() else self._wait_s())

    def _wait_s(self) -> float:
        # A task that failed is tried again when it is due, which may be sooner.
        return PAUSE if self.task.failures else self.pause

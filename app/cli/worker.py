"""`flask worker`: deliver the outbox and run periodic tasks."""

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from math import inf
from uuid import uuid4

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from app.cli.tasks import PAUSE, Line, Task
from app.extensions import db
from app.lib import deadline
from app.models import Heartbeat, RateLimit, SiteCounter
from app.models.heartbeat import EVERY
from app.moderation.akismet_worker import CARRIERS
from app.notify import outbox
from app.notify.breaker import Breaker
from app.screening import flood
from app.search import index
from app.spam import retraining

log = logging.getLogger(__name__)

# What each gets, by its name: none of them waits for another.
RECEIVERS: dict[str, Callable[[], Mapping[str, outbox.Carrier]]] = {
    "mail": outbox.email_carriers,
    "akismet": lambda: CARRIERS,
}
FINISH_SECONDS = 3.0  # for the deliveries in progress when the worker stops
SHELVES_EVERY = 20.0  # seconds between two looks for shelves that have much to learn
SHELVES_REST = 20  # or so many times as long as the last one took: where many write, the newest is never finished
RETRAIN_EVERY = 60.0  # seconds between two looks for filters of another version
ALL_SHELVES_EVERY = 3600.0  # and for those that have anything to learn, or to forget
LIMITS_EVERY = 600.0  # seconds between two deletions of rate limits that are restored


@click.command("worker")
@click.option("--once", is_flag=True, help="Send what is due now, then end.")
@with_appcontext
def worker(once: bool) -> None:
    """Send what waits in the outbox, until SIGTERM or SIGINT, keep what search reads up to date, delete rate
    limits that are restored, and learn filters again after an upgrade. Any number of workers may run.

    Ends with 0 within a few seconds when it was asked to stop; an email to a server that stalls is then sent
    again later, with the same Message-ID. Logs are JSON lines on standard error.
    """
    if once:
        while _carry():
            pass
        return
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    _run(stop)


def _run(stop: threading.Event) -> None:
    name = f"{socket.gethostname()[:50]}-{os.getpid()}-{uuid4().hex[:6]}"
    tasks = [
        Task("bursts", _learn_bursts),
        Task("counts", _add_up),
        Task("search", _shelver()),
        Task("limits", _limits_forgetter()),
    ]
    lines = [Line(_app(), Task(receiver, _carrying(receiver)), stop) for receiver in RECEIVERS]
    filters = Line(_app(), Task("filters", _retrain), stop, pause=RETRAIN_EVERY, timeout=inf)
    beat = Task("heartbeat", _heart(name, [*tasks, *(line.task for line in [*lines, filters])]))
    log.info("worker started")
    for line in [*lines, filters]:
        line.start()
    with deadline.for_each_statement(current_app.config["WORKER_TIMEOUT"]):
        while not stop.is_set():
            stop.wait(_turn([beat, *tasks]))
    _finish(lines)
    _say_goodbye(name)
    log.info("worker stopped")


def _carrying(receiver: str) -> Callable[[], bool]:
    """Bring one delivery to a receiver; False when none is due, or while the receiver is left alone."""
    breaker = Breaker()
    return lambda: not breaker.is_open and outbox.run_once(RECEIVERS[receiver](), breaker)


def _finish(lines: Sequence[Line]) -> None:
    end = time.monotonic() + FINISH_SECONDS
    for line in lines:
        line.finish(max(0.0, end - time.monotonic()))


def _app() -> Flask:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app


def _turn(tasks: Sequence[Task]) -> float:
    """Let each task do one thing; return how many seconds to wait before the next turn."""
    busy = [task.try_now() for task in tasks]
    return 0 if any(busy) else PAUSE


def _learn_bursts() -> bool:
    flood.learn_normal_rate()
    db.session.commit()
    return False


def _retrain() -> bool:
    """In a thread of its own, without a deadline: reading a long log must not hold up emails."""
    retraining.retrain_outdated()
    return False


def _carry() -> bool:
    """One delivery; False when nothing is due."""
    return any(outbox.run_once(carriers()) for carriers in RECEIVERS.values())


def _add_up() -> bool:
    """Keep the counts of `/metrics` (app/models/site_counter.py)."""
    if SiteCounter.is_due():
        while SiteCounter.settle():
            db.session.commit()
        db.session.commit()
    return False


def _heart(name: str, tasks: Sequence[Task]) -> Callable[[], bool]:
    last = -EVERY.total_seconds()

    def beat() -> bool:
        nonlocal last
        if time.monotonic() - last >= EVERY.total_seconds():
            Heartbeat.beat(name, (task.name for task in tasks if task.failures))
            db.session.commit()
            last = time.monotonic()
        return False

    return beat


def _shelver() -> Callable[[], bool]:
    todo: list[int] = []
    next_look = next_whole = 0.0

    def shelve() -> bool:
        """Rebuild one index segment; False if none is due."""
        nonlocal next_look, next_whole
        clock = time.monotonic()
        if not todo and clock >= next_look:
            whole = clock >= next_whole
            todo.extend(index.dirty_segments(1 if whole else index.WORTH_BUILDING))
            next_look, next_whole = clock + SHELVES_EVERY, clock + ALL_SHELVES_EVERY if whole else next_whole
        if todo:
            index.build(todo.pop(0))
            db.session.commit()
            done = time.monotonic()
            next_look = max(next_look, done + SHELVES_REST * (done - clock))
        return bool(todo)

    return shelve


def _limits_forgetter() -> Callable[[], bool]:
    due = 0.0

    def forget() -> bool:
        """Delete the rate limits that are restored; without that, the table grows with each network."""
        nonlocal due
        if time.monotonic() >= due:
            RateLimit.forget_restored()
            db.session.commit()
            due = time.monotonic() + LIMITS_EVERY
        return False

    return forget


def _say_goodbye(name: str) -> None:
    try:
        Heartbeat.stop(name)
        db.session.commit()
    except SQLAlchemyError:
        log.exception("database does not answer")

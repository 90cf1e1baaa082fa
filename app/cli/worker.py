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

from app.cli import receivers, shared_work
from app.cli.tasks import PAUSE, Line, Task
from app.comments import votes
from app.extensions import db
from app.lib import deadline
from app.lib.watch import Watch
from app.models import ApiAnswer, Heartbeat, RateLimit, SiteCounter
from app.models.heartbeat import EVERY
from app.models.job import CLAIM_LEASE
from app.moderation import checker_worker
from app.moderation.akismet_worker import CARRIERS
from app.notify import outbox, replies, reply_email
from app.notify.breaker import Breaker
from app.operations import extras, turns
from app.search import index
from app.transfer import job_runner, jobs

log = logging.getLogger(__name__)

# Each service has its own thread, so a slow one does not delay the others.
SERVICES: dict[str, Callable[[], Mapping[str, outbox.Carrier]]] = {
    "mail": outbox.prompt_carriers,
    # Thousands may be due at once.
    "replies": lambda: outbox.email_carriers(reply_email.KIND),
    "subscribers": replies.carriers,
    "akismet": lambda: CARRIERS,
}
FINISH_SECONDS = 3.0  # for the deliveries in progress when the worker stops
INDEX_EVERY = 20.0  # seconds between two searches for segments with many changes
INDEX_REST = 20  # pause after a build, as a multiple of its duration: on a busy site the newest segment never ends
RETRAIN_EVERY = 60.0  # seconds between two searches for filters of another version
INDEX_ALL_EVERY = 3600.0  # seconds between two searches for segments with any change
TRANSFERS_EXPIRE_EVERY = 3600.0  # seconds between two deletions of expired files
LISTS_EVERY = 60.0  # seconds between two looks at shared lists
LIMITS_EVERY = 600.0  # seconds between two deletions of expired rate limits


@click.command("worker")
@click.option("--once", is_flag=True, help="Send everything that is due, then exit.")
@with_appcontext
def worker(once: bool) -> None:
    """Send the outbox and run periodic tasks until SIGTERM or SIGINT. Any number of workers may run.

    The tasks update the search index, count readers' votes, remind moderators of legal notices, delete expired rate
    limits, close the days of the decision log, run the imports and exports of the browser, retrain spam filters after
    an upgrade, teach them the comments that stayed public without a report, and publish and fetch shared lists. The
    worker stops within a few seconds, with exit code 0; an email to a server that stalls is sent again later, with the
    same Message-ID. Logs are JSON lines on standard error.
    """
    if once:
        shared_work.remind()
        shared_work.close_days()
        shared_work.share_lists()
        failed: set[int] = set()
        while _deliver() or receivers.send_all(failed) or job_runner.run_next():
            pass
        return
    extras.install(_app())
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    _run(stop)


def _run(stop: threading.Event) -> None:
    name = f"{socket.gethostname()[:50]}-{os.getpid()}-{uuid4().hex[:6]}"
    tasks = [
        Task("bursts", shared_work.burst_learner()),
        Task("counts", _add_up),
        Task("votes", _count_votes),
        Task("search", _reindexer()),
        Task("limits", _limits_cleaner()),
        Task("notices", shared_work.notice_reminder()),
        Task("receipts", shared_work.day_closer()),
    ]
    lines = [Line(_app(), Task(service, _delivery_to(service)), stop) for service in SERVICES]
    checkers, webhooks = receivers.to_checkers(_app(), stop), receivers.to_webhooks(_app(), stop)
    lines.append(Line(_app(), Task("checkers", checkers.turn), stop))
    filters = Line(_app(), Task("filters", shared_work.trainer()), stop, pause=RETRAIN_EVERY, timeout=inf)
    transfers = Line(_app(), Task("transfers", _transfers(stop)), stop, timeout=inf)
    hooks = Line(_app(), Task("webhooks", webhooks.turn), stop)
    # In a thread of its own, because publishers may be slow.
    lists = Line(_app(), Task("lists", shared_work.list_sharer()), stop, pause=LISTS_EVERY)
    threads = [*lines, filters, transfers, hooks, lists]
    beat = Task("heartbeat", _heartbeat(name, [*tasks, *(line.task for line in threads)]))
    log.info("worker started")
    for line in threads:
        line.start()
    with deadline.for_each_statement(current_app.config["WORKER_TIMEOUT"]):
        while not stop.is_set():
            stop.wait(_turn([beat, *tasks]))
    _finish([*lines, checkers, transfers, hooks, webhooks, lists])
    _sign_off(name)
    log.info("worker stopped")


def _delivery_to(service: str) -> Callable[[], bool]:
    """Send one delivery; False if none is due or while the circuit breaker is open."""
    breaker, watch = Breaker(), Watch(outbox.DEAD_S)
    return lambda: not breaker.is_open and outbox.run_once(SERVICES[service](), breaker, watch)


def _finish(lines: Sequence[Line | receivers.Receivers]) -> None:
    end = time.monotonic() + FINISH_SECONDS
    for line in lines:
        line.finish(max(0.0, end - time.monotonic()))


def _app() -> Flask:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app


def _turn(tasks: Sequence[Task]) -> float:
    """Run each task once; return the seconds to wait before the next turn."""
    busy = [task.try_now() for task in tasks]
    return 0 if any(busy) else PAUSE


def _transfers(stop: threading.Event) -> Callable[[], bool]:
    next_look, watch = 0.0, Watch(CLAIM_LEASE.total_seconds())

    def run() -> bool:
        """Run one import or export of the browser; False if none waits."""
        nonlocal next_look
        if time.monotonic() >= next_look:
            for _count in jobs.expire():
                db.session.commit()
            next_look = time.monotonic() + TRANSFERS_EXPIRE_EVERY
        return job_runner.run_next(stop.is_set, watch)

    return run


def _deliver() -> bool:
    """Send one delivery of each service; False if none is due."""
    services = (*SERVICES.values(), checker_worker.carriers)
    return any(outbox.run_once(carriers()) for carriers in services)


def _add_up() -> bool:
    if SiteCounter.is_due():
        while SiteCounter.add_up():
            db.session.commit()
        db.session.commit()
    return False


def _count_votes() -> bool:
    for _step in votes.count_all():
        db.session.commit()
    return False


def _heartbeat(name: str, tasks: Sequence[Task]) -> Callable[[], bool]:
    last = -EVERY.total_seconds()

    def beat() -> bool:
        nonlocal last
        if time.monotonic() - last >= EVERY.total_seconds():
            Heartbeat.beat(name, (task.name for task in tasks if task.failures))
            db.session.commit()
            last = time.monotonic()
        return False

    return beat


def _reindexer() -> Callable[[], bool]:
    todo: list[int] = []
    next_look = next_whole = 0.0
    watch = turns.watch_turns()

    def reindex() -> bool:
        """Rebuild one index segment; False if none is due."""
        nonlocal next_look, next_whole
        clock = time.monotonic()
        if not todo and clock >= next_look:
            whole = clock >= next_whole
            todo.extend(index.dirty_segments(1 if whole else index.WORTH_BUILDING))
            next_look, next_whole = clock + INDEX_EVERY, clock + INDEX_ALL_EVERY if whole else next_whole
        if not todo:
            return False
        try:
            with turns.turn("search", watch):
                index.build(todo.pop(0))
                db.session.commit()
        except turns.Held:
            # The other worker builds these segments.
            todo.clear()
        done = time.monotonic()
        next_look = max(next_look, done + INDEX_REST * (done - clock))
        return bool(todo)

    return reindex


def _limits_cleaner() -> Callable[[], bool]:
    due = 0.0

    def forget() -> bool:
        """Delete expired rate limits and answers, or their tables would grow with each network and write."""
        nonlocal due
        if time.monotonic() >= due:
            RateLimit.forget_restored()
            db.session.commit()
            ApiAnswer.forget_old()
            db.session.commit()
            due = time.monotonic() + LIMITS_EVERY
        return False

    return forget


def _sign_off(name: str) -> None:
    try:
        Heartbeat.stop(name)
        db.session.commit()
    except SQLAlchemyError:
        log.exception("database does not answer")

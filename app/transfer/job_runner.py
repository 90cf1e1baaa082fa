"""Run imports and exports of the browser in the worker. Idempotent: an interrupted job starts from the beginning."""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from app.database import snapshot
from app.extensions import db
from app.lib.clock import now
from app.lib.watch import Watch
from app.models import Job, JobKind, JobState, Site, audit
from app.models.audit import Event, Who
from app.models.job import MOST_ATTEMPTS, NEXT
from app.transfer import files, job_report, jobs
from app.transfer.detect import detect
from app.transfer.exports import COUNTS, FORMATS
from app.transfer.record import UnreadableFile
from app.transfer.run import ImportRun, Phase, Step
from app.transfer.source import Source

log = logging.getLogger(__name__)

SAVE_EVERY = 0.5  # seconds
LINES = 500  # of an export between two looks at a stop
# Between two attempts while another import, such as `flask import`, writes the same comments; and until it fails.
WAIT, LONGEST_WAIT = timedelta(seconds=15), timedelta(days=1)


class Stopped(Exception):
    """An administrator wants it to stop."""


class Lost(Exception):
    """Another worker has taken the job, or it is gone with its site."""


class WorkerStops(Exception):
    """The job goes on in the next worker."""


class NoSpace(Exception):
    """The export is larger than the space that is left."""


class Claimed:
    """A claimed job. Progress is saved on a connection of its own, because an export reads in one snapshot."""

    def __init__(self, id: int, claim: str, stopping: Callable[[], bool]) -> None:
        self.id, self.claim, self._stopping = id, claim, stopping
        self._phase, self._due = "", 0.0

    def step(self, step: Step) -> None:
        """Save progress from time to time. Raises Stopped, Lost or WorkerStops."""
        if self._stopping():
            raise WorkerStops
        begins = step.phase != self._phase or not step.count
        if not begins and time.monotonic() < self._due:
            return
        self._phase, self._due = step.phase, time.monotonic() + SAVE_EVERY
        given: dict[str, Any] = {"phase": step.phase, "done": step.count, "share": step.share, "claimed_at": now()}
        given |= {"progressed_at": now()} | ({"began_at": now()} if begins else {})
        if self._update(given, returning="stop_wanted"):
            raise Stopped

    def finish(self, before: JobState, state: JobState, **given: Any) -> bool:
        """False if the claim was lost."""
        assert state in NEXT[before]  # noqa: S101
        ended = {"state": state, "claim": None, "claimed_at": None, "stop_wanted": False, "attempts": 0}
        try:
            self._update(ended | {"phase": "", "changed_at": now()} | given, returning="id")
        except Lost:
            return False
        return True

    def _update(self, given: dict[str, Any], *, returning: str) -> Any:
        table = Job.__table__
        query = update(table).where(table.c.id == self.id, table.c.claim == self.claim).values(given)
        with db.engine.begin() as connection:
            row = connection.execute(query.returning(table.c[returning])).one_or_none()
        if row is None:
            raise Lost
        return row[0]


def run_next(stopping: Callable[[], bool] = lambda: False, watch: Watch | None = None) -> bool:
    """Run the job that waits longest, to its end; False if none waits. Commits."""
    claim = uuid4().hex
    id = Job.claim_next(claim, watch)
    db.session.commit()
    if id is None:
        return False
    job = db.session.get_one(Job, id)
    db.session.expunge(job)
    db.session.commit()
    claimed = Claimed(id, claim, stopping)
    try:
        _run(claimed, job)
    except Lost:
        db.session.rollback()
        log.warning("transfer taken over", extra={"job": id})
    except WorkerStops:
        _release(claim, tried=False)
    except IntegrityError:
        db.session.rollback()
        _wait(claimed, job)
        return False
    except Exception:
        _release(claim, tried=True)
        raise
    return True


def _release(claim: str, *, tried: bool) -> None:
    db.session.rollback()
    Job.release(claim, tried=tried)
    db.session.commit()


def _wait(claimed: Claimed, job: Job) -> None:
    """Another import is writing the same comments: continue when it has finished, or fail after a day."""
    if now() - job.changed_at > LONGEST_WAIT:
        claimed.finish(JobState(job.state), JobState.FAILED, report=job_report.trouble("BUSY"))
        return
    Job.put_off(claimed.claim, Phase.WAITING, WAIT)
    db.session.commit()
    log.warning("transfer waits for another import", extra={"job": job.id})


def _run(claimed: Claimed, job: Job) -> None:
    before = JobState(job.state)
    if job.attempts > MOST_ATTEMPTS:
        claimed.finish(before, JobState.FAILED, report=job_report.trouble("INTERRUPTED"))
    elif job.kind == JobKind.EXPORT:
        _export(claimed, job, before)
    else:
        _import(claimed, job, before)


def _import(claimed: Claimed, job: Job, before: JobState) -> None:
    source = Source(files.path_of(job.file))
    try:
        form = detect(source.path)
    except UnreadableFile as error:
        report = {"trouble": job_report.trouble_of(error, source)}
        claimed.finish(before, JobState.FAILED, report=report)
        return
    if refusal := job_report.refusal_of(form):
        claimed.finish(before, JobState.FAILED, report=refusal, format=form)
        return
    try:
        _import_file(claimed, job, before, form, source)
    except sqlite3.OperationalError:
        db.session.rollback()
        claimed.finish(before, JobState.FAILED, report=job_report.trouble("NO_SPACE"), format=form)


def _import_file(claimed: Claimed, job: Job, before: JobState, form: str, source: Source) -> None:
    is_dry = before == JobState.CHECKING
    site = _site_of(job)
    source.zone = ZoneInfo(site.timezone)
    with ImportRun(site, form, source, jobs.options_of(job), dry_run=is_dry) as run:
        db.session.commit()
        state = JobState.CHECKED if is_dry else JobState.DONE
        try:
            claimed.step(Step(Phase.READING, 0, 0.0))
            for step in run.steps():
                db.session.commit()
                claimed.step(step)
        except Stopped:
            state = JobState.STOPPED
        report = job_report.report_of(run)
        if run.is_refused:
            state = JobState.FAILED
        db.session.commit()
    is_done = state == JobState.DONE
    if claimed.finish(before, state, report=report, format=form, **({"file": ""} if is_done else {})) and is_done:
        files.remove(job.file)
        audit.record(Event.IMPORTED, by=Who.SYSTEM, site=_site_of(job), job=job.id, format=form)
        db.session.commit()


def _export(claimed: Claimed, job: Job, before: JobState) -> None:
    path, left = files.path_of(job.file), jobs.free_bytes()
    db.session.commit()
    try:
        with snapshot():
            site = _site_of(job)
            total = COUNTS[job.format](site)
            size = _write(claimed, path, FORMATS[job.format](site), total, left)
    except (Stopped, NoSpace) as end:
        state, report = (
            (JobState.STOPPED, {}) if isinstance(end, Stopped) else (JobState.FAILED, job_report.trouble("FULL"))
        )
        if claimed.finish(before, state, report=report, file=""):
            files.remove(job.file)
        return
    claimed.finish(before, JobState.DONE, size=size, received=size)


def _write(claimed: Claimed, path: Path, lines: Iterator[str], total: int, left: int) -> int:
    size = 0
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        for number, line in enumerate(lines):
            size += file.write(line.encode())
            if size > left:
                raise NoSpace
            if number % LINES == 0:
                claimed.step(Step(Phase.WRITING, number, min(number / total, 1.0)))
        file.flush()
        os.fsync(file.fileno())
    return size


def _site_of(job: Job) -> Site:
    found = db.session.get(Site, job.site_id)
    if found is None:
        raise Lost
    return found

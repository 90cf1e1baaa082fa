"""Imports and exports in the browser: upload, check, start, stop, delete. The worker runs them (job_runner.py)."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from flask import current_app
from flask_babel import gettext as _

from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.lib.text import clean_line
from app.models import Job, JobKind, JobState, Moderator, Site, audit
from app.models.audit import Event
from app.models.job import LONGEST_NAME
from app.transfer import files
from app.transfer.exports import ENDINGS
from app.transfer.run import Options

log = logging.getLogger(__name__)

MB = 1 << 20
# Of a site at once, so that one site cannot take all the space.
MOST_FILES = 5
# Of the newest jobs, on the page and for programs.
MOST_LISTED = 50
# Rows without a file stay as a record.
JOBS_KEPT = timedelta(days=90)


def begin_upload(site: Site, name: str, size: int, *, by: Moderator) -> Job:
    """A new import that waits for the bytes of its file."""
    largest: int = current_app.config["TRANSFER_FILE_MB"]
    if size > largest * MB:
        said = _("The file is larger than %(most)d MB. Ask the operator to use flask import.", most=largest)
        raise Refused("file_too_large", said, status=413)
    if size <= 0:
        raise Refused("file_empty", _("The file is empty. Export it again from the other program."))
    _require_space(site, size)
    shown = clean_line(name[: 4 * LONGEST_NAME])[:LONGEST_NAME]
    job = Job(site_id=site.id, kind=JobKind.IMPORT, state=JobState.UPLOADING, name=shown, size=size, received=0)
    job.file, job.events = files.new_name(), []
    db.session.add(job)
    _note(job, "upload", by)
    return job


def receive(job: Job, at: int, data: bytes) -> None:
    """Append bytes at the offset `at`; with the last ones, the dry run begins.

    The row is locked, so of two writers only one appends. The file is written before the commit: after a crash the
    same bytes are sent again.
    """
    _require(job.state == JobState.UPLOADING)
    if at != job.received or job.received + len(data) > job.size:
        raise Refused("wrong_offset", _("The upload was continued elsewhere. Reload the page."), status=409)
    files.write_at(job.file, at, data)
    job.received += len(data)
    if job.received == job.size:
        job.move_to(JobState.CHECKING)


def require_checkable(job: Job) -> None:
    _require(job.kind == JobKind.IMPORT and job.file != "" and job.can(JobState.CHECKING))
    _require(job.state != JobState.UPLOADING)


def check(job: Job, options: Options, *, by: Moderator) -> None:
    """Run the dry run again, with other options."""
    require_checkable(job)
    job.options = {
        "moves": [list(pair) for pair in options.moves],
        "pingbacks": options.pingbacks,
        "only_public": options.only_public,
        "close_threads": options.close_threads,
    }
    job.move_to(JobState.CHECKING)
    _note(job, "check", by)


def options_of(job: Job) -> Options:
    given: dict[str, Any] = job.options
    moves = tuple((old, new) for old, new in given.get("moves", ()))
    flags = {name: bool(given.get(name)) for name in ("pingbacks", "only_public", "close_threads")}
    return Options(moves, **flags)


def start(job: Job, *, by: Moderator) -> None:
    _require(job.state == JobState.CHECKED and job.file != "")
    if Job.runs_on(job.site, JobKind.IMPORT):
        raise Refused(
            "busy", _("Another import of this site is running. Start this one when it has finished."), status=409
        )
    job.move_to(JobState.RUNNING)
    _note(job, "start", by)
    audit.record(Event.IMPORT_STARTED, by=by, site=job.site, job=job.id, format=job.format)


def stop(job: Job, *, by: Moderator) -> None:
    """Stop at the next step of the worker, or now if no worker has begun. A finished job stays as it is."""
    if not job.is_at_work:
        return
    if job.is_claimed:
        job.stop_wanted = True
    else:
        job.move_to(JobState.STOPPED)
    _note(job, "stop", by)


def discard(job: Job, *, by: Moderator) -> str:
    """Forget the file; returns its name, which the caller deletes after the commit."""
    _require(not job.is_at_work)
    if job.state == JobState.UPLOADING:
        job.move_to(JobState.STOPPED)
    name = _forget_file(job)
    _note(job, "delete", by)
    return name


def begin_export(site: Site, form: str, *, by: Moderator) -> Job:
    """Raises Refused (409)."""
    if Job.runs_on(site, JobKind.EXPORT):
        raise Refused("busy", _("Another export of this site is running. Wait until it has finished."), status=409)
    _require_space(site, 0)
    name = f"{site.key}-{now():%Y-%m-%d}.{ENDINGS[form]}"
    job = Job(site_id=site.id, kind=JobKind.EXPORT, state=JobState.RUNNING, format=form, name=name, events=[])
    job.file = files.new_name()
    db.session.add(job)
    _note(job, "start", by)
    audit.record(Event.EXPORT_STARTED, by=by, site=site, job=job.id, format=form)
    return job


def download(job: Job, *, by: Moderator) -> None:
    """Record a download."""
    _require(job.kind == JobKind.EXPORT and job.state == JobState.DONE and job.file != "")
    _note(job, "download", by)
    audit.record(Event.EXPORT_DOWNLOADED, by=by, site=job.site, job=job.id, format=job.format)


def free_bytes() -> int:
    total: int = current_app.config["TRANSFER_TOTAL_MB"] * MB
    return max(0, total - Job.bytes_of_all())


def expire() -> Iterator[int]:
    """Delete files after TRANSFER_DAYS, files without a row, and old rows; the caller commits after each step."""
    before = now() - timedelta(days=current_app.config["TRANSFER_DAYS"])
    while old := Job.with_expired_file(before):
        names = [_forget_file(job) for job in old]
        yield len(names)
        for name in names:
            files.remove(name)
    for name in Job.unknown_files(files.old_names()):
        files.remove(name)
        yield 1
    yield Job.forget_before(now() - JOBS_KEPT)


def _forget_file(job: Job) -> str:
    if job.state == JobState.UPLOADING:
        job.move_to(JobState.STOPPED)
    name, job.file = job.file, ""
    return name


def _require_space(site: Site, size: int) -> None:
    if Job.count_files(site) >= MOST_FILES:
        said = _("This site has %(most)d files already. Delete one first.", most=MOST_FILES)
        raise Refused("too_many_files", said, status=409)
    if size >= free_bytes():
        said = _(
            "There is not enough space for this file. Delete an earlier one, or ask the operator to use flask import."
        )
        raise Refused("no_space", said, status=409)


def _require(possible: bool) -> None:
    if not possible:
        raise Refused(
            "wrong_state", _("This is not possible any more. Reload the page to see how it stands."), status=409
        )


def _note(job: Job, what: str, by: Moderator) -> None:
    db.session.flush()
    job.note(what, by)
    log.info(
        "transfer", extra={"action": what, "kind": job.kind, "job": job.id, "site": job.site_id, "moderator": by.id}
    )

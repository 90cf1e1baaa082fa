"""Imports and exports of a site in the browser."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, BinaryIO

from flask import Blueprint, Response, abort, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.errors import Refused
from app.extensions import db
from app.forms.transfer import TypedOptions
from app.lib import ids
from app.models import Job, Moderator, Role, Site
from app.transfer import exports, files, jobs
from app.web import transfer_words
from app.web.access import current_moderator, moderator_required, site_or_404, wants_fragment
from app.web.confirmation import confirmation_required

bp = Blueprint("transfers", __name__, url_prefix="/sites/<key>")

LISTED = 20
# Bytes of a part of an upload, and of a file in a form; both below MAX_CONTENT_LENGTH.
PART, WHOLE = 240 << 10, 200 << 10
DOWNLOAD_CHUNK = 256 << 10


@bp.get("/import")
@moderator_required
def show_all(key: str) -> str:
    return _page(site_or_404(key, Role.ADMIN))


@bp.post("/import")
@moderator_required
def begin(key: str) -> Any:
    """With a script: the name and the size of a file that is sent in parts; without: the file itself."""
    site, file = site_or_404(key, Role.ADMIN), request.files.get("file")
    data = file.stream.read() if file else b""
    name = file.filename or "" if file else request.form.get("name", "")
    size = len(data) if file else request.form.get("size", 0, type=ids.read)
    try:
        job = jobs.begin_upload(site, name, size, by=current_moderator())
        if file:
            jobs.receive(job, 0, data)
    except Refused as no:
        db.session.rollback()
        return _refused(key, no)
    db.session.commit()
    if wants_fragment():
        return jsonify(part=url_for("transfers.receive", key=key, id=job.id), page=_address(job, key)), 201
    return redirect(_address(job, key), 303)


@bp.post("/export")
@moderator_required
@confirmation_required
def begin_export(key: str) -> Any:
    site, form = site_or_404(key, Role.ADMIN), request.form.get("format", "")
    if form not in exports.FORMATS:
        abort(400)
    try:
        job = jobs.begin_export(site, form, by=current_moderator())
    except Refused as no:
        db.session.rollback()
        return _refused(key, no)
    db.session.commit()
    return redirect(_address(job, key), 303)


@bp.get("/transfers/<int:id>")
@moderator_required
def show(key: str, id: int) -> str:
    job = Job.of_site(site_or_404(key, Role.ADMIN), id) or abort(404)
    return _job_page(job, TypedOptions.of(jobs.options_of(job)))


@bp.post("/transfers/<int:id>/part")
@moderator_required
def receive(key: str, id: int) -> Any:
    """Append the body at the offset `at`; 409 with the number of bytes received so far if that is another one."""
    job, at = _locked(key, id), request.args.get("at", -1, type=ids.read)
    try:
        jobs.receive(job, at, request.get_data())
    except Refused as no:
        received = job.received
        db.session.rollback()
        return jsonify(received=received, title=no.sentence), no.status
    db.session.commit()
    return jsonify(received=job.received)


@bp.post("/transfers/<int:id>/check")
@moderator_required
def check(key: str, id: int) -> Any:
    job, typed = _locked(key, id), TypedOptions.sent(request.form)
    jobs.require_checkable(job)
    options = typed.read()
    if options is None:
        return _job_page(job, typed), 422
    jobs.check(job, options, by=current_moderator())
    db.session.commit()
    return redirect(_address(job, key), 303)


@bp.post("/transfers/<int:id>/start")
@moderator_required
def start(key: str, id: int) -> Any:
    return _act(key, id, jobs.start)


@bp.post("/transfers/<int:id>/stop")
@moderator_required
def stop(key: str, id: int) -> Any:
    return _act(key, id, jobs.stop)


@bp.post("/transfers/<int:id>/discard")
@moderator_required
def discard(key: str, id: int) -> Any:
    name = jobs.discard(_locked(key, id), by=current_moderator())
    db.session.commit()
    files.remove(name)
    flash(_("File deleted."))
    return redirect(url_for("transfers.show_all", key=key), 303)


@bp.post("/transfers/<int:id>/download")
@moderator_required
@confirmation_required
def download(key: str, id: int) -> Response:
    """A POST, because it is recorded who has downloaded the readers' addresses."""
    job = _locked(key, id)
    jobs.download(job, by=current_moderator())
    try:
        file = files.path_of(job.file).open("rb")
    except FileNotFoundError:
        raise Refused("file_gone", _("The file is gone. Export it again."), status=410) from None
    name, size = job.name, job.size
    db.session.commit()
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(size)}
    return Response(_chunks(file), mimetype="application/octet-stream", headers=headers)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(DOWNLOAD_CHUNK):
            yield chunk


def _locked(key: str, id: int) -> Job:
    return Job.of_site(site_or_404(key, Role.ADMIN), id, lock=True) or abort(404)


def _act(key: str, id: int, act: Callable[..., None]) -> Any:
    job = _locked(key, id)
    act(job, by=current_moderator())
    db.session.commit()
    return redirect(_address(job, key), 303)


def _address(job: Job, key: str) -> str:
    return url_for("transfers.show", key=key, id=job.id)


def _job_page(job: Job, typed: TypedOptions) -> str:
    return render_template(
        "sites/transfer.html", site=job.site, job=job, words=transfer_words, part=PART, report=job.report, typed=typed,
        days=current_app.config["TRANSFER_DAYS"], events=_events(job),
    )  # fmt: skip


def _events(job: Job) -> list[dict[str, Any]]:
    names = Moderator.names_of({each["by"] for each in job.events})
    return [
        {
            "what": each["what"],
            "name": names.get(each["by"], _("deleted account")),
            "at": datetime.fromisoformat(each["at"]),
        }
        for each in job.events
    ]


def _refused(key: str, no: Refused) -> Any:
    if wants_fragment():
        return jsonify(title=no.sentence), no.status
    return _page(site_or_404(key, Role.ADMIN), no), no.status


def _page(site: Site, no: Refused | None = None) -> str:
    return render_template(
        "sites/transfers.html", site=site, jobs=Job.newest_of(site, LISTED), words=transfer_words, part=PART,
        wrong=no.sentence if no else "", wrong_file=no is not None and no.code.startswith("file_"),
        largest=current_app.config["TRANSFER_FILE_MB"], whole=WHOLE >> 10,
        days=current_app.config["TRANSFER_DAYS"], formats=exports.FORMATS,
    )  # fmt: skip

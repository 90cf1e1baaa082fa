"""Imports and exports for programs, as jobs that the worker runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any, BinaryIO

from flask import Blueprint, Response, abort, request
from flask_babel import gettext as _

from app.api.access import current_program, current_site, missing
from app.api.declared import Doc, Invalid
from app.api.operation import operation
from app.database import after_commit, write_transaction
from app.errors import Refused
from app.forms.transfer import LONGEST_MOVE, MOST_MOVES
from app.lib import ids
from app.models import Job, JobKind, JobState, Moderator, Scope
from app.models.job import LONGEST_NAME
from app.transfer import files, jobs
from app.transfer.addresses import move_of
from app.transfer.exports import FORMATS
from app.transfer.run import Options

bp = Blueprint("transfers", __name__)

OCTETS = "application/octet-stream"
# Bytes of a part of an upload, below MAX_CONTENT_LENGTH; and of one of a download.
PART, CHUNK = 240 << 10, 256 << 10


@dataclass(frozen=True)
class JobShown:
    """An import or export. `report` has its numbers when a dry run or the job has finished."""

    id: int
    kind: JobKind
    state: JobState
    format: str
    name: Annotated[str, Doc("Of the file")]
    size: int
    received: Annotated[int, Doc("Bytes so far")]
    phase: str
    done: Annotated[int, Doc("Records in this phase")]
    share: Annotated[float, Doc("The part of this phase that is done, 0 if unknown")]
    has_file: bool
    report: dict[str, Any]
    made_at: datetime
    changed_at: datetime


@dataclass(frozen=True)
class Jobs:
    """The newest 50."""

    jobs: list[JobShown]


@dataclass(frozen=True)
class NewImport:
    """The file follows in parts; with the last one, a dry run begins."""

    name: Annotated[str, Doc(longest=LONGEST_NAME, example="wordpress.xml")]
    size: Annotated[int, Doc("Bytes", least=1, most=ids.MOST, example=1024)]


@dataclass(frozen=True)
class PartQuery:
    at: Annotated[int, Doc("Offset in bytes; that of the job's `received`", least=0, most=ids.MOST, example=0)]


@dataclass(frozen=True)
class ImportOptions:
    moves: Annotated[
        list[Annotated[str, Doc("OLD=NEW", longest=LONGEST_MOVE)]],
        Doc("Addresses of the old pages, and of the new ones", most_items=MOST_MOVES,
            example=["https://old.example=https://news.example"]),
    ]  # fmt: skip
    pingbacks: bool = False
    only_public: Annotated[bool, Doc("Without comments of pages that were not public")] = False
    close_threads: bool = False


@dataclass(frozen=True)
class NewExport:
    format: Annotated[str, Doc(choices=lambda: tuple(FORMATS), example="csv")]


@bp.get("/imports")
@operation("Imports and exports of the site, newest first", scope=Scope.TRANSFER, answers={200: Jobs})
def imports() -> Jobs:
    return Jobs([_shown(job) for job in Job.newest_of(current_site(), jobs.MOST_LISTED)])


@bp.get("/imports/<int:id>")
@operation("An import or export", scope=Scope.TRANSFER, answers={200: JobShown}, errors=(404,))
def show(id: int) -> JobShown:
    return _shown(_job(id))


@bp.post("/imports")
@operation("Begin an import", scope=Scope.TRANSFER, body=NewImport, answers={201: JobShown}, errors=(409, 413))
def begin(body: NewImport) -> JobShown:
    with write_transaction():
        job = jobs.begin_upload(current_site(), body.name, body.size, by=current_program())
    return _shown(job)


@bp.post("/imports/<int:id>/part")
@operation("Append bytes to the file of an import", scope=Scope.TRANSFER, query=PartQuery, takes=OCTETS,
           answers={200: JobShown}, errors=(404, 409, 413, 415),
           description=f"At most {PART} bytes.")  # fmt: skip
def receive(id: int, query: PartQuery) -> JobShown:
    if request.mimetype != OCTETS:
        abort(415)
    data = request.get_data()
    return _act(id, lambda job, _by: jobs.receive(job, query.at, data))


@bp.post("/imports/<int:id>/check")
@operation("Run the dry run again, with other options", scope=Scope.TRANSFER, body=ImportOptions,
           answers={200: JobShown}, errors=(404, 409))  # fmt: skip
def check(id: int, body: ImportOptions) -> JobShown:
    pairs = [move_of(line) for line in body.moves]
    if None in pairs:
        raise Invalid({"moves": [_("Each line needs an old URL, “=” and a new URL.")]})
    moves = tuple(pair for pair in pairs if pair)
    options = Options(moves, body.pingbacks, body.only_public, body.close_threads)
    return _act(id, lambda job, by: jobs.check(job, options, by=by))


@bp.post("/imports/<int:id>/start")
@operation("Write the comments of a checked file", scope=Scope.TRANSFER, answers={200: JobShown}, errors=(404, 409))
def start(id: int) -> JobShown:
    return _act(id, lambda job, by: jobs.start(job, by=by))


@bp.post("/imports/<int:id>/stop")
@operation("Stop an import or export", scope=Scope.TRANSFER, answers={200: JobShown}, errors=(404, 409))
def stop(id: int) -> JobShown:
    return _act(id, lambda job, by: jobs.stop(job, by=by))


@bp.post("/imports/<int:id>/discard")
@operation("Delete the file of an import or export", scope=Scope.TRANSFER, answers={200: JobShown}, errors=(404, 409))
def discard(id: int) -> JobShown:
    names: list[str] = []
    answer = _act(id, lambda job, by: names.append(jobs.discard(job, by=by)))
    for name in names:
        after_commit(partial(files.remove, name))
    return answer


@bp.post("/exports")
@operation("Begin an export", scope=Scope.TRANSFER, body=NewExport, answers={201: JobShown}, errors=(409,),
           description="Exports have the readers' email addresses.")  # fmt: skip
def begin_export(body: NewExport) -> JobShown:
    with write_transaction():
        job = jobs.begin_export(current_site(), body.format, by=current_program())
    return _shown(job)


@bp.post("/exports/<int:id>/download")
@operation("The file of a finished export", scope=Scope.TRANSFER, answers={200: OCTETS}, errors=(404, 409, 410),
           description="A POST, because it is recorded who has downloaded the readers' addresses.")  # fmt: skip
def download(id: int) -> Response:
    with write_transaction():
        job = _job(id, lock=True)
        jobs.download(job, by=current_program())
        try:
            file = files.path_of(job.file).open("rb")
        except FileNotFoundError:
            raise Refused("file_gone", _("The file is gone. Export it again."), status=410) from None
    headers = {"Content-Disposition": f'attachment; filename="{job.name}"', "Content-Length": str(job.size)}
    return Response(_chunks(file), mimetype=OCTETS, headers=headers)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


def _act(id: int, act: Callable[[Job, Moderator], None]) -> JobShown:
    with write_transaction():
        job = _job(id, lock=True)
        act(job, current_program())
    return _shown(job)


def _job(id: int, *, lock: bool = False) -> Job:
    found = Job.of_site(current_site(), id, lock=lock)
    if found is None:
        raise missing()
    return found


def _shown(job: Job) -> JobShown:
    return JobShown(
        id=job.id,
        kind=JobKind(job.kind),
        state=JobState(job.state),
        format=job.format,
        name=job.name,
        size=job.size,
        received=job.received,
        phase=job.phase,
        done=job.done,
        share=job.share,
        has_file=job.file != "",
        report=job.report,
        made_at=job.made_at,
        changed_at=job.changed_at,
    )

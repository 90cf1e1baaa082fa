"""The report of an import in the browser: counts and examples, bounded, without texts or email addresses."""

from itertools import islice
from typing import Any

from app.transfer import archive, guess
from app.transfer.record import Note, Reason, Trouble, UnreadableFile
from app.transfer.run import ImportRun
from app.transfer.source import Source
from app.transfer.staging import Staging

EXAMPLES = 5  # ids of a note or reason
LISTED = 20  # pages, staff accounts, origins
LONGEST = 300  # characters of a value


def report_of(run: ImportRun) -> dict[str, Any]:
    staging = run.staging
    return {
        "format": run.form,
        "counts": staging.counts() | {"people": staging.people()},
        "notes": [_note(each) for each in staging.notes()],
        "skips": list(_skips(staging)),
        "staff": [_bounded(each) for each in islice(staging.staff(), LISTED)],
        "origins": [_bounded(each) for each in islice(staging.foreign_origins(), LISTED)],
        "pages": [_bounded(each) for each in islice(staging.by_thread(), LISTED)],
        "trouble": trouble_of(run.error, run.source) if run.error else None,
    }


def trouble_of(error: UnreadableFile, source: Source) -> dict[str, Any]:
    """Why a file was refused or not read to its end, and what it looks like if its format is unknown."""
    unknown = error.trouble in (Trouble.UNKNOWN_FORMAT, Trouble.WRONG_FORMAT)
    looks = guess.looks_like(source.path, source.head()) if unknown else ""
    return {"code": error.trouble.name, "line": error.line, "looks": looks[:LONGEST]}


def trouble(code: str) -> dict[str, Any]:
    return {"trouble": {"code": code, "line": None, "looks": ""}}


def refusal_of(form: str) -> dict[str, Any] | None:
    """An archive grants settings and ids of the installation, so only the operator restores one."""
    return trouble("ARCHIVE") if form == archive.FORMAT else None


def _note(each: dict[str, Any]) -> dict[str, Any]:
    return {"note": Note(each["note"]).name, "count": each["count"], "ids": _ids(each["ids"])}


def _skips(staging: Staging) -> list[dict[str, Any]]:
    return [
        {"reason": Reason(reason).name, "count": count, "ids": _ids(ids)}
        for reason, count, ids in staging.skips_by_reason(EXAMPLES)
    ]


def _ids(ids: list[str]) -> list[str]:
    return [id[:LONGEST] for id in ids[:EXAMPLES]]


def _bounded(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value[:LONGEST] if isinstance(value, str) else value for name, value in row.items()}

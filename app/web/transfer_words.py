"""Words for imports and exports in the browser: states, and the notes and reasons of the report."""

from datetime import timedelta

from babel.dates import format_timedelta
from babel.units import format_unit
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.models import Job
from app.transfer.run import Phase

KINDS = {"import": _l("Comment import"), "export": _l("Comment export")}
STATES = {
    "uploading": _l("Upload not finished"),
    "checking": _l("Checking the file"),
    "checked": _l("Checked, ready to import"),
    "running": _l("Running"),
    "done": _l("Finished"),
    "failed": _l("Failed"),
    "stopped": _l("Stopped"),
}
PHASES = {
    "": _l("Waiting for the worker"),
    "reading": _l("Reading the file"),
    "checking": _l("Checking comments"),
    "writing": _l("Writing"),
    "waiting": _l("Another import is writing the same comments. This one continues when the other has finished."),
}
EVENTS = {
    "upload": _l("Upload started"),
    "check": _l("Checked with other options"),
    "start": _l("Started"),
    "stop": _l("Stop requested"),
    "delete": _l("File deleted"),
    "download": _l("Downloaded"),
}
FORMATS = {
    "kaiwa": _l("Archive of all data, for another Kaiwa"),
    "wxr": _l("WordPress (WXR)"),
    "csv": _l("CSV, for spreadsheets"),
}
# By the names in app/transfer/record.py.
NOTES = {
    "UNKNOWN_STATUS": _l("The status is unknown; the comment is held."),
    "UNKNOWN_TYPE": _l("The comment type is unknown; imported as an ordinary comment."),
    "NO_DATE": _l("The date is missing or invalid; replaced by January 1, 1970."),
    "LOCAL_DATE": _l("The date has no time zone; read in the site’s time zone."),
    "NO_ID": _l("The comment has no id; one is made from its content."),
    "SHORTENED": _l("A field was longer than the limit and was shortened."),
    "REPAIRED": _l("The record was damaged and was repaired."),
    "FIELD_LOST": _l("A field of the page was unreadable."),
    "NO_AUTHOR": _l("The comment’s author is missing in the file."),
    "DOWNVOTED": _l("Votes against the comment are not imported."),
    "SUBSCRIBED": _l("The author had subscribed to replies; subscriptions are not imported."),
    "MEDIA": _l("An image, video or embedded page became a link to it."),
    "FUTURE_DATE": _l("The date is in the future; replaced by the time of the import."),
    "LOST_PAGE": _l("The comment’s page is missing in the file."),
    "NO_ADDRESS": _l("The page has no usable URL. Its comments are imported, but not shown until the page gets one."),
    "NOT_PUBLIC": _l("The page was not public. Its comments are hidden, and approved ones are held."),
    "FOREIGN_HOST": _l("The page is on none of the site’s URLs, so it is not shown. Map it below."),
    "MISSING_PARENT": _l("The parent comment is missing; imported as a top-level comment."),
    "PARENT_ELSEWHERE": _l("The parent comment is on another page; imported as a top-level comment."),
    "CIRCLE": _l("The replies form a circle; imported as a top-level comment."),
}
REASONS = {
    "TOO_LARGE": _l("The record is larger than the limit."),
    "TOO_DEEP": _l("The record is nested deeper than the limit."),
    "NOT_CLOSED": _l("The record does not end before the next one begins."),
    "MALFORMED": _l("The record is damaged and could not be repaired."),
    "CUT_OFF": _l("The file ends inside this record."),
    "NO_THREAD": _l("The comment does not name its page."),
    "NOT_A_COMMENT": _l("A private note of another program, not a comment."),
    "EMPTY": _l("The record is empty."),
    "UNKNOWN_RECORD": _l("The record is of an unknown type."),
    "DUPLICATE": _l("An earlier comment in the file has the same id."),
    "NOT_PUBLIC": _l("Its page was not public."),
    "INCOMPLETE": _l("The file does not have all replies to it."),
    "PINGBACK": _l("A pingback or trackback."),
    "ID_TAKEN": _l("Its id is already used on this site."),
    "DOUBLE": _l("A record that must be unique already exists."),
}
# Why a file is refused, and how to go on.
TROUBLES = {
    "NOT_READABLE": _l("The file could not be read. Upload it again."),
    "UNKNOWN_FORMAT": _l(
        "The format of this file is unknown. Download the export of the other program again, and upload that file."
    ),
    "WRONG_FORMAT": _l("The file begins like an export that can be imported, but is not one."),
    "DOCUMENT_TYPE": _l("The file has a document type declaration, which is not allowed. Remove that line."),
    "BOMB": _l("The compressed file is suspiciously large when unpacked. Ask the operator to import it."),
    "TOO_MANY": _l("The archive has too many files. Ask the operator to import its folder with flask import."),
    "DAMAGED": _l("The file is damaged. Export it again from the other program."),
    "TRUNCATED": _l("The end of the file is missing. Export it again, or import the comments before it."),
    "ARCHIVE": _l("This is an archive of Kaiwa. Ask the operator to restore it into a new site with flask import."),
    "NO_SPACE": _l("There is not enough space to sort the file. Ask the operator for a larger temporary folder."),
    "FULL": _l(
        "The export needs more space than is left. Delete earlier files, or ask the operator to use flask export."
    ),
    "BUSY": _l(
        "Another import has been writing the same comments for a day. Check the file again when that one has finished."
    ),
    "INTERRUPTED": _l("It was interrupted too often. Ask the operator to look at the log of the worker."),
}
UNKNOWN = _l("Other")


def progress_of(job: Job) -> str:
    """Number of records, rate and time left, as far as they are known."""
    if job.phase in ("", Phase.WAITING):
        return str(PHASES[job.phase])
    parts = [str(PHASES.get(job.phase, job.phase)), _("%(count)s records", count=f"{job.done:,}")]
    if job.rate:
        parts.append(_("%(count)s per second", count=f"{job.rate:,.0f}"))
    if job.seconds_left is not None and job.share < 1:
        parts.append(_("%(time)s left", time=_duration(job.seconds_left)))
    return " · ".join(parts)


def _duration(seconds: float) -> str:
    return format_timedelta(timedelta(seconds=max(1, seconds)), locale=get_locale())


def size(number: int) -> str:
    if number >= 1 << 20:
        return format_unit(round(number / (1 << 20), 1), "digital-megabyte", "short", locale=get_locale())
    return format_unit(round(number / 1024, 1), "digital-kilobyte", "short", locale=get_locale())

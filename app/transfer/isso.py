"""Read Isso's database."""

from collections.abc import Iterator

from app.transfer import sqlite_file
from app.transfer.fields import (
    EPOCH,
    MAX_BODY,
    address,
    is_shortened,
    legible,
    moment_of_epoch,
    one_line,
    votes,
)
from app.transfer.record import (
    CommentRecord,
    Note,
    Reason,
    Record,
    Skip,
    Status,
    ThreadRecord,
)
from app.transfer.source import File, Source

# isso/db/comments.py: 1 accepted, 2 pending, 4 deleted with replies.
MODES: dict[int, Status] = {1: "approved", 2: "pending", 4: "deleted"}

TABLES = {
    "threads": ("id", "uri", "title"),
    "comments": (
        "id",
        "tid",
        "parent",
        "created",
        "mode",
        "remote_addr",
        "text",
        "author",
        "email",
        "website",
    ),
}
# Missing in some versions.
OPTIONAL = ("likes", "dislikes", "notification")


def read(file: File) -> Iterator[Record]:
    """All threads, then all comments by id.

    Raises UnreadableFile for any other file, TruncatedFile if the end of the file is missing.
    """
    source = Source.of(file)
    with sqlite_file.opened(source.path, TABLES, OPTIONAL) as database:
        for _id, row in database.rows("threads"):
            yield row if isinstance(row, Skip) else _thread(row)
        source.whole = database.highest("comments")
        for source.done, row in database.rows("comments"):
            yield row if isinstance(row, Skip) else _comment(row)


def _thread(row: dict[str, object]) -> ThreadRecord:
    notes = (Note.SHORTENED,) if is_shortened(row["uri"], row["title"]) else ()
    return ThreadRecord(one_line(row["id"]), one_line(row["uri"]), one_line(row["title"]), True, notes)


def _comment(row: dict[str, object]) -> CommentRecord | Skip:
    source_id, thread = one_line(row["id"]), one_line(row["tid"])
    body = row["text"]
    body = legible(body) if isinstance(body, str) else ""
    if len(body) > MAX_BODY:
        return Skip(source_id, Reason.TOO_LARGE)
    if not thread:
        return Skip(source_id, Reason.NO_THREAD)
    when, status = moment_of_epoch(row["created"]), _status(row["mode"])
    found = (
        (Note.NO_DATE, when is None),
        (Note.UNKNOWN_STATUS, status is None),
        (Note.DOWNVOTED, votes(row.get("dislikes")) > 0),
        (Note.SUBSCRIBED, row.get("notification") == 1),
        (Note.SHORTENED, is_shortened(row["author"], row["email"], row["website"])),
    )
    return CommentRecord(
        source_id=source_id,
        thread_source_id=thread,
        parent_source_id=one_line(row["parent"]) or None,
        name=one_line(row["author"]),
        email=one_line(row["email"]),
        website=one_line(row["website"]),
        ip=address(row["remote_addr"]),
        body=body,
        format="markdown",
        created_at=when or EPOCH,
        status=status or "pending",
        helpful=votes(row.get("likes")),
        notes=tuple(note for note, applies in found if applies),
    )


def _status(mode: object) -> Status | None:
    return MODES.get(mode) if isinstance(mode, int) else None

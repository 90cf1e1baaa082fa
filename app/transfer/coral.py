"""Read Coral (Talk 5 and later): its MongoDB collections by mongoexport, in one file, or in a folder or zip archive.

The documents: server/src/core/server/models of github.com/coralproject/talk.
"""

from collections.abc import Iterator
from html import escape
from itertools import islice
from typing import Any

from app.transfer import folder, folder_parts, json_stream, signatures
from app.transfer.draft import Draft, lost, obj, page
from app.transfer.fields import one_line
from app.transfer.json_stream import BadElement
from app.transfer.lookup import Lookup
from app.transfer.mongo import moment_of
from app.transfer.record import (
    CommentRecord,
    Note,
    Reason,
    Record,
    Skip,
    Status,
    ThreadRecord,
    Trouble,
    TruncatedFile,
    UnreadableFile,
)
from app.transfer.source import File, Source

# NONE: published without moderation.
STATUSES: dict[str, Status] = {
    "NONE": "approved",
    "APPROVED": "approved",
    "PREMOD": "pending",
    "SYSTEM_WITHHELD": "pending",
    "REJECTED": "rejected",
}
STAFF = ("ADMIN", "MODERATOR", "STAFF")
SUFFIXES = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
LOOKED_AT = 100  # files, to detect the format
USER = ('"role"', '"tokens"', '"tenantID"')  # keys of a user

Row = dict[str, Any]
Elements = Iterator[json_stream.Element | BadElement]


def is_coral(source: Source) -> bool:
    parts = islice(folder_parts.parts(source, SUFFIXES), LOOKED_AT)
    return any(signatures.program(each.head()) == "coral" for each in parts)


def read(file: File) -> Iterator[Record]:
    """Stories and comments in the order of the file. Users may follow, so it is read twice.

    Raises TruncatedFile after the last record of a truncated file, UnreadableFile for any other file.
    """
    source = Source.of(file)
    source.passes = 2
    with Lookup() as users:
        _collect(source, users)
        for element in _elements(source):
            if isinstance(element, BadElement):
                yield lost(element)
                continue
            kind = _kind(element.value)
            if kind == "comment":
                yield _comment(element.value, users, element.line)  # type: ignore[arg-type]
            elif kind == "story":
                yield _story(element.value)  # type: ignore[arg-type]
            elif kind != "user":
                yield Skip(None, Reason.UNKNOWN_RECORD, element.line)


def _elements(source: Source) -> Elements:
    """Of a folder, only files with users, stories or comments are read; one that is truncated costs only its end."""
    if not folder.is_folder(source.path):
        yield from json_stream.elements(source, rows=True)
        return
    cut: TruncatedFile | None = None
    for part in folder_parts.parts(source, SUFFIXES):
        try:
            if _is_collection(part.head()):
                yield from json_stream.elements(part, rows=True)
            elif part.damaged:
                raise TruncatedFile
        except TruncatedFile as error:
            cut = error
    if cut:
        raise cut


def _is_collection(head: str) -> bool:
    return signatures.program(head) == "coral" or all(key in head for key in USER)


def _kind(row: object) -> str:
    if not isinstance(row, dict):
        return ""
    if {"storyID", "revisions"} <= row.keys():
        return "comment"
    if {"url", "commentCounts"} <= row.keys():
        return "story"
    return "user" if {"id", "role", "tokens"} <= row.keys() else ""


def _collect(source: Source, users: Lookup) -> None:
    is_export = False
    for element in json_stream.until_cut(_elements(source)):
        kind = "" if isinstance(element, BadElement) else _kind(element.value)
        is_export = is_export or kind in ("comment", "story")
        if kind == "user" and isinstance(element, json_stream.Element) and isinstance(element.value, dict):
            row = element.value
            users.put(one_line(row["id"]), *map(one_line, (row.get("username"), row.get("email"), row["role"])))
    if not is_export:
        raise UnreadableFile(Trouble.WRONG_FORMAT)


def _story(row: Row) -> ThreadRecord:
    is_closed = moment_of(row.get("closedAt")) is not None
    about = obj(row, "metadata")
    return page(
        one_line(row.get("id")), row.get("url"), about.get("title"), is_open=not is_closed, section=about.get("section")
    )


def _comment(row: Row, users: Lookup, line: int) -> CommentRecord | Skip:
    account = one_line(row.get("authorID"))
    user = users.get(account) if account else None
    name, email, role = user or ("", "", "")
    is_deleted = moment_of(row.get("deletedAt")) is not None
    return Draft(
        id=row.get("id"),
        thread=one_line(row.get("storyID")),
        parent=row.get("parentID"),
        name=name,
        email=email,
        body=_body(row),
        format="html",
        when=moment_of(row.get("createdAt")),
        status="deleted" if is_deleted else STATUSES.get(one_line(row.get("status"))),
        account=account,
        is_staff=role in STAFF,
        line=line,
        notes=[Note.NO_AUTHOR] if account and not user else [],
    ).record()


def _body(row: Row) -> str:
    """The newest revision, with the address of its picture or video."""
    revisions = row.get("revisions")
    newest = revisions[-1] if isinstance(revisions, list) and revisions else None
    body = newest.get("body") if isinstance(newest, dict) else None
    media = one_line(obj(newest, "media").get("url"))
    shown = f'<p><img src="{escape(media)}"></p>' if media.startswith(("http://", "https://")) else ""
    return (body if isinstance(body, str) else "") + shown

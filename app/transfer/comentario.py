"""Read Comentario's JSON export, version 3 (internal/svc of gitlab.com/comentario/comentario).

Version 1 is that of Commento++: see commento.py.
"""

from collections.abc import Iterator
from typing import Any

from app.transfer import json_stream
from app.transfer.draft import Draft, instant, lost, page
from app.transfer.fields import one_line
from app.transfer.json_stream import BadElement
from app.transfer.lookup import Lookup
from app.transfer.record import CommentRecord, Note, Reason, Record, Skip, Status, ThreadRecord, Trouble, UnreadableFile
from app.transfer.source import File, Source

VERSION = 3
GUEST = "00000000-0000-0000-0000-000000000000"  # the account of all comments without one

Row = dict[str, Any]


def read(file: File) -> Iterator[Record]:
    """Pages, then comments. Commenters follow, so the file is read twice.

    Raises TruncatedFile after the last record of a truncated file, UnreadableFile for any other file.
    """
    source = Source.of(file)
    source.passes = 2
    with Lookup() as people:
        _collect(source, people)
        for element in json_stream.elements(source):
            if isinstance(element, BadElement):
                yield from [lost(element)] if element.key == "comments" else []
            elif element.key == "comments" and not json_stream.is_null(element):
                yield _comment(element.value, people, element.line)
            elif element.key == "pages" and isinstance(element.value, dict):
                yield _page(element.value)


def _collect(source: Source, people: Lookup) -> None:
    version: object = None
    for element in json_stream.until_cut(json_stream.elements(source)):
        if isinstance(element, BadElement):
            continue
        if element.key == "version":
            version = element.value
        if element.key == "commenters" and isinstance(element.value, dict):
            row = element.value
            texts = (row.get("name"), row.get("email"), row.get("websiteUrl"))
            people.put(
                one_line(row.get("id")), *map(one_line, texts), "staff" if row.get("isModerator") is True else ""
            )
    if version != VERSION:
        raise UnreadableFile(Trouble.WRONG_FORMAT)


def _comment(row: object, people: Lookup, line: int) -> CommentRecord | Skip:
    if not isinstance(row, dict):
        return Skip(None, Reason.UNKNOWN_RECORD, line)
    account = one_line(row.get("userCreated"))
    account = "" if account == GUEST else account
    person = people.get(account) if account else None
    name, email, website, staff = person or (one_line(row.get("authorName")), "", "", "")
    markdown = row.get("markdown")
    has_markdown = isinstance(markdown, str) and bool(markdown.strip())
    return Draft(
        id=row.get("id"),
        thread=one_line(row.get("pageId")),
        parent=row.get("parentId"),
        name=name,
        email=email,
        website=website,
        ip=row.get("authorIP"),
        body=markdown if has_markdown else row.get("html"),
        format="markdown" if has_markdown else "html",
        when=instant(row.get("createdTime")),
        status=_status(row),
        account=account,
        is_staff=bool(staff),
        likes=row.get("score"),
        line=line,
        notes=[Note.NO_AUTHOR] if account and not person and not name else [],
    ).record()


def _status(row: Row) -> Status:
    if row.get("isDeleted") is True:
        return "deleted"
    if row.get("isPending") is True:
        return "pending"
    return "approved" if row.get("isApproved") is True else "rejected"


def _page(row: Row) -> ThreadRecord:
    is_open = row.get("isReadonly") is not True
    return page(one_line(row.get("id")), _path(row.get("path")), row.get("title"), is_open=is_open)


def _path(value: object) -> str:
    path = one_line(value)
    return path if path.startswith("/") else f"/{path}"

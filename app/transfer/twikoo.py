"""Read Twikoo's export: a JSON list of comments, or JSON lines of its MongoDB collection by mongoexport.

src/server/function/twikoo/index.js of github.com/twikoojs/twikoo.
"""

from collections.abc import Iterator
from typing import Any

from app.transfer import json_rows
from app.transfer.draft import Draft, is_true, page
from app.transfer.fields import one_line
from app.transfer.mongo import moment_of, plain
from app.transfer.record import CommentRecord, Record, Skip, Status, ThreadRecord
from app.transfer.source import File, Source

KEYS = frozenset({"nick", "comment", "url", "created"})

Row = dict[str, Any]


def read(file: File) -> Iterator[Record]:
    """Yield each page before its first comment, in the order of the file.

    Raises TruncatedFile after the last record of a truncated file, UnreadableFile for any other file.
    """
    yield from json_rows.records(Source.of(file), KEYS, _comment, _page, id_key="_id")


def _page(row: Row) -> ThreadRecord:
    """`url` is the path or an id of the page, `href` its address."""
    id, href = one_line(row.get("url")), one_line(row.get("href"))
    return page(id, id if id.startswith(("/", "http")) else href.partition("#")[0])


def _comment(row: Row, line: int) -> CommentRecord | Skip:
    return Draft(
        id=plain(row.get("_id")),
        thread=one_line(row.get("url")),
        parent=plain(row.get("pid")) or plain(row.get("rid")),
        name=row.get("nick"),
        email=row.get("mail"),
        website=row.get("link"),
        ip=row.get("ip"),
        body=row.get("comment"),
        format="html",
        when=moment_of(row.get("created")),
        status=_status(row),
        is_staff=is_true(row.get("master")),
        likes=row.get("like") or row.get("ups"),
        dislikes=row.get("downs"),
        line=line,
    ).record()


def _status(row: Row) -> Status:
    """Comments that wait for a review are marked as spam too."""
    return "spam" if is_true(row.get("isSpam")) else "approved"

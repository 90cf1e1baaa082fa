"""Read Artalk's export ("Artrans"): a JSON list (internal/entity/artran.go of github.com/ArtalkJS/Artalk)."""

import re
from collections.abc import Iterator
from typing import Any

from app.transfer import json_rows
from app.transfer.draft import Draft, is_true, local, page
from app.transfer.fields import one_line
from app.transfer.record import CommentRecord, Note, Record, Skip, ThreadRecord
from app.transfer.source import File, Source

KEYS = frozenset({"content", "page_key"})

_GO_ZONE = re.compile(r" ([+-]\d\d:?\d\d)\b.*\Z", re.DOTALL)  # 2021-10-28 20:50:15 +0800

Row = dict[str, Any]


def read(file: File) -> Iterator[Record]:
    """Yield each page before its first comment, in the order of the file. All values may be text.

    Raises TruncatedFile after the last record of a truncated file, UnreadableFile for any other file.
    """
    source = Source.of(file)

    def comment_of(row: Row, line: int) -> CommentRecord | Skip:
        return _comment(row, line, source)

    yield from json_rows.records(source, KEYS, comment_of, _page)


def _page_id(row: Row) -> str:
    """A key is unique within one of Artalk's sites."""
    key = one_line(row.get("page_key"))
    return f"{one_line(row.get('site_name'))} {key}".strip() if key else ""


def _page(row: Row) -> ThreadRecord:
    key = one_line(row.get("page_key"))
    url = key if "://" in key or key.startswith("/") else f"/{key}"
    return page(_page_id(row), url, row.get("page_title"), is_open=not is_true(row.get("page_admin_only")))


def _comment(row: Row, line: int, source: Source) -> CommentRecord | Skip:
    notes: list[Note] = []
    parent = one_line(row.get("rid"))
    return Draft(
        id=row.get("id"),
        thread=_page_id(row),
        parent="" if parent == "0" else parent,
        name=row.get("nick"),
        email=row.get("email"),
        website=row.get("link"),
        ip=row.get("ip"),
        body=row.get("content"),
        format="markdown",
        when=local(_GO_ZONE.sub(r"\1", one_line(row.get("created_at"))), source.zone, notes),
        status="pending" if is_true(row.get("is_pending")) else "approved",
        likes=row.get("vote_up"),
        dislikes=row.get("vote_down"),
        line=line,
        notes=notes,
    ).record()

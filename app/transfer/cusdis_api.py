"""Read answers of Cusdis's API (service/comment.service.ts), and make records of its rows."""

from collections.abc import Iterator
from typing import Any

from app.transfer import json_stream
from app.transfer.draft import Draft, instant, is_true, lost, obj, page
from app.transfer.fields import one_line
from app.transfer.json_stream import BadElement
from app.transfer.lookup import Lookup
from app.transfer.record import CommentRecord, Reason, Record, Skip, Status, ThreadRecord, Trouble, UnreadableFile
from app.transfer.source import Source

Row = dict[str, Any]


def read(source: Source) -> Iterator[Record]:
    """Answers of the API, one after the other. A reply is nested, and once more without its parent."""
    source.passes = 2
    with Lookup() as parents, Lookup() as seen:
        _collect(source, parents)
        yield from _records(source, parents, seen)


def _records(source: Source, parents: Lookup, seen: Lookup) -> Iterator[Record]:
    for element in _answers(source):
        if isinstance(element, BadElement):
            yield lost(element)
        elif element.listed and not isinstance(element.value, dict):
            yield Skip(None, Reason.UNKNOWN_RECORD, element.line)
        for row in _nested(element):
            id, thread = one_line(row.get("id")), page_of(obj(row, "page"))
            if thread.source_id and seen.add(f"page {thread.source_id}"):
                yield thread
            if not id or seen.add(id):
                parent = (parents.get(id) or [""])[0]
                more = {"parentId": parent, "pageId": thread.source_id, "approved": row.get("approved", True)}
                yield comment_of(row | more, element.line)


def _answers(source: Source) -> Iterator[json_stream.Element | BadElement]:
    return json_stream.elements(source, inside=frozenset({"data"}))


def _collect(source: Source, parents: Lookup) -> None:
    is_answer = False
    for element in json_stream.until_cut(_answers(source)):
        is_answer = is_answer or element.key == "commentCount"
        for row in _nested(element):
            is_answer = is_answer or "by_nickname" in row
            for reply in _replies(row):
                parents.put(one_line(reply.get("id")), one_line(row.get("id")))
    if not is_answer:
        raise UnreadableFile(Trouble.WRONG_FORMAT)


def _nested(element: json_stream.Element | BadElement) -> Iterator[Row]:
    """The row of the element and all replies in it, parents first. Its depth is limited."""
    rows = [element.value] if isinstance(element, json_stream.Element) and element.listed else []
    for row in rows:
        if isinstance(row, dict):
            yield row
            rows += _replies(row)


def _replies(row: Row) -> list[Row]:
    replies = obj(row, "replies").get("data")
    return [each for each in replies if isinstance(each, dict)] if isinstance(replies, list) else []


def page_of(row: Row) -> ThreadRecord:
    slug, url = one_line(row.get("slug")), one_line(row.get("url"))
    # The slug is the page's id on the site, often its path.
    address = url or (slug if slug.startswith(("/", "http")) else "")
    return page(one_line(row.get("id")), address, row.get("title"))


def comment_of(row: Row, line: int | None = None) -> CommentRecord | Skip:
    moderator = one_line(row.get("moderatorId"))
    return Draft(
        id=row.get("id"),
        thread=one_line(row.get("pageId")),
        parent=row.get("parentId"),
        name=row.get("by_nickname"),
        email=row.get("by_email"),
        body=row.get("content"),
        format="markdown",
        when=instant(row.get("created_at") or row.get("createdAt")),
        status=_status(row),
        account=moderator,
        is_staff=bool(moderator),
        line=line,
    ).record()


def _status(row: Row) -> Status:
    if row.get("deletedAt"):
        return "deleted"
    return "approved" if is_true(row.get("approved")) else "pending"

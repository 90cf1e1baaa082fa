"""Read a JSON list of comments, each with its page: the form of several exports."""

from collections.abc import Callable, Iterator
from typing import Any

from app.transfer import json_stream
from app.transfer.draft import lost
from app.transfer.json_stream import BadElement
from app.transfer.record import CommentRecord, Reason, Record, Skip, ThreadRecord, Trouble, UnreadableFile
from app.transfer.source import Source

Row = dict[str, Any]


def records(
    source: Source,
    keys: frozenset[str],
    comment_of: Callable[[Row, int], CommentRecord | Skip],
    page_of: Callable[[Row], ThreadRecord],
    *,
    id_key: str = "id",
) -> Iterator[Record]:
    """Yield each page before its first comment. A row without one of `keys` is no comment.

    Raises UnreadableFile if the first object is none, or the file has no object.
    """
    pages: set[str] = set()
    known = False
    for element in json_stream.elements(source, rows=True):
        if isinstance(element, BadElement):
            yield lost(element, id_key)
            continue
        row = element.value
        is_comment = isinstance(row, dict) and keys <= row.keys()
        if not is_comment and not known:
            raise UnreadableFile(Trouble.WRONG_FORMAT)
        known = True
        if not isinstance(row, dict) or not is_comment:
            yield Skip(None, Reason.UNKNOWN_RECORD, element.line)
            continue
        found = comment_of(row, element.line)
        if isinstance(found, CommentRecord) and found.thread_source_id not in pages:
            pages.add(found.thread_source_id)
            yield page_of(row)
        yield found
    if not known:
        raise UnreadableFile(Trouble.WRONG_FORMAT)

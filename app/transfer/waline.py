"""Read Waline's export: the JSON of its migration page, or its table of comments as CSV.

JSON: packages/server/src/controller/db.js of github.com/walinejs/waline; columns: assets/waline.sqlite.sql there.
"""

from collections.abc import Iterator
from typing import Any

from app.transfer import csv_rows, json_stream
from app.transfer.draft import Draft, local, lost, page
from app.transfer.fields import one_line
from app.transfer.json_stream import BadElement
from app.transfer.lookup import Lookup
from app.transfer.record import CommentRecord, Note, Reason, Record, Skip, Status, Trouble, UnreadableFile
from app.transfer.source import File, Source

STATUSES: dict[str, Status] = {"": "approved", "approved": "approved", "waiting": "pending", "spam": "spam"}
STAFF = "administrator"
COLUMNS = {"comment", "nick", "url"}

Row = dict[str, Any]


def read(file: File) -> Iterator[Record]:
    """Yield each page before its first comment, in the order of the file.

    Raises TruncatedFile after the last record of a truncated file, UnreadableFile for any other file.
    """
    source = Source.of(file)
    pages: set[str] = set()
    with Lookup() as users:
        rows = _of_json(source, users) if source.starts_with("{") else csv_rows.rows(source, COLUMNS)
        for row, line in rows:
            found = _comment(row, users, source, line) if isinstance(row, dict) else row
            if isinstance(found, CommentRecord) and found.thread_source_id not in pages:
                pages.add(found.thread_source_id)
                yield page(found.thread_source_id, row.get("url") if isinstance(row, dict) else "")
            yield found


def _of_json(source: Source, users: Lookup) -> Iterator[tuple[Row | Skip, int]]:
    """Users follow the comments, so the file is read twice."""
    source.passes = 2
    is_export = False
    for element in json_stream.until_cut(_elements(source)):
        if isinstance(element, BadElement):
            continue
        is_export = is_export or (element.key, element.value) == ("type", "waline")
        if element.key == "Users" and isinstance(element.value, dict):
            user = element.value
            texts = (user.get("display_name"), user.get("email"), user.get("url"), user.get("type"))
            users.put(_id(user), *map(one_line, texts))
    if not is_export:
        raise UnreadableFile(Trouble.WRONG_FORMAT)
    for element in _elements(source):
        if element.key != "Comment" or json_stream.is_null(element):
            continue
        if isinstance(element, BadElement):
            yield lost(element, "objectId"), element.line
        elif not isinstance(element.value, dict):
            yield Skip(None, Reason.UNKNOWN_RECORD, element.line), element.line
        else:
            yield element.value, element.line


def _elements(source: Source) -> Iterator[json_stream.Element | BadElement]:
    return json_stream.elements(source, inside=frozenset({"data"}))


def _comment(row: Row, users: Lookup, source: Source, line: int) -> CommentRecord | Skip:
    notes: list[Note] = []
    account = _reference(row.get("user_id"))
    user = users.get(account) if account else None
    name, email, website, role = user or ("", "", "", "")
    status = one_line(row.get("status"))
    return Draft(
        id=_id(row),
        thread=one_line(row.get("url")),
        parent=_reference(row.get("pid")) or _reference(row.get("rid")),
        name=name or row.get("nick"),
        email=email or row.get("mail"),
        website=website or row.get("link"),
        ip=row.get("ip"),
        body=row.get("comment"),
        format="markdown",
        when=local(_time(row), source.zone, notes),
        status=STATUSES.get(status),
        account=account,
        is_staff=role == STAFF,
        likes=row.get("like"),
        line=line,
        notes=notes,
    ).record()


def _id(row: Row) -> str:
    return one_line(row.get("objectId") or row.get("id"))


def _reference(value: object) -> str:
    """Empty for the values that mean none in one of its databases."""
    id = one_line(value)
    return "" if id in ("0", "null", "NULL") else id


def _time(row: Row) -> object:
    value = row.get("insertedAt") or row.get("createdAt")
    return value.get("iso") if isinstance(value, dict) else value  # LeanCloud

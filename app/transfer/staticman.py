"""Read Staticman: its folder of comments or a zip archive of it, with JSON, YAML or front matter.

lib/Staticman.js of github.com/eduardoboucas/staticman. Sites choose the names of the fields; these are the common ones.
"""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from app.transfer import flat_yaml, folder, hashover
from app.transfer.draft import Draft, page
from app.transfer.fields import moment, moment_of_epoch, moment_of_milliseconds, one_line
from app.transfer.folder import SmallFile
from app.transfer.record import CommentRecord, Reason, Record, Skip, Trouble, UnreadableFile
from app.transfer.source import File, Source

SUFFIXES = (".json", ".yml", ".yaml", ".md")
BODY = ("message", "comment", "body", "content", "text")
NAME = ("name", "author", "username")
WEBSITE = ("url", "website", "link", "site")
PARENT = ("replying_to_uid", "_parent", "replying_to", "reply_to", "replyTo", "parent", "parent_id", "replyThread")
LOOKED_AT = 1_000  # files, to detect the format
MILLISECONDS = 1e11  # a number of seconds above is in the year 5138

Row = dict[str, Any]


def is_staticman(source: Source) -> bool:
    files = islice(folder.files(source, SUFFIXES), LOOKED_AT)
    return any(_is_comment(_row(each)) and not hashover.NAME.match(each.name) for each in files)


def read(file: File) -> Iterator[Record]:
    """Each page before its first comment, by folder. Raises UnreadableFile if none of the files is a comment.

    Moderated comments wait in branches, so all in the folder are approved.
    """
    pages: set[str] = set()
    known = False
    for each in folder.files(Source.of(file), SUFFIXES):
        row = _row(each)
        if (row and not _is_comment(row)) or hashover.NAME.match(each.name):
            continue  # settings and data of the site, or another program's comment
        known = known or _is_comment(row)
        found = _comment(each, row)
        if isinstance(found, CommentRecord) and found.thread_source_id not in pages:
            pages.add(found.thread_source_id)
            yield page(found.thread_source_id, _address(each.folder))
        yield found
    if not known:
        raise UnreadableFile(Trouble.WRONG_FORMAT)


def _address(path: str) -> str:
    """The folder is named after the page."""
    return f"/{one_line(path.rpartition('/')[2])}/"


def _row(file: SmallFile) -> Row:
    """The fields of a file; {} if it is unreadable."""
    text = file.text.lstrip()
    if file.name.endswith(".json"):
        try:
            row = json.loads(text, strict=False)
        except (ValueError, RecursionError):  # the caller reports the file
            return {}
        return row if isinstance(row, dict) else {}
    head, mark, body = text.removeprefix("---").partition("\n---") if text.startswith("---") else (text, "", "")
    row = flat_yaml.mapping(head)
    return {"message": body.partition("\n")[2].strip(), **row} if mark and body.strip("-\r\n ") else dict(row)


def _is_comment(row: Row) -> bool:
    return bool(_first(row, BODY)) and "date" in row and bool({"_id", *NAME} & row.keys())


def _comment(file: SmallFile, row: Row) -> CommentRecord | Skip:
    id = one_line(row.get("_id")) or f"{file.folder}/{file.name.rpartition('.')[0]}"
    if file.lost:
        return Skip(id, file.lost)
    if not row:
        return Skip(id, Reason.MALFORMED)
    email = one_line(row.get("email"))
    return Draft(
        id=id,
        thread=one_line(file.folder),
        parent=_parent(file, row),
        name=_first(row, NAME),
        email=email if "@" in email else "",  # usually a hash
        website=_first(row, WEBSITE),
        body=_first(row, BODY),
        format="markdown",
        status="approved",
        when=_time(row.get("date")),
    ).record()


def _parent(file: SmallFile, row: Row) -> str:
    """On some sites `_parent` is the page instead, by its address or folder."""
    page_name = file.folder.rpartition("/")[2]
    values = (one_line(row.get(name)) for name in PARENT)
    return next((each for each in values if each and "/" not in each and each != page_name), "")


def _first(row: Row, names: tuple[str, ...]) -> object:
    return next((row[name] for name in names if row.get(name)), "")


def _time(value: object) -> Any:
    """ISO 8601, or seconds or milliseconds since 1970."""
    text = one_line(value)
    if not text.isascii() or not text.isdecimal():
        return moment(text)
    number = int(text[:20])
    return moment_of_milliseconds(number) if number > MILLISECONDS else moment_of_epoch(number)

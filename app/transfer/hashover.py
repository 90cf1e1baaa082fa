"""Read HashOver: its folder comments/threads or a zip archive of it, with XML or JSON files.

backend/classes/parsexml.php, parsejson.php and writecomments.php of github.com/jacobwb/hashover-next. Email addresses
are encrypted by a key that the files do not have.
"""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any
from xml.parsers import expat

from app.transfer import folder
from app.transfer.draft import Draft, page
from app.transfer.fields import moment, one_line
from app.transfer.folder import SmallFile
from app.transfer.record import CommentRecord, Reason, Record, Skip, Status, Trouble, UnreadableFile
from app.transfer.source import File, Source
from app.transfer.xml_element import TooDeep, parse
from app.transfer.xml_shape import Shape

SUFFIXES = (".xml", ".json")
NAME = re.compile(r"(?P<id>\d{1,9}(?:-\d{1,9}){0,60})\.(?:xml|json)\Z")  # 1-2.xml: the second reply to the first
PAGE = "page-info.json"
LOOKED_AT = 1_000  # files, to detect the format
STATUSES: dict[str, Status] = {"": "approved", "approved": "approved", "pending": "pending", "deleted": "deleted"}

_FIELDS = "comment|body|status|date|name|password|login_id|email|encryption|website|ipaddr|likes|dislikes"
_SHAPE = Shape("comment", (), ("comment",), frozenset(), {"comment": ("comment",)}, _FIELDS, frozenset(), frozenset())
_INDENT = re.compile(r"^\t{1,2}", re.MULTILINE)

Row = dict[str, Any]


def is_hashover(source: Source) -> bool:
    return any(_is_comment(file) for file in islice(folder.files(source, SUFFIXES), LOOKED_AT))


def read(file: File) -> Iterator[Record]:
    """Pages and comments by folder. Raises UnreadableFile if none of the files is a comment."""
    source = Source.of(file)
    known = False
    for each in folder.files(source, SUFFIXES):
        known = known or _is_comment(each)
        if NAME.match(each.name):
            yield _comment(each)
        elif each.name == PAGE:
            thread = each.folder.removesuffix("/metadata")
            row = _row(each.text)
            yield page(_thread(thread), row.get("url"), row.get("title"))
    if not known:
        raise UnreadableFile(Trouble.WRONG_FORMAT)


def _is_comment(file: SmallFile) -> bool:
    return bool(NAME.match(file.name)) and {"body", "date"} <= _row(file.text).keys()


def _thread(path: str) -> str:
    return one_line(path.rpartition("/")[2])


def _comment(file: SmallFile) -> CommentRecord | Skip:
    thread, name = _thread(file.folder), file.name.rpartition(".")[0]
    id, parent = f"{thread}/{name}", name.rpartition("-")[0]
    if file.lost:
        return Skip(id, file.lost)
    row = _row(file.text)
    if not row:
        return Skip(id, Reason.MALFORMED)
    return Draft(
        id=id,
        thread=thread,
        parent=f"{thread}/{parent}" if parent else "",
        name=row.get("name"),
        website=row.get("website"),
        ip=row.get("ipaddr"),
        body=_body(row.get("body")),
        format="html",
        when=moment(one_line(row.get("date"))),
        status=STATUSES.get(one_line(row.get("status"))),
        account=one_line(row.get("login_id")),
        likes=row.get("likes"),
        dislikes=row.get("dislikes"),
    ).record()


def _row(text: str) -> Row:
    """The fields of an XML or JSON file; {} if it is none."""
    try:
        if text.lstrip().startswith("{"):
            row = json.loads(text, strict=False)
            return row if isinstance(row, dict) else {}
        start = text.find("<comment")
        found = parse(text[start:], _SHAPE, "comment", 1) if start >= 0 and "<!DOCTYPE" not in text else None
        return dict(found.fields) if found else {}
    except (ValueError, RecursionError, expat.ExpatError, TooDeep):  # the caller reports the file
        return {}


def _body(value: object) -> str:
    """Its lines are HTML that is indented in the file."""
    return _INDENT.sub("", value.strip("\r\n\t")).replace("\n", "<br>\n") if isinstance(value, str) else ""

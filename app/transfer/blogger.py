"""Read a Blogger blog: feed.atom of Google Takeout, or the XML of its older backup.

The Takeout's elements are those of schemas.google.com/blogger/2018; states as in the Blogger API v3 (Comments, Posts).
"""

import re
from collections.abc import Iterator

from app.transfer import xml
from app.transfer.draft import Draft, instant, page
from app.transfer.fields import one_line
from app.transfer.record import (
    CommentRecord,
    HiddenPage,
    Note,
    Reason,
    Record,
    Skip,
    Status,
    Trouble,
    TruncatedFile,
    UnreadableFile,
)
from app.transfer.source import File
from app.transfer.xml_element import Element
from app.transfer.xml_shape import Shape

SHAPE = Shape(
    root="feed",
    sections=(),
    records=("entry",),
    prefixed=frozenset(),
    stops={"entry": ("feed", "entry")},
    known=(
        "entry|id|type|status|parent|inReplyTo|author|name|uri|email|title|content|published|updated|created|link"
        "|category|filename|trashed|control|draft|in-reply-to"
    ),
    bodies=frozenset({"content"}),
    proofs=frozenset({"feed"}),
)
STATUSES: dict[str, Status] = {"LIVE": "approved", "PENDING": "pending", "SPAM": "spam", "EMPTIED": "deleted"}
NO_EMAIL = "noreply@blogger.com"
OWN_ID = "tag:blogger.com,1999:"

_KIND = re.compile(r"#(comment|post|page)\Z")
_ID = re.compile(r"<id>[^<]{0,200}?(\d{1,20})</id>")
_NUMBER = re.compile(r"\d{1,20}\Z")


def read(file: File) -> Iterator[Record]:
    """Posts, pages and comments in the order of the file.

    Raises TruncatedFile after the last record of a truncated file, UnreadableFile for any other file.
    """
    known = foreign = False
    for event in xml.events(file, SHAPE):
        match event:
            case Element():
                known = known or OWN_ID in event.text("id") or bool(_kind(event))
                foreign = not known
                yield from _records(event)
            case xml.BadRecord():
                found = _ID.search(event.head)
                yield Skip(found[1] if found else None, event.reason, event.line)
            case xml.Truncated():
                raise TruncatedFile(line=event.line, position=event.position)
    if foreign:
        raise UnreadableFile(Trouble.WRONG_FORMAT)


def _records(entry: Element) -> Iterator[Record]:
    kind = _kind(entry)
    if kind == "comment":
        yield _comment(entry)
    elif kind in ("post", "page"):
        id = _number(entry.text("id"))
        url = entry.attribute("link[alternate]", "href") or entry.text("filename")
        yield page(id, url, entry.text("title"))
        if not _is_public(entry):
            yield HiddenPage(id)


def _kind(entry: Element) -> str:
    """Settings and templates are entries too."""
    found = _KIND.search(entry.attribute("category[http://schemas.google.com/g/2005#kind]", "term"))
    return found[1] if found else entry.text("type").strip().lower()


def _is_public(entry: Element) -> bool:
    if entry.text("control/draft").strip() == "yes" or entry.text("trashed").strip():
        return False
    return entry.text("status").strip() in ("", "LIVE")


def _number(id: str) -> str:
    """The number at the end of an id such as tag:blogger.com,1999:blog-1.post-2."""
    id = one_line(id)
    found = _NUMBER.search(id)
    return found[0] if found else id


def _comment(entry: Element) -> CommentRecord | Skip:
    if not entry.fields.keys() - {"", "id"}:
        return Skip(_number(entry.text("id")) or None, Reason.EMPTY, entry.line)
    email, profile = entry.text("author/email").strip(), entry.text("author/uri").strip()
    is_account = "blogger.com/profile/" in profile
    return Draft(
        id=_number(entry.text("id")),
        thread=_number(entry.text("parent") or entry.attribute("in-reply-to", "ref")),
        parent=_number(entry.text("inReplyTo") or entry.attribute("link[related]", "href")),
        name=entry.text("author/name"),
        email="" if email == NO_EMAIL else email,
        website=profile,
        body=entry.markup("content"),
        format="html",
        when=instant(entry.text("published")),
        status=_status(entry),
        account=one_line(profile) if is_account else "",
        line=entry.line,
        notes=[Note.REPAIRED] if entry.repaired else [],
    ).record()


def _status(entry: Element) -> Status | None:
    if entry.text("trashed").strip():
        return "deleted"
    return STATUSES.get(entry.text("status").strip() or "LIVE")

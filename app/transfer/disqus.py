"""Read a Disqus export: all pages, then all posts with references (`dsq:id`)."""

import re
from collections.abc import Iterator

from app.transfer import xml
from app.transfer.fields import EPOCH, MAX_BODY, address, is_shortened, made_up_id, moment, one_line, votes
from app.transfer.record import (
    CommentRecord,
    HiddenPage,
    Note,
    Reason,
    Record,
    Skip,
    Status,
    ThreadRecord,
    TruncatedFile,
)
from app.transfer.source import File
from app.transfer.xml_element import Element
from app.transfer.xml_shape import Shape

SHAPE = Shape(
    root="disqus",
    sections=(),
    records=("thread", "post"),
    prefixed=frozenset(),
    # A post contains a thread element, the reference to its page.
    stops={"thread": ("disqus", "thread", "post"), "post": ("disqus", "post")},
    known=(
        "thread|post|id|forum|category|link|title|message|createdAt|author|email|name|username|isAnonymous"
        "|ipAddress|isClosed|isDeleted|isSpam|isApproved|isFlagged|isEdited|isHighlighted|likes|parent|slug"
    ),
    bodies=frozenset({"message"}),
    proofs=frozenset({"disqus"}),
)

_ID = re.compile(r"<post\s[^<>]{0,200}?id\s*=\s*[\"']?([\w-]{1,64})")


def read(file: File) -> Iterator[Record]:
    """Pages and posts in the order of the file.

    Raises TruncatedFile after the last record of a truncated file, UnreadableFile for any other file.
    """
    for event in xml.events(file, SHAPE):
        match event:
            case Element(name="thread"):
                yield (thread := _thread(event))
                # Posts of a deleted discussion are exported as approved.
                if _flag(event, "isDeleted"):
                    yield HiddenPage(thread.source_id)
            case Element():
                yield _comment(event)
            case xml.BadRecord():
                found = _ID.search(event.head)
                yield Skip(found[1] if found else None, event.reason, event.line)
            case xml.Truncated():
                raise TruncatedFile(line=event.line, position=event.position)


def _thread(element: Element) -> ThreadRecord:
    link, title = element.text("link"), element.text("title")
    notes = [Note.SHORTENED] if is_shortened(link, title) else []
    source_id = element.attribute("", "id") or one_line(element.text("id")) or one_line(link)
    if not source_id:
        notes.append(Note.NO_ID)
        source_id = made_up_id(title, element.text("createdAt"))
    return ThreadRecord(
        source_id=one_line(source_id),
        url=one_line(link),
        title=one_line(title),
        open=not (_flag(element, "isClosed") or _flag(element, "isDeleted")),
        notes=tuple(notes),
    )


def _comment(element: Element) -> CommentRecord | Skip:
    body = element.markup("message").strip()
    source_id = one_line(element.attribute("", "id") or element.text("id"))
    thread = one_line(element.attribute("thread", "id"))
    if not element.fields.keys() - {""}:
        return Skip(source_id or None, Reason.EMPTY, element.line)
    if len(body) > MAX_BODY:
        return Skip(source_id or None, Reason.TOO_LARGE, element.line)
    if not thread:
        return Skip(source_id or None, Reason.NO_THREAD, element.line)
    notes = [Note.REPAIRED] if element.repaired else []
    name, email = element.text("author/name"), element.text("author/email")
    if is_shortened(name, email):
        notes.append(Note.SHORTENED)
    if not source_id:
        notes.append(Note.NO_ID)
        source_id = made_up_id(thread, name, email, element.text("createdAt"), body)
    likes = one_line(element.text("likes"))[:18]
    when = moment(element.text("createdAt"))
    if when is None:
        notes.append(Note.NO_DATE)
    return CommentRecord(
        source_id=source_id,
        thread_source_id=thread,
        parent_source_id=one_line(element.attribute("parent", "id")) or None,
        name=one_line(name),
        email=one_line(email),
        website="",
        ip=address(element.text("ipAddress")),
        body=body,
        format="html",
        created_at=when or EPOCH,
        status=_status(element, notes),
        notes=tuple(notes),
        line=element.line,
        helpful=votes(int(likes)) if likes.isascii() and likes.isdigit() else 0,
        account="" if _flag(element, "author/isAnonymous") else one_line(element.text("author/username")),
    )


def _status(element: Element, notes: list[Note]) -> Status:
    flags = {name: _flag(element, name) for name in ("isDeleted", "isSpam", "isApproved")}
    if flags["isDeleted"]:
        return "deleted"
    if flags["isSpam"]:
        return "spam"
    if any(flags[name] is None and one_line(element.text(name)) for name in flags):
        notes.append(Note.UNKNOWN_STATUS)
        return "pending"
    return "pending" if flags["isApproved"] is False else "approved"


def _flag(element: Element, name: str) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(element.text(name).strip().lower())

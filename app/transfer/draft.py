"""Make neutral records from the raw values of an export; each reader names the fields."""

from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from app.transfer.fields import (
    EPOCH,
    MAX_BODY,
    address,
    is_shortened,
    legible,
    made_up_id,
    moment,
    moment_of_milliseconds,
    one_line,
    votes,
)
from app.transfer.json_stream import BadElement
from app.transfer.record import CommentRecord, Format, Note, Reason, Skip, Status, ThreadRecord

ZONED = ("Z", "z", "+", "-")


@dataclass
class Draft:
    """One comment as the export has it. `status` None is unknown; `notes` grow while it is read."""

    id: object
    thread: str
    body: object
    format: Format
    status: Status | None
    when: datetime | None
    parent: object = None
    name: object = ""
    email: object = ""
    website: object = ""
    ip: object = ""
    account: str = ""
    is_staff: bool = False
    likes: object = 0
    dislikes: object = 0
    line: int | None = None
    notes: list[Note] = field(default_factory=list)

    def record(self) -> CommentRecord | Skip:
        source_id = one_line(self.id)
        body = legible(self.body).strip() if isinstance(self.body, str) else ""
        if len(body) > MAX_BODY:
            return Skip(source_id or None, Reason.TOO_LARGE, self.line)
        if not self.thread:
            return Skip(source_id or None, Reason.NO_THREAD, self.line)
        name = one_line(self.name)
        found = (
            (Note.NO_DATE, self.when is None),
            (Note.DOWNVOTED, _votes(self.dislikes) > 0),
            (Note.UNKNOWN_STATUS, self.status is None),
            (Note.NO_ID, not source_id),
            (Note.SHORTENED, is_shortened(self.name, self.email, self.website)),
        )
        return CommentRecord(
            source_id=source_id or made_up_id(self.thread, name, str(self.when), body),
            thread_source_id=self.thread,
            parent_source_id=one_line(self.parent) or None,
            name=name,
            email=one_line(self.email),
            website=one_line(self.website),
            ip=address(self.ip),
            body=body,
            format=self.format,
            created_at=self.when or EPOCH,
            status=self.status or "pending",
            notes=(*self.notes, *(note for note, applies in found if applies)),
            line=self.line,
            account=self.account,
            is_staff=self.is_staff,
            helpful=_votes(self.likes),
        )


def _votes(value: object) -> int:
    """A number, also as text, or the length of a list of voters."""
    if isinstance(value, list):
        return votes(len(value))
    text = one_line(value)[:18]
    return votes(int(text)) if text.isascii() and text.isdecimal() else 0


def page(
    source_id: str, url: object, title: object = "", *, is_open: bool = True, section: object = ""
) -> ThreadRecord:
    notes = (Note.SHORTENED,) if is_shortened(url, title) else ()
    return ThreadRecord(source_id, one_line(url), one_line(title), is_open, notes, one_line(section))


def lost(element: BadElement, key: str = "id") -> Skip:
    """The skip of an unreadable element, with the id at its beginning."""
    _before, found, rest = element.head.partition(f'"{key}"')
    id = rest.lstrip(" :\t\n").removeprefix('"').partition('"')[0] if found else ""
    return Skip(one_line(id.partition(",")[0])[:128] or None, element.reason, element.line)


def instant(value: object) -> datetime | None:
    """A time with a time zone or in UTC; a number is milliseconds since 1970."""
    return moment_of_milliseconds(value) if isinstance(value, int | float) else moment(one_line(value))


def local(value: object, zone: tzinfo, notes: list[Note]) -> datetime | None:
    """The same, but a time without a time zone is in `zone`, with a note."""
    text = value.strip()[:64] if isinstance(value, str) else ""
    if not text or any(sign in text[10:] for sign in ZONED):
        return instant(value)
    notes.append(Note.LOCAL_DATE)
    return moment(text, zone)


def is_true(value: object) -> bool:
    return value is True or one_line(value).lower() in ("true", "t", "1")


def obj(row: Any, key: str) -> dict[str, Any]:
    """The object under `key`, empty for every other type."""
    value = row.get(key) if isinstance(row, dict) else None
    return value if isinstance(value, dict) else {}

"""Neutral records that all import formats are converted to."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

Status = Literal["pending", "approved", "rejected", "spam", "deleted"]
Kind = Literal["comment", "pingback", "trackback"]
Format = Literal["html", "markdown"]


class Reason(StrEnum):
    """Why a record was skipped, as a sentence for the report."""

    TOO_LARGE = "The record is larger than the limit."
    TOO_DEEP = "The record is nested deeper than the limit."
    NOT_CLOSED = "The record is not closed before the next one begins."
    MALFORMED = "The record is not well-formed and could not be repaired."
    CUT_OFF = "The file ends inside this record."
    NO_THREAD = "The comment does not say to which page it belongs."
    NOT_A_COMMENT = "The record is a private note of another program, not a comment."
    EMPTY = "The record is empty."
    UNKNOWN_RECORD = "The record has no shape that this format knows."
    DUPLICATE = "Another comment with this id stood earlier in the file."
    NOT_PUBLIC = "Its page was not public; --only-public leaves it out."
    PINGBACK = "A pingback or trackback; they are taken with --pingbacks only."
    ID_TAKEN = "Its id belongs to something that was written here since."
    DOUBLE = "Something that must be there only once is there already."


class Note(StrEnum):
    """Changes or guesses in an imported record."""

    UNKNOWN_STATUS = "The status is not known; the comment waits for a decision."
    UNKNOWN_TYPE = "The type of comment is not known; taken as an ordinary comment."
    NO_DATE = "The date is missing or unreadable; the first of January 1970 stands in for it."
    LOCAL_DATE = "Only a local date is given; taken in the site's time zone."
    NO_ID = "The record has no id; one was made from its content."
    SHORTENED = "A field was longer than the limit and was shortened."
    REPAIRED = "The record was not well-formed and was repaired."
    FIELD_LOST = "A field of the page was not readable."
    NO_AUTHOR = "The file does not hold the author to whom the comment refers."
    FUTURE_DATE = "The date lies in the future; the time of the import stands in for it."
    LOST_PAGE = "The file does not hold the page of these comments."
    NO_ADDRESS = "The page has no address that can be used; its thread waits for one (flask thread move)."
    NOT_PUBLIC = "The page was not public: its thread is hidden, its approved comments are held for a moderator."
    FOREIGN_HOST = "The page is on none of the site's origins: nobody sees its comments (--map, flask thread remap)."
    MISSING_PARENT = "The comment that was answered is not there; the answer stands by itself."
    PARENT_ELSEWHERE = "The comment that was answered is on another page; the answer stands by itself."
    CIRCLE = "The comment answers itself by way of others; it stands by itself."


class Trouble(StrEnum):
    """Why a file is refused."""

    NOT_READABLE = "The file cannot be opened or read."
    UNKNOWN_FORMAT = "The file is in no format that can be imported."
    WRONG_FORMAT = "The file is not in the format that was named."
    DOCUMENT_TYPE = "The file holds a document type declaration, which no export needs; it is refused."
    BOMB = "The file unpacks to far more than an export would; it is refused."
    DAMAGED = "The file is damaged."
    NEWER = "The archive was written by a newer version of Kaiwa."
    SITE_IN_USE = "The site has comments of its own; an archive comes back into a site that is new."
    TRUNCATED = "The file ends too early."


@dataclass(frozen=True, slots=True)
class ThreadRecord:
    source_id: str
    url: str
    title: str
    open: bool
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class HiddenPage:
    """A page that was not public; may come before or after its comments."""

    source_id: str


@dataclass(frozen=True, slots=True)
class CommentRecord:
    """One comment, not sanitised or checked against others yet.

    `parent_source_id` is None for a root; the parent may come later or never. `body` is HTML or Markdown, by `format`.
    `created_at` is aware, in UTC. `repr` shows only ids, for tracebacks without personal data.
    """

    source_id: str
    thread_source_id: str
    parent_source_id: str | None
    name: str = field(repr=False)
    email: str = field(repr=False)
    website: str = field(repr=False)
    ip: str = field(repr=False)
    body: str = field(repr=False)
    format: Format
    created_at: datetime
    status: Status
    kind: Kind = "comment"
    notes: tuple[Note, ...] = ()
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """A record that was not imported: id if known, reason, line."""

    id: str | None
    reason: Reason
    line: int | None = None


Record = ThreadRecord | HiddenPage | CommentRecord | Skip


class UnreadableFile(ValueError):
    """The file is refused. `line` and `position` (bytes, unpacked) if known."""

    def __init__(self, trouble: Trouble, *, line: int | None = None, position: int | None = None) -> None:
        super().__init__(str(trouble) + (f" (line {line})" if line is not None else ""))
        self.trouble, self.line, self.position = trouble, line, position


class TruncatedFile(UnreadableFile):
    """The file ends too early; earlier records were yielded."""

    def __init__(self, *, line: int | None = None, position: int | None = None) -> None:
        super().__init__(Trouble.TRUNCATED, line=line, position=position)

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
    NO_THREAD = "The comment does not name its page."
    NOT_A_COMMENT = "The record is a private note of another program or belongs to no page."
    EMPTY = "The record is empty."
    UNKNOWN_RECORD = "The record is of an unknown type."
    INCOMPLETE = "The file does not have all replies to it."
    DUPLICATE = "An earlier comment in the file has the same id."
    NOT_PUBLIC = "Its page was not public (--only-public)."
    PINGBACK = "A pingback or trackback; import them with --pingbacks."
    ID_TAKEN = "Its id is already used on this site."
    DOUBLE = "A record that must be unique already exists."


class Note(StrEnum):
    """Changes or guesses in an imported record."""

    UNKNOWN_STATUS = "The status is unknown; imported as pending."
    UNKNOWN_TYPE = "The comment type is unknown; imported as an ordinary comment."
    NO_DATE = "The date is missing or invalid; replaced by January 1, 1970."
    LOCAL_DATE = "The date has no time zone; read in the site's time zone."
    NO_ID = "The record has no id; generated from its content."
    SHORTENED = "A field was longer than the limit and was truncated."
    REPAIRED = "The record was not well-formed and was repaired."
    FIELD_LOST = "A field of the page was unreadable."
    NO_AUTHOR = "The comment's author is missing in the file."
    DOWNVOTED = "Votes against the comment are not imported."
    SUBSCRIBED = "The author had subscribed to replies; subscriptions are not imported."
    MEDIA = "An image, video or embedded page became a link to it."
    FUTURE_DATE = "The date is in the future; replaced by the time of the import."
    LOST_PAGE = "The comment's page is missing in the file."
    NO_ADDRESS = "The page has no usable URL; set one with flask thread move."
    NOT_PUBLIC = "The page was not public; its thread is hidden and approved comments are held for review."
    FOREIGN_HOST = "The page is on none of the site's origins, so it is not shown (--map, flask thread remap)."
    MISSING_PARENT = "The parent comment is missing; imported as a top-level comment."
    PARENT_ELSEWHERE = "The parent comment is on another page; imported as a top-level comment."
    CIRCLE = "The replies form a circle; imported as a top-level comment."


class Trouble(StrEnum):
    """Why a file is refused."""

    NOT_READABLE = "The file could not be read."
    UNKNOWN_FORMAT = "Unknown file format."
    WRONG_FORMAT = "The file does not have the given format."
    DOCUMENT_TYPE = "The file has a document type declaration, which is not allowed."
    BOMB = "The compressed file is suspiciously large when unpacked."
    DAMAGED = "The file is damaged."
    TOO_MANY = "There are too many files. Unpack an archive and import its folder; import a larger folder in parts."
    NEWER = "The archive was written by a newer version of Kaiwa."
    SITE_IN_USE = "The site already has comments. Restore the archive into a new site."
    TRUNCATED = "The file is truncated."


@dataclass(frozen=True, slots=True)
class ThreadRecord:
    source_id: str
    url: str
    title: str
    open: bool
    notes: tuple[Note, ...] = ()
    # Name or key of its section in the source; sections that the site does not have are ignored.
    section: str = ""


@dataclass(frozen=True, slots=True)
class HiddenPage:
    """A page that was not public; may come before or after its comments."""

    source_id: str


@dataclass(frozen=True, slots=True)
class CommentRecord:
    """One comment, not sanitised or checked against others yet.

    `parent_source_id` is None for a root; the parent may come later or never. `body` is HTML or Markdown, by `format`.
    `created_at` is aware, in UTC. `account` is the author's id in the source program, '' for a guest; `helpful` the
    number of votes for it. `repr` shows only ids, for tracebacks without personal data.
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
    account: str = field(default="", repr=False)
    is_staff: bool = False
    helpful: int = 0


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

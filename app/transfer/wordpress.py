"""Read a WordPress export (WXR 1.0 to 1.2) and variants of other tools."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, tzinfo

from app.transfer import xml
from app.transfer.autop import paragraphs
from app.transfer.fields import EPOCH, MAX_BODY, address, is_shortened, made_up_id, moment, one_line
from app.transfer.record import (
    CommentRecord,
    HiddenPage,
    Kind,
    Note,
    Reason,
    Record,
    Skip,
    Status,
    ThreadRecord,
    Trouble,
    TruncatedFile,
    UnreadableFile,
)
from app.transfer.source import File, Source
from app.transfer.xml_element import Element
from app.transfer.xml_shape import Shape

# Limits for comments that come before their page.
MAX_WAITING = 1_000
MAX_WAITING_SIZE = 1 << 23  # characters
MAX_STAFF = 10_000  # accounts; the export lists those that may write articles

_FIELDS = ("title", "link", "post_id", "comment_status", "status", "post_password")
# Public states of an item ("inherit" for attachments; other tools may omit it). All others are not public: private,
# draft, pending, future, trash, those of plugins.
PUBLIC_STATES = frozenset({"", "publish", "inherit"})
# Categories and tags of an article; the first category is its section.
_CATEGORY = "category"
_STOPS = ("rss", "item", "comment", *_FIELDS, _CATEGORY)
# Elements that feeds and other XML do not have.
_OWN = frozenset({"wxr_version", "base_site_url", "post_id", "comment_status"})
SHAPE = Shape(
    root="rss",
    sections=("item",),
    records=("comment", "author", "wxr_version", "base_site_url", *_FIELDS, _CATEGORY),
    prefixed=frozenset({"comment", "author", "wxr_version", "base_site_url", *_FIELDS} - {"title", "link"}),
    stops=dict.fromkeys(("comment", "author", "wxr_version", "base_site_url", *_FIELDS, _CATEGORY), _STOPS),
    known=r"comment\w*|author_\w*|meta_key|meta_value|title|link|post_id|status|post_password",
    bodies=frozenset({"comment_content"}),
    proofs=frozenset({"rss", "item", "comment"}),
)

# wp_comments.comment_approved, wp_set_comment_status, and words of other tools.
STATUSES: dict[str, Status] = {
    "1": "approved",
    "approved": "approved",
    "approve": "approved",
    "publish": "approved",
    "0": "pending",
    "hold": "pending",
    "pending": "pending",
    "unapproved": "pending",
    "moderated": "pending",
    "spam": "spam",
    "trash": "rejected",
    "post-trashed": "rejected",
    "rejected": "rejected",
    "deleted": "deleted",
}
KINDS: dict[str, Kind] = {
    "": "comment",
    "comment": "comment",
    "review": "comment",
    "pingback": "pingback",
    "trackback": "trackback",
}
# Private notes that shops and schedulers store as comments; never to be published.
PRIVATE_TYPES = frozenset({"order_note", "action_log", "edd_payment_note", "note", "wc_admin_note"})

_ID = re.compile(r"comment_id>\s{0,64}(?:<!\[CDATA\[)?\s{0,64}([0-9]{1,20})")


def read(file: File) -> Iterator[Record]:
    """Each page followed by its comments.

    Raises TruncatedFile after the last record of a truncated file, UnreadableFile for any other file.
    """
    source = Source.of(file)
    page: _Page | None = None
    staff: set[str] = set()
    known = False
    for event in xml.events(source, SHAPE):
        known = known or _is_own(event)
        match event:
            case Element(name="comment"):
                yield from _comment_of(page, event, source.zone, staff)
            case Element(name="author"):
                if len(staff) < MAX_STAFF:
                    staff.add(one_line(event.text("author_id")))
            case Element() if page:
                page.learn(event)
            case xml.BadRecord(name="comment"):
                yield Skip(_id_in(event.head), event.reason, event.line)
            case xml.BadRecord() if page:
                page.lost_a_field()
            case xml.SectionStart() | xml.SectionEnd() | xml.Truncated():
                if page:
                    yield from page.end()
                page = _Page() if isinstance(event, xml.SectionStart) else None
                if isinstance(event, xml.Truncated):
                    raise TruncatedFile(line=event.line, position=event.position)
    if page:
        yield from page.end()
    if not known:
        raise UnreadableFile(Trouble.WRONG_FORMAT)


def _is_own(event: xml.Event) -> bool:
    """True for an element of WXR, not of an RSS feed or of another program's XML."""
    match event:
        case Element(name="comment" | "author"):
            return any(name.startswith(f"{event.name}_") for name in event.fields)
        case xml.BadRecord(name="comment"):
            return "comment_" in event.head
        case Element() | xml.BadRecord():
            return event.name in _OWN
    return False


def _comment_of(page: "_Page | None", element: Element, zone: tzinfo, staff: set[str]) -> Iterator[Record]:
    found = _comment(element, zone, staff)
    if isinstance(found, Skip):
        yield found
    elif page is None:
        yield Skip(found.source_id, Reason.NO_THREAD, found.line)
    else:
        yield from page.take(found)


def _id_in(head: str) -> str | None:
    match = _ID.search(head)
    return match[1] if match else None


class _Page:
    def __init__(self) -> None:
        self._fields: dict[str, str] = {}
        self._notes: list[Note] = []
        self._waiting: list[CommentRecord] = []
        self._waiting_size = 0
        self._id: str | None = None

    def learn(self, element: Element) -> None:
        if element.name == _CATEGORY:
            if element.attribute("", "domain") == _CATEGORY:
                self._fields.setdefault(_CATEGORY, one_line(element.attribute("", "nicename") or element.text("")))
            return
        text = element.text("")
        if is_shortened(text):
            self._notes.append(Note.SHORTENED)
        self._fields.setdefault(element.name, one_line(text))

    def lost_a_field(self) -> None:
        self._notes.append(Note.FIELD_LOST)

    def take(self, comment: CommentRecord) -> Iterator[Record]:
        if self._id is not None:
            yield replace(comment, thread_source_id=self._id)
            return
        self._waiting.append(comment)
        self._waiting_size += len(comment.body)
        crowded = len(self._waiting) > MAX_WAITING or self._waiting_size > MAX_WAITING_SIZE
        if crowded or {"post_id", "link"} <= self._fields.keys():
            yield from self.close()

    def end(self) -> Iterator[Record]:
        """Yield the rest, and whether the page was hidden: its state may follow its comments."""
        yield from self.close()
        if self._id is not None and not self._is_public():
            yield HiddenPage(self._id)

    def _is_public(self) -> bool:
        state = self._fields.get("status", "").lower()
        return state in PUBLIC_STATES and not self._fields.get("post_password")

    def close(self) -> Iterator[Record]:
        if self._id is not None:
            return
        self._id = self._named()
        yield self._thread(self._id)
        for comment in self._waiting:
            yield replace(comment, thread_source_id=self._id)
        self._waiting = []

    def _named(self) -> str:
        known = self._fields.get("post_id") or self._fields.get("link")
        if known:
            return known
        self._notes.append(Note.NO_ID)
        return made_up_id(self._fields.get("title", ""), *(comment.source_id for comment in self._waiting[:9]))

    def _thread(self, source_id: str) -> ThreadRecord:
        return ThreadRecord(
            source_id=source_id,
            url=self._fields.get("link", ""),
            title=self._fields.get("title", ""),
            open=self._fields.get("comment_status", "") != "closed",
            notes=tuple(dict.fromkeys(self._notes)),
            section=self._fields.get(_CATEGORY, ""),
        )


def _comment(element: Element, zone: tzinfo, staff: set[str]) -> CommentRecord | Skip:
    kind_word = one_line(element.text("comment_type")).lower()
    body = element.markup("comment_content").strip()
    source_id = one_line(element.text("comment_id"))
    if not element.fields.keys() - {""}:
        return Skip(None, Reason.EMPTY, element.line)
    if kind_word in PRIVATE_TYPES:
        return Skip(source_id or None, Reason.NOT_A_COMMENT, element.line)
    if len(body) > MAX_BODY:
        return Skip(source_id or None, Reason.TOO_LARGE, element.line)
    notes = [Note.REPAIRED] if element.repaired else []
    status_word = one_line(element.text("comment_approved")).lower()
    if status_word not in STATUSES:
        notes.append(Note.UNKNOWN_STATUS)
    if kind_word not in KINDS:
        notes.append(Note.UNKNOWN_TYPE)
    account = _account(element)
    person = [element.text(f"comment_author{part}") for part in ("", "_email", "_url")]
    if is_shortened(*person):
        notes.append(Note.SHORTENED)
    if not source_id:
        notes.append(Note.NO_ID)
        source_id = made_up_id(*person, element.text("comment_date"), element.text("comment_date_gmt"), body)
    return CommentRecord(
        source_id=source_id,
        thread_source_id="",
        parent_source_id=_parent(element),
        name=one_line(person[0]),
        email=one_line(person[1]),
        website=one_line(person[2]),
        ip=address(element.text("comment_author_IP")),
        body=paragraphs(body),
        format="html",
        created_at=_when(element, notes, zone),
        status=STATUSES.get(status_word, "pending"),
        kind=KINDS.get(kind_word, "comment"),
        notes=tuple(notes),
        line=element.line,
        account=account,
        is_staff=bool(account) and account in staff,
    )


def _account(element: Element) -> str:
    account = one_line(element.text("comment_user_id"))
    return "" if account == "0" else account


def _parent(element: Element) -> str | None:
    parent = one_line(element.text("comment_parent"))
    return None if parent in ("", "0") else parent


def _when(element: Element, notes: list[Note], zone: tzinfo) -> datetime:
    if when := moment(element.text("comment_date_gmt")):
        return when
    local = moment(element.text("comment_date"), zone)
    notes.append(Note.LOCAL_DATE if local else Note.NO_DATE)
    return local or EPOCH

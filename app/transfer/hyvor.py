"""Read Hyvor Talk: answers of its Console API (or Data API) with comments, one after the other (docs/moving.md).

Fields: talk.hyvor.com/docs/api-console and api-data (Comment, Page, LoggedInUser, GuestUser), and the classes of
github.com/hyvor/sdk. Its own export file is not documented.
"""

from collections.abc import Iterator
from typing import Any

from app.transfer import json_rows
from app.transfer.draft import Draft, obj, page
from app.transfer.fields import moment_of_epoch, one_line
from app.transfer.record import CommentRecord, Record, Skip, Status, ThreadRecord
from app.transfer.source import File, Source

KEYS = frozenset({"id", "body_html", "user", "page"})
STATUSES: dict[str, Status] = {
    "published": "approved",
    "pending": "pending",
    "spam": "spam",
    "deleted": "rejected",  # by a moderator; what authors delete is gone
}
STAFF = ("owner", "admin", "mod")
UNSEEN = ("shadowed", "banned")  # states of users whose comments others do not see

Row = dict[str, Any]


def read(file: File) -> Iterator[Record]:
    """Each page before its first comment.

    Raises TruncatedFile after the last record of a truncated file, UnreadableFile for any other file.
    """
    yield from json_rows.records(Source.of(file), KEYS, _comment, _page)


def _comment(row: Row, line: int) -> CommentRecord | Skip:
    user = obj(row, "user")
    return Draft(
        id=row.get("id"),
        thread=_page_id(row),
        parent=_parent(row),
        name=user.get("name"),
        email=user.get("email"),
        website=user.get("website_url"),
        ip=row.get("ip_address"),
        body=row.get("body_html"),
        format="html",
        when=moment_of_epoch(row.get("created_at")),
        status=_status(row, user),
        account=one_line(user.get("htid")),
        is_staff=one_line(user.get("role")) in STAFF,
        likes=row.get("upvotes"),
        dislikes=row.get("downvotes"),
        line=line,
    ).record()


def _page_id(row: Row) -> str:
    return one_line(obj(row, "page").get("id"))


def _parent(row: Row) -> object:
    """The Data API lists all ancestors; the parent is the newest of them."""
    ancestors = row.get("parent_ids")
    known = [each for each in ancestors if isinstance(each, int)] if isinstance(ancestors, list) else []
    return obj(row, "parent").get("id") or max(known, default=None)


def _status(row: Row, user: Row) -> Status | None:
    """The Data API answers published comments only, without a status."""
    status = STATUSES.get(one_line(row.get("status", "published")))
    return "pending" if status == "approved" and one_line(user.get("state")) in UNSEEN else status


def _page(row: Row) -> ThreadRecord:
    found = obj(row, "page")
    identifier = one_line(found.get("identifier"))
    address = one_line(found.get("url")) or (identifier if identifier.startswith(("/", "http")) else "")
    return page(_page_id(row), address, found.get("title"), is_open=found.get("is_closed") is not True)

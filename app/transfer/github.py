"""Read giscus and utterances: GitHub's Discussions or Issues by `gh api` (docs/moving.md has the commands).

Fields: docs.github.com/graphql (Discussion, DiscussionComment) and docs.github.com/rest/issues (issues, comments). Both
programs write the page's address into the first post.
"""

import re
from collections.abc import Iterator
from typing import Any

from app.transfer import json_stream
from app.transfer.draft import Draft, instant, lost, obj, page
from app.transfer.fields import MAX_BODY, one_line
from app.transfer.json_stream import BadElement
from app.transfer.record import CommentRecord, Note, Reason, Record, Skip, Status, ThreadRecord, Trouble, UnreadableFile
from app.transfer.source import File, Source

INSIDE = frozenset({"data", "repository", "discussions"})
STAFF = ("OWNER", "MEMBER", "COLLABORATOR")
GHOST = "ghost"  # all accounts that were deleted
SHOWN = ("outdated", "resolved")  # reasons to fold a comment that say nothing against it

_URL = re.compile(r"https?://[^\s<>()\[\]\"']{1,2000}")
_ISSUE = re.compile(r"/issues/(\d{1,18})\Z")

Row = dict[str, Any]


def read(file: File) -> Iterator[Record]:
    """Each page and its comments, in the order of the file; issues and their comments may be in any order.

    Raises TruncatedFile after the last record of a truncated file, UnreadableFile for any other file.
    """
    known = False
    pulls: set[str] = set()
    for element in json_stream.elements(Source.of(file), inside=INSIDE):
        if element.key not in ("", "nodes"):
            continue
        if isinstance(element, BadElement):
            yield lost(element)
            continue
        kind = _kind(element.value)
        if not kind and not known:
            raise UnreadableFile(Trouble.WRONG_FORMAT)
        known = True
        yield from _records(kind, element, pulls)
    if not known:
        raise UnreadableFile(Trouble.WRONG_FORMAT)


def _records(kind: str, element: json_stream.Element, pulls: set[str]) -> Iterator[Record]:
    row, line = element.value, element.line
    if not isinstance(row, dict) or not kind:
        yield Skip(None, Reason.UNKNOWN_RECORD, line)
    elif kind == "issue":
        yield _page(row)
    elif kind == "issue comment":
        found = _ISSUE.search(one_line(row.get("issue_url")))
        issue = found[1] if found else ""
        is_pull = issue in pulls
        yield Skip(one_line(row.get("id")), Reason.NOT_A_COMMENT, line) if is_pull else _comment(row, issue, "", line)
    elif kind == "pull request":
        pulls.add(one_line(row.get("number")))
    elif kind == "discussion":
        thread = _page(row)
        yield thread
        yield from _discussion(row, thread.source_id, line)


def _kind(row: object) -> str:
    if not isinstance(row, dict):
        return ""
    if {"number", "title", "comments"} <= row.keys():
        if row.get("pull_request"):
            return "pull request"
        return "discussion" if isinstance(row["comments"], dict) else "issue"
    return "issue comment" if {"issue_url", "body"} <= row.keys() else ""


def _page(row: Row) -> ThreadRecord:
    """giscus and utterances name the post after the page's path, address or title."""
    body, title = row.get("body"), one_line(row.get("title"))
    links = _URL.findall(body[:MAX_BODY]) if isinstance(body, str) else []
    path = title if title.startswith("/") else f"/{title}"
    url = title if title.startswith("http") else links[-1] if links else path if " " not in title else ""
    return page(one_line(row.get("number")), url, title, is_open=row.get("locked") is not True)


def _discussion(row: Row, thread: str, line: int) -> Iterator[CommentRecord | Skip]:
    for comment in _nodes(row, "comments"):
        found = _comment(comment, thread, "", line)
        yield found
        parent = found.source_id if isinstance(found, CommentRecord) else ""
        for reply in _nodes(comment, "replies"):
            yield _comment(reply, thread, parent, line)
        yield from _missing(comment, "replies", line)
    yield from _missing(row, "comments", line)


def _nodes(row: Row, key: str) -> list[Row]:
    nodes = obj(row, key).get("nodes")
    return [each for each in nodes if isinstance(each, dict)] if isinstance(nodes, list) else []


def _missing(row: Row, key: str, line: int) -> Iterator[Skip]:
    """GitHub answers at most 100 of a list, and says so."""
    if obj(obj(row, key), "pageInfo").get("hasNextPage") is True:
        yield Skip(one_line(row.get("number") or row.get("databaseId")) or None, Reason.INCOMPLETE, line)


def _comment(row: Row, thread: str, parent: str, line: int) -> CommentRecord | Skip:
    login = one_line(obj(row, "author").get("login") or obj(row, "user").get("login"))
    association = one_line(row.get("authorAssociation") or row.get("author_association"))
    return Draft(
        id=row.get("databaseId") or row.get("id"),
        thread=thread,
        parent=parent,
        name=login,
        website=f"https://github.com/{login}" if login else "",
        body=row.get("body"),
        format="markdown",
        when=instant(row.get("createdAt") or row.get("created_at")),
        status=_status(row),
        account="" if login == GHOST else login,
        is_staff=association in STAFF,
        line=line,
        notes=[] if login else [Note.NO_AUTHOR],
    ).record()


def _status(row: Row) -> Status:
    if row.get("deletedAt"):
        return "deleted"
    reason = one_line(row.get("minimizedReason")).lower()
    if row.get("isMinimized") is not True or reason in SHOWN:
        return "approved"
    return "spam" if reason == "spam" else "rejected"

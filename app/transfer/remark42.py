"""Read a Remark42 backup: a header line about the site, then one JSON object a line; usually gzipped."""

import json
import re
from collections.abc import Iterator
from typing import Any

from app.transfer.fields import EPOCH, MAX_BODY, address, is_shortened, legible, made_up_id, moment, one_line, votes
from app.transfer.record import (
    CommentRecord,
    Note,
    Reason,
    Record,
    Skip,
    ThreadRecord,
    Trouble,
    TruncatedFile,
    UnreadableFile,
)
from app.transfer.source import File, Source
from app.transfer.stream_window import StreamWindow

GUEST = "anonymous_"  # begins the id of a user without an account, a hash of the typed name
MAX_LINE = 1 << 22  # characters of one comment
MAX_META = 1 << 25  # characters of the header line, which lists closed pages and blocked users

_NEWLINE = re.compile(r"\n")
_ID = re.compile(r'"id"\s{0,9}:\s{0,9}"([^"\\]{1,128})"')


def read(file: File) -> Iterator[Record]:
    """Yield each page before its first comment, in the order of the file.

    Raises TruncatedFile after the last record of a truncated file, UnreadableFile for any other file.
    """
    source = Source.of(file)
    stream = StreamWindow(source.text())
    closed = _first_header(stream)
    seen: set[str] = set()
    while line := _line(stream, MAX_LINE):
        text, whole, number, ended = line
        if not ended and (source.damaged or not _is_json(text)):
            yield Skip(_id_in(text), Reason.CUT_OFF, number)
            raise TruncatedFile(line=number, position=source.position)
        found = _parse_line(text, number) if whole else Skip(_id_in(text), Reason.TOO_LARGE, number)
        if isinstance(found, frozenset):
            closed |= found
        elif isinstance(found, tuple):
            comment, title = found
            if comment.thread_source_id not in seen:
                seen.add(comment.thread_source_id)
                yield _thread(comment.thread_source_id, title, closed)
            yield comment
        elif found:
            yield found
    if source.damaged:
        raise TruncatedFile(line=stream.line(), position=source.position)


def _line(stream: StreamWindow, limit: int) -> tuple[str, bool, int, bool] | None:
    """The next line: text, whether it is within the limit, number, whether a newline ends it."""
    number = stream.line()
    stream.capture(limit)
    ended = stream.skip_past(_NEWLINE)
    text, whole = stream.captured()
    return (text, whole, number, ended) if text or ended else None


def _first_header(stream: StreamWindow) -> frozenset[str]:
    """Read-only pages of the header. Raises UnreadableFile for other files."""
    line = _line(stream, MAX_META)
    while line and not line[0].strip():
        line = _line(stream, MAX_META)
    meta = _loaded(line[0]) if line and line[1] else None
    if not isinstance(meta, dict) or not _is_header(meta):
        raise UnreadableFile(Trouble.WRONG_FORMAT)
    return _closed_pages(meta)


def _is_header(row: dict[str, Any]) -> bool:
    return {"users", "posts"} <= row.keys()


def _closed_pages(meta: dict[str, Any]) -> frozenset[str]:
    posts = meta["posts"] if isinstance(meta["posts"], list) else []
    rows = (post for post in posts if isinstance(post, dict) and post.get("read_only") is True)
    return frozenset(one_line(row.get("url")) for row in rows)


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):  # the caller reports the line
        return None


def _is_json(text: str) -> bool:
    return not text.strip() or _loaded(text) is not None


def _id_in(text: str) -> str | None:
    found = _ID.search(text, 0, 4_000)
    return found[1] if found else None


def _parse_line(text: str, line: int) -> tuple[CommentRecord, str] | frozenset[str] | Skip | None:
    """A comment with its page's title, or the read-only pages of another backup that follows in the file."""
    if not text.strip():
        return None
    row = _loaded(text)
    if row is None:
        return Skip(_id_in(text), Reason.MALFORMED, line)
    if isinstance(row, dict) and _is_header(row):
        return _closed_pages(row)
    if not isinstance(row, dict) or not {"locator", "text"} & row.keys():
        return Skip(_id_in(text), Reason.UNKNOWN_RECORD, line)
    comment = _comment(row, line)
    return comment if isinstance(comment, Skip) else (comment, one_line(row.get("title")))


def _comment(row: dict[str, Any], line: int) -> CommentRecord | Skip:
    source_id = one_line(row.get("id"))
    user, locator = _object(row, "user"), _object(row, "locator")
    thread = one_line(locator.get("url"))
    text = row.get("text")
    body = legible(text).strip() if isinstance(text, str) else ""
    if len(body) > MAX_BODY:
        return Skip(source_id or None, Reason.TOO_LARGE, line)
    if not thread:
        return Skip(source_id or None, Reason.NO_THREAD, line)
    when = moment(one_line(row.get("time")))
    account = one_line(user.get("id"))
    cast = _object(row, "votes")
    found = (
        (Note.NO_DATE, when is None),
        (Note.DOWNVOTED, any(each is False for each in cast.values())),
        (Note.NO_ID, not source_id),
        (Note.SHORTENED, is_shortened(user.get("name"), locator.get("url"))),
    )
    return CommentRecord(
        source_id=source_id or made_up_id(thread, one_line(user.get("name")), str(row.get("time")), body),
        thread_source_id=thread,
        parent_source_id=one_line(row.get("pid")) or None,
        name=one_line(user.get("name")),
        email="",  # backups have none
        website="",
        ip=address(user.get("ip")),  # usually a hash, which becomes ''
        body=body,
        format="html",
        created_at=when or EPOCH,
        status="deleted" if row.get("delete") is True else "approved",  # Remark42 publishes at once
        notes=tuple(note for note, applies in found if applies),
        line=line,
        account="" if account.startswith(GUEST) else account,
        is_staff=user.get("admin") is True,
        helpful=sum(each is True for each in cast.values()) or votes(row.get("score")),
    )


def _object(row: dict[str, Any], key: str) -> dict[str, Any]:
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def _thread(url: str, title: str, closed: frozenset[str]) -> ThreadRecord:
    return ThreadRecord(source_id=url, url=url, title=title, open=url not in closed)

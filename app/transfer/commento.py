"""Read Commento's JSON export, version 1 (Commento++ and early versions of Comentario write the same)."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from app.transfer import json_stream
from app.transfer.fields import EPOCH, MAX_BODY, is_shortened, legible, made_up_id, moment, one_line, votes
from app.transfer.record import (
    CommentRecord,
    Format,
    Note,
    Reason,
    Record,
    Skip,
    Status,
    ThreadRecord,
    Trouble,
    UnreadableFile,
)
from app.transfer.source import File, Source

VERSION = 1
STATUSES: dict[str, Status] = {"approved": "approved", "unapproved": "pending", "flagged": "pending"}
# commenterHex of commenters without an account; zeros in Comentario.
ANONYMOUS = ("anonymous", "0" * 64)

_ID = re.compile(r'"commentHex"\s{0,9}:\s{0,9}"([\w-]{1,128})"')


class Person(NamedTuple):
    name: str
    email: str
    website: str
    is_staff: bool


People = dict[str, Person]  # by commenterHex
NO_PERSON = Person("", "", "", is_staff=False)


def read(file: File) -> Iterator[Record]:
    """Yield each page before its first comment, in the order of the file.

    Commenters follow the comments, so the file is read twice. Raises TruncatedFile after the last record of a truncated
    file, UnreadableFile for any other file.
    """
    source = Source.of(file)
    source.passes = 2
    people = _people(source)
    seen: set[str] = set()
    for element in json_stream.elements(source):
        if element.key != "comments" or json_stream.is_null(element):
            continue
        found = _taken(element, people)
        if isinstance(found, CommentRecord) and found.thread_source_id not in seen:
            seen.add(found.thread_source_id)
            yield _thread(found.thread_source_id)
        yield found


def _people(source: Source) -> People:
    people: People = {}
    is_export = False
    try:
        for element in json_stream.elements(source):
            is_export = is_export or element.key in ("comments", "commenters")
            if _is_of_another_program(element):
                raise UnreadableFile(Trouble.WRONG_FORMAT)
            if isinstance(element, json_stream.BadElement):
                continue  # their comments get Note.NO_AUTHOR
            if element.key == "version" and element.value != VERSION:
                raise UnreadableFile(Trouble.WRONG_FORMAT)
            if element.key == "commenters" and isinstance(element.value, dict):
                hexa, name, email, link, website = (
                    _word(element.value, key) for key in ("commenterHex", "name", "email", "link", "websiteUrl")
                )
                people[hexa] = Person(name, email, link or website, element.value.get("isModerator") is True)
    except UnreadableFile as error:
        # The second pass reaches the truncation again, after all records.
        if not is_export or error.trouble is not Trouble.TRUNCATED:
            raise
    if not is_export:
        raise UnreadableFile(Trouble.WRONG_FORMAT)
    return people


def _is_of_another_program(element: json_stream.Element | json_stream.BadElement) -> bool:
    """Remark42's tree and others have a list of comments too."""
    row = element.value if isinstance(element, json_stream.Element) and element.key == "comments" else None
    return isinstance(row, dict) and not {"commentHex", "commenterHex", "parentHex"} & row.keys()


def _taken(element: json_stream.Element | json_stream.BadElement, people: People) -> CommentRecord | Skip:
    if isinstance(element, json_stream.BadElement):
        found = _ID.search(element.head)
        return Skip(found[1] if found else None, element.reason, element.line)
    if not isinstance(element.value, dict):
        return Skip(None, Reason.UNKNOWN_RECORD, element.line)
    return _comment(element.value, people, element.line)


def _comment(row: dict[str, Any], people: People, line: int) -> CommentRecord | Skip:
    source_id = _word(row, "commentHex")
    body, form = _body(row)
    thread = _word(row, "domain") + _path(_word(row, "url") or _word(row, "path"))
    if len(body) > MAX_BODY:
        return Skip(source_id or None, Reason.TOO_LARGE, line)
    if not thread:
        return Skip(source_id or None, Reason.NO_THREAD, line)
    notes = [Note.SHORTENED] if is_shortened(row.get("url"), row.get("domain")) else []
    hexa = _word(row, "commenterHex")
    name, email, website, is_staff = _person(hexa, people, notes)
    if not source_id:
        notes.append(Note.NO_ID)
        source_id = made_up_id(thread, name, _word(row, "creationDate"), body)
    when = moment(_word(row, "creationDate"))
    if when is None:
        notes.append(Note.NO_DATE)
    parent = _word(row, "parentHex")
    return CommentRecord(
        source_id=source_id,
        thread_source_id=thread,
        parent_source_id=None if parent in ("", "root") else parent,
        name=name,
        email=email,
        website=website,
        ip="",
        body=body,
        format=form,
        created_at=when or EPOCH,
        status=_status(row, notes),
        notes=tuple(notes),
        line=line,
        account="" if hexa in ANONYMOUS else hexa,
        is_staff=is_staff,
        helpful=votes(row.get("score")),
    )


def _body(row: dict[str, Any]) -> tuple[str, Format]:
    markdown, html = row.get("markdown"), row.get("html")
    if isinstance(markdown, str) and markdown.strip():
        return legible(markdown).strip(), "markdown"
    return (legible(html).strip() if isinstance(html, str) else ""), "html"


def _person(hexa: str, people: People, notes: list[Note]) -> Person:
    if hexa in people:
        return people[hexa]
    if hexa not in ("", *ANONYMOUS):
        notes.append(Note.NO_AUTHOR)
    return NO_PERSON


def _status(row: dict[str, Any], notes: list[Note]) -> Status:
    if row.get("deleted") is True:
        return "deleted"
    word = _word(row, "state")
    if word not in STATUSES:
        notes.append(Note.UNKNOWN_STATUS)
    return STATUSES.get(word, "pending")


def _word(row: dict[str, Any], key: str) -> str:
    word = one_line(row.get(key))
    return "" if word == "undefined" else word  # its JavaScript writes this for a missing value


def _path(path: str) -> str:
    return path if not path or path.startswith("/") else f"/{path}"


def _thread(source_id: str) -> ThreadRecord:
    url = source_id if "://" in source_id else f"https://{source_id}"
    return ThreadRecord(source_id=source_id, url=url, title="", open=True)

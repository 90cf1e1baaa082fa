"""Bring the archive of a site back: settings, threads, people, comments, decisions, rules and reports, as they were.

The file is a stranger's: each value must fit its column, each id lie in the range that the archive names, each
text goes through the sanitiser again, and whoever is named as a moderator gets no door by it.
"""

import json
import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.lib import markup
from app.lib.language import LANGUAGES
from app.lib.text import clean_line
from app.lib.urls import origin_of
from app.models import Author, Comment, Moderator, Rule, Silence, Site, Status, Subject, Thread
from app.moderation import rules
from app.transfer.archive import (
    BATCH,
    FORMAT,
    KEPT,
    MODERATOR_COLUMNS,
    SITE_COLUMNS,
    VERSION,
    Kept,
    Row,
    numbered,
    reference,
)
from app.transfer.fit import Misfit, fit, standing_in
from app.transfer.record import Reason, Skip, Trouble, TruncatedFile, UnreadableFile
from app.transfer.source import Source
from app.transfer.tape import Tape

MAX_LINE = 1 << 25  # characters
MOST = 1_000_000  # of anything that a site sets: days, minutes, comments
GROWING = ("version", "rules_version")
HIGHEST = 1 << 44  # of an id: nine steps of base 32 hold a little more
MAX_MODERATORS = 10_000
NO_PASSWORD = "!"  # noqa: S105 - no hash looks like it, so no password fits
# In `archive_shift` until the last line is in; the site takes no comments so long.
UNFINISHED = "unfinished"

_NEWLINE = re.compile("\n")
_ID = re.compile(r'"id"\s{0,9}:\s{0,9}([0-9]{1,18})')
BY_NAME = {kept.name: kept for kept in KEPT}


@dataclass
class Tally:
    """What became of the comments of an archive, in the words of `flask import --json`, and of its other rows."""

    expected: int = 0
    # Lines of which nobody can say what they are.
    strays: int = 0
    roots: int = 0
    max_depth: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    imported: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    skips: list[Skip] = field(default_factory=list)

    def stray(self, id: str | None, reason: Reason, line: int) -> None:
        self.strays += 1
        self.skips.append(Skip(id, reason, line))

    def as_json(self) -> dict[str, Any]:
        comments = self.imported["comment"] + self.unchanged["comment"]
        return {
            "format": FORMAT,
            "threads": self.imported["thread"] + self.unchanged["thread"],
            "read": self.read["comment"],
            "imported": self.imported["comment"],
            "unchanged": self.unchanged["comment"],
            "skipped": len(self.skips),
            "roots": self.roots,
            "replies": comments - self.roots,
            "max_depth": self.max_depth,
            "by_status": {status.value: self.by_status[status] for status in Status},
            "skips": [{"id": skip.id, "reason": str(skip.reason), "line": skip.line} for skip in self.skips],
            "tables": {
                name: {"read": self.read[name], "imported": self.imported[name], "unchanged": self.unchanged[name]}
                for name in BY_NAME
            },
        }


class Numbers:
    """The ids of one table that were taken, in rising order, with how deep each stands."""

    def __init__(self) -> None:
        self._ids, self._depths = array("q"), array("i")

    def add(self, id: int, depth: int = 0) -> None:
        self._ids.append(id)
        self._depths.append(depth)

    def depth(self, id: int) -> int | None:
        """None for an id that is not here."""
        at = bisect_left(self._ids, id)
        return self._depths[at] if at < len(self._ids) and self._ids[at] == id else None

    @property
    def last(self) -> int:
        return self._ids[-1] if self._ids else 0


@dataclass(frozen=True)
class Line:
    """One line of the file: what it holds, and where it stands."""

    kind: str
    row: Row
    number: int


class Restoring:
    """One archive on its way in.

    `steps` yields how many lines were read after each batch; the caller commits there, or only at the end where
    `whole` says so: SQLite gives the ids that come next to whoever writes, and another site's readers may be writing.
    """

    def __init__(self, key: str, path: Path | str) -> None:
        self.key, self.path = key, path
        self.tally = Tally()
        self.known = {name: Numbers() for name in BY_NAME}
        self.moderators: dict[str, int] = {}
        self.shift: dict[str, int] = {}
        self.highest: dict[str, int] = {}

    @property
    def whole(self) -> bool:
        return db.engine.dialect.name == "sqlite" and any(self.shift.values())

    def steps(self) -> Iterator[int]:
        """Raises UnreadableFile for what is no archive or may not come in here; TruncatedFile after the last line
        of one that is cut off."""
        lines = _lines(Source(self.path), self.tally)
        self._begin(next(lines, None), next(lines, None))
        yield 0
        for kind, group in groupby(lines, lambda line: line.kind):
            for batch in _batches(group):
                self._take(kind, batch)
                yield self.tally.read.total()
        if self.tally.read.total() + self.tally.strays < self.tally.expected:
            raise TruncatedFile
        self._finish()
        yield self.tally.read.total()

    def _begin(self, head: Line | None, about: Line | None) -> None:
        tables = _promised(head)
        self.highest = {name: extent["highest"] for name, extent in tables.items()}
        self.tally.expected = sum(extent["rows"] for extent in tables.values())
        self.site = self._site(_settings(about))
        self.shift = {name: by for name, by in self.site.archive_shift.items() if name in BY_NAME}
        db.session.flush()

    def _site(self, settings: Row) -> Site:
        self.opens = settings["open"]
        site = Site.with_key(self.key)
        if site and site.avatar_key == settings["avatar_key"]:
            return site
        if site and _is_in_use(site):
            raise UnreadableFile(Trouble.SITE_IN_USE)
        site = site or Site(key=self.key)
        for name, value in settings.items():
            setattr(site, name, value)
        site.open = False
        site.archive_shift = self._reserved() | {UNFINISHED: 1}
        db.session.add(site)
        return site

    def _reserved(self) -> dict[str, int]:
        """By how much ids must grow, so that none is another site's; on PostgreSQL they are set aside."""
        names = ", ".join(BY_NAME)
        is_postgres = db.engine.dialect.name == "postgresql"
        if is_postgres:
            db.session.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
        shift = {kept.name: db.session.scalar(select(func.max(kept.table.c.id))) or 0 for kept in KEPT}
        if max(shift.values()) + max(self.highest.values(), default=0) > HIGHEST:
            raise UnreadableFile(Trouble.DAMAGED)
        if is_postgres:
            for name, by in shift.items():
                _set_aside(name, by + self.highest.get(name, 0))
        return {name: by for name, by in shift.items() if by}

    def _finish(self) -> None:
        if UNFINISHED in self.site.archive_shift:
            self.site.open = self.opens
            self.site.archive_shift = self.shift

    def _take(self, kind: str, batch: list[Line]) -> None:
        if kind == "moderator":
            for line in batch:
                self._moderator(line)
            return
        if kind not in BY_NAME:
            for line in batch:
                self.tally.stray(_shown_id(line), Reason.UNKNOWN_RECORD, line.number)
            return
        kept = BY_NAME[kind]
        there = self._there(kept, batch)
        new: list[tuple[Line, Row]] = []
        for line in batch:
            row = self._fitting(kept, line)
            if row is None:
                continue
            born = there.get(row["id"])
            if born not in (None, row[kept.birth]):
                self._skip(line, Reason.ID_TAKEN)
                continue
            self._note(kind, row)
            if born is None:
                new.append((line, row))
            else:
                self.tally.unchanged[kind] += 1
        self._insert(kept, new)

    def _moderator(self, line: Line) -> None:
        """Whoever is not known here gets a name, no password and no site."""
        try:
            row = {column.name: fit(column, line.row.get(column.name)) for column in MODERATOR_COLUMNS}
        except Misfit:
            return self._skip(line, Reason.MALFORMED)
        if len(self.moderators) >= MAX_MODERATORS or not 3 <= len(row["email"]) <= 254:
            return self._skip(line, Reason.TOO_LARGE)
        her = Moderator.with_email(row["email"])
        if her is None:
            index = Moderator.index_of(row["email"])
            name = clean_line(row["name"])[:80]
            her = Moderator(name=name, email=row["email"], email_index=index, password_hash=NO_PASSWORD)
            db.session.add(her)
            db.session.flush()
        self.moderators[row["email"]] = her.id
        return None

    def _fitting(self, kept: Kept, line: Line) -> Row | None:
        """The row with every value checked, and every reference known; None, and a skip, when it cannot be taken."""
        self.tally.read[kept.name] += 1
        if not self._may_be(kept, line.row.get("id")):
            self._skip(line, Reason.MALFORMED)
            return None
        try:
            row = {column.name: self._value(kept, column, line.row) for column in kept.columns}
            row |= {name: line.row.get(name, False) is True for name in kept.told}
            for name, table in kept.numbers(row).items():
                self._must_know(table, int(row[name]))
        except (Misfit, ValueError):
            self._skip(line, Reason.MALFORMED)
            return None
        return row

    def _value(self, kept: Kept, column: Any, row: Row) -> Any:
        if column.name not in row:
            return standing_in(column)
        value, table = row[column.name], reference(column)
        if table == "moderator":
            return value if isinstance(value, str) and value in self.moderators else None
        value = fit(column, value)
        if table in BY_NAME and value is not None:
            # What is gone may be missing where the column allows it: a reply becomes a root.
            if column.nullable and self.known[table].depth(value) is None:
                return None
            self._must_know(table, value)
        return value

    def _must_know(self, table: str, id: int) -> None:
        if self.known[table].depth(id) is None:
            raise Misfit

    def _there(self, kept: Kept, batch: list[Line]) -> dict[int, Any]:
        """When the rows were made that have the ids of these lines already."""
        by, columns = self.shift.get(kept.name, 0), kept.table.c
        ids = [line.row["id"] + by for line in batch if self._may_be(kept, line.row.get("id"))]
        rows = db.session.execute(select(columns.id, columns[kept.birth]).where(columns.id.in_(ids)))
        return {row[0] - by: row[1] for row in rows}

    def _may_be(self, kept: Kept, id: object) -> bool:
        """Ids rise from line to line and stay below what the archive has set aside."""
        return type(id) is int and self.known[kept.name].last < id <= self.highest.get(kept.name, 0)

    def _note(self, kind: str, row: Row) -> None:
        depth = 0
        if kind == "comment":
            above = None if row["parent_id"] is None else self.known[kind].depth(row["parent_id"])
            depth = 0 if above is None else above + 1
            self.tally.roots += above is None
            self.tally.max_depth = max(self.tally.max_depth, depth)
            self.tally.by_status[row["status"]] += 1
        self.known[kind].add(row["id"], depth)

    def _insert(self, kept: Kept, new: list[tuple[Line, Row]]) -> None:
        rows = [numbered(kept, row, self.shift, self.moderators) for _line, row in new]
        for row in rows:
            if "site_id" in kept.table.c:
                row["site_id"] = self.site.id
            if kept.name in MAKE_ANEW:
                MAKE_ANEW[kept.name](self.site, row)
        if kept.name == "comment":
            _place(self.site, rows)
        taken = _inserted(kept, rows)
        for line, row in zip([line for line, _row in new], rows, strict=True):
            if row["id"] in taken:
                self.tally.imported[kept.name] += 1
            else:
                self._skip(line, Reason.DOUBLE)
        if kept.name == "comment":
            _count([row for row in rows if row["id"] in taken])

    def _skip(self, line: Line, reason: Reason) -> None:
        self.tally.skips.append(Skip(_shown_id(line), reason, line.number))


# The file


def _lines(source: Source, tally: Tally) -> Iterator[Line]:
    tape = Tape(source.text())
    while True:
        number = tape.line()
        tape.keep(MAX_LINE)
        ended = tape.pass_over(_NEWLINE)
        text, whole = tape.kept()
        if not text and not ended:
            break
        row = _loaded(text) if whole else None
        if not ended and row is None:
            tally.skips.append(Skip(_id_in(text), Reason.CUT_OFF, number))
            raise TruncatedFile(line=number, position=source.position)
        if number == 1 and isinstance(row, dict):
            yield Line("", row, number)
        elif not isinstance(row, dict):
            tally.stray(_id_in(text), Reason.MALFORMED if whole else Reason.TOO_LARGE, number)
        elif row.get("type") in (*BY_NAME, "moderator", "site"):
            yield Line(row["type"], row, number)
        else:
            tally.stray(_id_in(text), Reason.UNKNOWN_RECORD, number)
    if source.damaged:
        raise TruncatedFile(line=tape.line(), position=source.position)


def _loaded(text: str) -> Any:
    """The value, or None for what is no JSON or is nested beyond reason; the caller reports the line."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _id_in(text: str) -> str | None:
    found = _ID.search(text, 0, 4_000)
    return found[1] if found else None


def _shown_id(line: Line) -> str | None:
    id = line.row.get("id")
    return f"{line.kind} {id}" if isinstance(id, int) else None


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _promised(head: Line | None) -> dict[str, dict[str, int]]:
    """How many rows of each table the archive says that it has, and their highest id."""
    row = head.row if head else {}
    if row.get("format") != FORMAT or not isinstance(row.get("tables"), dict):
        raise UnreadableFile(Trouble.WRONG_FORMAT)
    if row.get("version") != VERSION:
        raise UnreadableFile(Trouble.NEWER)
    found = {name: row["tables"][name] for name in BY_NAME if name in row["tables"]}
    for extent in found.values():
        numbers = [extent.get("rows"), extent.get("highest")] if isinstance(extent, dict) else [None]
        if not all(type(number) is int and 0 <= number < HIGHEST for number in numbers):
            raise UnreadableFile(Trouble.DAMAGED, line=1)
    return found


def _settings(line: Line | None) -> Row:
    """The site's settings. Raises UnreadableFile when one of them cannot work: a site must not be half set."""
    row = line.row if line and line.kind == "site" else None
    if row is None:
        raise UnreadableFile(Trouble.DAMAGED, line=2)
    try:
        settings = {
            column.name: fit(column, row[column.name]) if column.name in row else standing_in(column)
            for column in SITE_COLUMNS
        }
        if not _can_work(settings):
            raise Misfit
    except Misfit as trouble:
        raise UnreadableFile(Trouble.DAMAGED, line=2) from trouble
    return settings


def _can_work(settings: Row) -> bool:
    origins = settings["origins"]
    return (
        isinstance(origins, list)
        and all(isinstance(origin, str) and origin_of(origin) == origin for origin in origins)
        and settings["lang"] in LANGUAGES
        and settings["timezone"] in available_timezones()
        and settings["max_depth"] <= 10
        and 1 <= settings["page_size"] <= 200
        and re.fullmatch("(?:[0-9a-f]{2}){1,32}", settings["avatar_key"]) is not None
        and all(value <= MOST for name, value in settings.items() if type(value) is int and name not in GROWING)
    )


# The database


def _is_in_use(site: Site) -> bool:
    tables = (Thread, Author, Rule)
    return any(db.session.scalar(select(each.id).where(each.site_id == site.id).limit(1)) for each in tables)


def _set_aside(table: str, highest: int) -> None:
    """Let PostgreSQL give nobody an id up to this one."""
    sequence = db.session.scalar(text("SELECT pg_get_serial_sequence(:table, 'id')"), {"table": table})
    db.session.execute(
        text(f"SELECT setval(:sequence, GREATEST(:highest, (SELECT last_value FROM {sequence})))"),  # noqa: S608
        {"sequence": sequence, "highest": max(highest, 1)},
    )


def _inserted(kept: Kept, rows: list[Row]) -> set[int]:
    """The ids of the rows that went in: all at once, or one by one where one of them is there already."""
    if not rows:
        return set()
    try:
        with db.session.begin_nested():
            db.session.execute(insert(kept.table), rows)
        return {row["id"] for row in rows}
    except IntegrityError:
        return {row["id"] for row in rows if _inserted_alone(kept, row)}


def _inserted_alone(kept: Kept, row: Row) -> bool:
    try:
        with db.session.begin_nested():
            db.session.execute(insert(kept.table), [row])
    except IntegrityError:
        return False
    return True


def _author_anew(site: Site, row: Row) -> None:
    row["email_index"] = index = Author.index_of(site, row["email"])
    row["confirmed_index"] = index if row.pop("confirmed") else None
    if row.pop("silent") and index:
        Silence.ask(site, index)


def _comment_anew(site: Site, row: Row) -> None:
    row["address_index"] = Comment.network_index(site, row["address"]) if row["address"] else None
    row["html"] = markup.sanitise(row["html"])


def _rule_anew(site: Site, row: Row) -> None:
    row["value_index"] = rules.index_of(site, Subject(row["subject"]), row["value"])


def _revision_anew(_site: Site, row: Row) -> None:
    row["html"] = markup.sanitise(row["html"])


MAKE_ANEW = {"author": _author_anew, "comment": _comment_anew, "rule": _rule_anew, "revision": _revision_anew}


def _place(site: Site, rows: list[Row]) -> None:
    """Give each a place in the tree, below its parent; one whose parent is on another page becomes a root."""
    parents = {row["parent_id"] for row in rows if row["parent_id"]}
    found = db.session.execute(select(Comment.id, Comment.thread_id, Comment.path).where(Comment.id.in_(parents)))
    places = {row.id: (row.thread_id, row.path) for row in found}
    for row in rows:
        thread, path = places.get(row["parent_id"], (None, ""))
        if thread != row["thread_id"]:
            row["parent_id"], path = None, ""
        row |= Comment.place(row["id"], path, site.max_depth) | {"places": 0}
        places[row["id"]] = (row["thread_id"], row["path"])


def _count(rows: Sequence[Row]) -> None:
    """Approved comments have a place in the tree, with all that they answer; their threads count them."""
    approved = [row for row in rows if row["status"] == Status.APPROVED]
    Comment.gain_places(Counter(id for row in approved for id in Comment.ids_in(row["path"])))
    counts = Counter(row["thread_id"] for row in approved)
    threads = Thread.__table__
    more = update(threads).where(threads.c.id == bindparam("thread"))
    more = more.values(approved_count=threads.c.approved_count + bindparam("more"))
    if counts:
        db.session.connection().execute(more, [{"thread": id, "more": count} for id, count in counts.items()])

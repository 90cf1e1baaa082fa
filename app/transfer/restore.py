"""Bring the archive of a site back: settings, threads, people, comments, decisions, rules and reports, as they were.

The file is a stranger's: each value must fit its column, each id lie in the range that the archive names, each
text goes through the sanitiser again, and whoever is named as a moderator gets no door by it.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.lib import markup
from app.lib.text import clean_line
from app.models import Author, Comment, Moderator, Rule, Silence, Site, Status, Subject, Thread
from app.models.path import ids_in, place_of
from app.screening import rules
from app.transfer.archive import (
    BATCH,
    BY_NAME,
    KEPT,
    MODERATOR_COLUMNS,
    Kept,
    Row,
    numbered,
    reference,
)
from app.transfer.counter import Tally
from app.transfer.lines import HIGHEST, Line, lines_of, promised_by, settings_of, shown_id
from app.transfer.record import Reason, Skip, Trouble, TruncatedFile, UnreadableFile
from app.transfer.source import Source
from app.transfer.validate import Misfit, fit, standing_in

MAX_MODERATORS = 10_000
NO_PASSWORD = "!"  # noqa: S105 - no hash looks like it, so no password fits
# In `archive_shift` until the last line is in; the site takes no comments so long.
UNFINISHED = "unfinished"


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
        lines = lines_of(Source(self.path), self.tally)
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
        tables = promised_by(head)
        self.highest = {name: extent["highest"] for name, extent in tables.items()}
        self.tally.expected = sum(extent["rows"] for extent in tables.values())
        self.site = self._site(settings_of(about))
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
                self.tally.stray(shown_id(line), Reason.UNKNOWN_RECORD, line.number)
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
        self.tally.skips.append(Skip(shown_id(line), reason, line.number))


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


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
        row |= place_of(row["id"], path, site.max_depth) | {"places": 0}
        places[row["id"]] = (row["thread_id"], row["path"])


def _count(rows: Sequence[Row]) -> None:
    """Approved comments have a place in the tree, with all that they answer; their threads count them."""
    approved = [row for row in rows if row["status"] == Status.APPROVED]
    Comment.gain_places(Counter(id for row in approved for id in ids_in(row["path"])))
    counts = Counter(row["thread_id"] for row in approved)
    threads = Thread.__table__
    more = update(threads).where(threads.c.id == bindparam("thread"))
    more = more.values(approved_count=threads.c.approved_count + bindparam("more"))
    if counts:
        db.session.connection().execute(more, [{"thread": id, "more": count} for id, count in counts.items()])

"""Restore the archive of a site: settings, threads, authors, comments, decisions, rules and reports.

The file is not trusted: values are validated for their columns, ids must lie in the announced range, HTML is sanitised
again, and moderators get no access.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text

from app.errors import Refused
from app.extensions import db
from app.lib.text import clean_line
from app.models import Author, Moderator, Rule, Site, Subject, Thread
from app.models.moderator import NO_PASSWORD
from app.screening import rules
from app.transfer.archive import (
    BATCH,
    BY_NAME,
    MODERATOR_COLUMNS,
    TABLES,
    ArchivedTable,
    Row,
    reference,
    with_ids,
)
from app.transfer.counter import RestoreCounts
from app.transfer.lines import HIGHEST, Line, display_id, lines_of, settings_of, table_sizes
from app.transfer.record import Reason, Skip, Trouble, TruncatedFile, UnreadableFile
from app.transfer.restore_rows import continue_chain, insert_rows
from app.transfer.source import Source
from app.transfer.validate import InvalidValue, default_of, validated

MAX_MODERATORS = 10_000
# In `archive_shift` until the last line is restored; the site accepts no comments until then.
UNFINISHED = "unfinished"


class Ids:
    """Accepted ids of a table, ascending, with their depths."""

    def __init__(self) -> None:
        self._ids, self._depths = array("q"), array("i")

    def add(self, id: int, depth: int = 0) -> None:
        self._ids.append(id)
        self._depths.append(depth)

    def depth(self, id: int) -> int | None:
        at = bisect_left(self._ids, id)
        return self._depths[at] if at < len(self._ids) and self._ids[at] == id else None

    @property
    def last(self) -> int:
        return self._ids[-1] if self._ids else 0


class Restore:
    """One run. `steps` yields the number of lines after each batch, and the caller commits.

    If `in_one_transaction`, the caller commits only at the end: SQLite cannot reserve ids, so another site could use
    one.
    """

    def __init__(self, key: str, path: Path | str) -> None:
        self.key, self.path = key, path
        self.counts = RestoreCounts()
        self.known = {name: Ids() for name in BY_NAME}
        self.moderators: dict[str, int] = {}
        self.shift: dict[str, int] = {}
        self.highest: dict[str, int] = {}

    @property
    def in_one_transaction(self) -> bool:
        return db.engine.dialect.name == "sqlite" and any(self.shift.values())

    def steps(self) -> Iterator[int]:
        """Raises UnreadableFile for a file that is no archive or not allowed here, TruncatedFile if it is truncated."""
        lines = lines_of(Source(self.path), self.counts)
        self._begin(next(lines, None), next(lines, None))
        yield 0
        for kind, group in groupby(lines, lambda line: line.kind):
            for batch in _batches(group):
                self._restore_batch(kind, batch)
                yield self.counts.read.total()
        if self.counts.read.total() + self.counts.unrecognised_lines < self.counts.expected:
            raise TruncatedFile
        self._finish()
        yield self.counts.read.total()

    def _begin(self, head: Line | None, about: Line | None) -> None:
        tables = table_sizes(head)
        self.highest = {name: extent["highest"] for name, extent in tables.items()}
        self.counts.expected = sum(extent["rows"] for extent in tables.values())
        self.site = self._site(settings_of(about))
        self.shift = {name: by for name, by in self.site.archive_shift.items() if name in BY_NAME}
        db.session.flush()

    def _site(self, settings: Row) -> Site:
        self.open_after = settings["open"]
        site = Site.with_key(self.key)
        if site and site.avatar_key == settings["avatar_key"]:
            return site
        if site and _is_in_use(site):
            raise UnreadableFile(Trouble.SITE_IN_USE)
        site = site or Site(key=self.key)
        for name, value in settings.items():
            setattr(site, name, value)
        site.open = False
        site.archive_shift = self._id_offsets() | {UNFINISHED: 1}
        db.session.add(site)
        return site

    def _id_offsets(self) -> dict[str, int]:
        """Offset of each table's ids, above existing ones; PostgreSQL reserves the range."""
        names = ", ".join(BY_NAME)
        is_postgres = db.engine.dialect.name == "postgresql"
        if is_postgres:
            db.session.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
        shift = {table.name: db.session.scalar(select(func.max(table.table.c.id))) or 0 for table in TABLES}
        if max(shift.values()) + max(self.highest.values(), default=0) > HIGHEST:
            raise UnreadableFile(Trouble.DAMAGED)
        if is_postgres:
            for name, by in shift.items():
                _reserve_ids(name, by + self.highest.get(name, 0))
        return {name: by for name, by in shift.items() if by}

    def _finish(self) -> None:
        if UNFINISHED in self.site.archive_shift:
            self.site.open = self.open_after
            self.site.archive_shift = self.shift
        continue_chain(self.site)

    def _restore_batch(self, kind: str, batch: list[Line]) -> None:
        if kind == "moderator":
            for line in batch:
                self._restore_moderator(line)
            return
        if kind not in BY_NAME:
            for line in batch:
                self.counts.unrecognised(display_id(line), Reason.UNKNOWN_RECORD, line.number)
            return
        table = BY_NAME[kind]
        existing = self._existing(table, batch)
        new: list[tuple[Line, Row]] = []
        for line in batch:
            row = self._validated(table, line)
            if row is None:
                continue
            created = existing.get(row["id"])
            if created not in (None, row[table.created_column]):
                self._skip(line, Reason.ID_TAKEN)
                continue
            self._record(kind, row)
            if created is None:
                new.append((line, row))
            else:
                self.counts.unchanged[kind] += 1
        self._insert(table, new)

    def _restore_moderator(self, line: Line) -> None:
        try:
            row = {column.name: validated(column, line.row.get(column.name)) for column in MODERATOR_COLUMNS}
        except InvalidValue:
            return self._skip(line, Reason.MALFORMED)
        if len(self.moderators) >= MAX_MODERATORS or not 3 <= len(row["email"]) <= 254:
            return self._skip(line, Reason.TOO_LARGE)
        moderator = Moderator.with_email(row["email"])
        if moderator is None:
            index = Moderator.index_of(row["email"])
            name = clean_line(row["name"])[:80]
            moderator = Moderator(name=name, email=row["email"], email_index=index, password_hash=NO_PASSWORD)
            db.session.add(moderator)
            db.session.flush()
        self.moderators[row["email"]] = moderator.id
        return None

    def _validated(self, table: ArchivedTable, line: Line) -> Row | None:
        self.counts.read[table.name] += 1
        if not self._is_expected_id(table, line.row.get("id")):
            self._skip(line, Reason.MALFORMED)
            return None
        try:
            given = table.converted(line.row)
            row = {column.name: self._value(table, column, given) for column in table.columns}
            row |= {name: line.row.get(name, False) is True for name in table.hash_flags}
            for name, target in table.numbers(row).items():
                self._require_known(target, int(row[name]))
            if table.record is Rule and row["ended_at"] is None:
                row["value"] = _rule_value(self.site, row)
        except (InvalidValue, ValueError, Refused):
            self._skip(line, Reason.MALFORMED)
            return None
        return row

    def _value(self, table: ArchivedTable, column: Any, row: Row) -> Any:
        name = column.name if column.name in row else table.former_names.get(column.name)
        if name not in row:
            return default_of(column)
        value, target = row[name], reference(column)
        if target == "moderator":
            return value if isinstance(value, str) and value in self.moderators else None
        value = validated(column, value)
        if target in BY_NAME and value is not None:
            # A missing reference becomes null if the column allows it: a reply becomes a root.
            if column.nullable and self.known[target].depth(value) is None:
                return None
            self._require_known(target, value)
        return value

    def _require_known(self, table: str, id: int) -> None:
        if self.known[table].depth(id) is None:
            raise InvalidValue

    def _existing(self, table: ArchivedTable, batch: list[Line]) -> dict[int, Any]:
        by, columns = self.shift.get(table.name, 0), table.table.c
        ids = [line.row["id"] + by for line in batch if self._is_expected_id(table, line.row.get("id"))]
        rows = db.session.execute(select(columns.id, columns[table.created_column]).where(columns.id.in_(ids)))
        return {row[0] - by: row[1] for row in rows}

    def _is_expected_id(self, table: ArchivedTable, id: object) -> bool:
        """Ids ascend within the announced range."""
        return type(id) is int and self.known[table.name].last < id <= self.highest.get(table.name, 0)

    def _record(self, kind: str, row: Row) -> None:
        depth = 0
        if kind == "comment":
            parent_depth = None if row["parent_id"] is None else self.known[kind].depth(row["parent_id"])
            depth = 0 if parent_depth is None else parent_depth + 1
            self.counts.roots += parent_depth is None
            self.counts.max_depth = max(self.counts.max_depth, depth)
            self.counts.by_status[row["status"]] += 1
        self.known[kind].add(row["id"], depth)

    def _insert(self, table: ArchivedTable, new: list[tuple[Line, Row]]) -> None:
        rows = [with_ids(table, row, self.shift, self.moderators) for _line, row in new]
        inserted = insert_rows(self.site, table, rows)
        for (line, _row), row in zip(new, rows, strict=True):
            if row["id"] in inserted:
                self.counts.imported[table.name] += 1
            else:
                self._skip(line, Reason.DOUBLE)

    def _skip(self, line: Line, reason: Reason) -> None:
        self.counts.skips.append(Skip(display_id(line), reason, line.number))


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _rule_value(site: Site, row: Row) -> str:
    """The value of a rule that holds. Raises InvalidValue or Refused; authors are looked up before."""
    value: str = row["value"]
    if row["subject"] != Subject.AUTHOR:
        return rules.normalised(site, Subject(row["subject"]), value)
    if not value:
        raise InvalidValue
    return value


def _is_in_use(site: Site) -> bool:
    tables = (Thread, Author, Rule)
    return any(db.session.scalar(select(each.id).where(each.site_id == site.id).limit(1)) for each in tables)


def _reserve_ids(table: str, highest: int) -> None:
    """Advance PostgreSQL's sequence beyond this id."""
    sequence = db.session.scalar(text("SELECT pg_get_serial_sequence(:table, 'id')"), {"table": table})
    db.session.execute(
        text(f"SELECT setval(:sequence, GREATEST(:highest, (SELECT last_value FROM {sequence})))"),  # noqa: S608
        {"sequence": sequence, "highest": max(highest, 1)},
    )

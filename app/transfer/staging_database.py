"""The temporary SQLite database of an import, with the counts of its report.

It has no file name, so the operating system removes it when the process exits.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Self

from app.models import Status
from app.transfer.record import Note

CACHE = 48 << 10  # KiB
EXAMPLES = 10  # ids for each note of the report
STAFF = 100  # accounts in the report

# `page` is a page of the source; several may share one thread.
_TABLES = """
CREATE TABLE thread (
    id INTEGER PRIMARY KEY, key TEXT UNIQUE, url TEXT, title TEXT, open INT, section TEXT, public INT DEFAULT 1);
CREATE TABLE page (source_id TEXT PRIMARY KEY, thread INT, public INT DEFAULT 1) WITHOUT ROWID;
CREATE TABLE comment (
    seq INTEGER PRIMARY KEY, source_id TEXT UNIQUE, page TEXT, parent TEXT, created INT, status TEXT, line INT,
    name TEXT, email TEXT, website TEXT, ip TEXT, body TEXT, format TEXT, account TEXT, staff INT,
    helpful INT, teaches INT DEFAULT 0, thread INT, parent_seq INT,
    parent_on_site INT DEFAULT 0, held INT DEFAULT 0, visited INT, outcome TEXT);
CREATE INDEX account_of ON comment (account) WHERE account <> '';
CREATE TABLE account (name TEXT PRIMARY KEY, author INT) WITHOUT ROWID;
CREATE TABLE skip (id TEXT, reason TEXT, line INT, page TEXT);
CREATE TABLE note (id TEXT, note TEXT);
CREATE TABLE sorted (seq INTEGER PRIMARY KEY, depth INT, sort_time INT, level INT);
CREATE TABLE queue (position INTEGER PRIMARY KEY, seq INT);
"""


class StagingDatabase:
    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute(f"PRAGMA cache_size=-{CACHE}")
        self._db.executescript(_TABLES)
        self.read = 0  # comments, imported or not
        self.pages = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._db.close()

    def highest_number(self, below: int) -> int:
        """Highest numeric source id below this one, or 0."""
        numbers = "SELECT max(CAST(source_id AS INT)) FROM comment WHERE source_id NOT GLOB '*[^0-9]*'"
        return self._count(f"{numbers} AND length(source_id) < 19 AND CAST(source_id AS INT) < ?", below)

    @property
    def total(self) -> int:
        return self._count("SELECT max(position) FROM queue")

    def counts(self) -> dict[str, Any]:
        outcomes = dict(self._run("SELECT outcome, count(*) FROM comment GROUP BY outcome").fetchall())
        taught = "SELECT count(*) FROM comment WHERE teaches AND outcome='imported' AND status=?"
        statuses = dict(self._run("SELECT status, count(*) FROM comment GROUP BY status").fetchall())
        return {
            "threads": self.pages,
            "read": self.read,
            "imported": outcomes.get("imported", 0),
            "unchanged": outcomes.get("unchanged", 0),
            "held": self._count("SELECT count(*) FROM comment WHERE held"),
            "skipped": self._count("SELECT count(*) FROM skip"),
            "roots": self._count("SELECT count(*) FROM comment WHERE parent IS NULL"),
            "replies": self._count("SELECT count(*) FROM comment WHERE parent IS NOT NULL"),
            "max_depth": self._count("SELECT max(depth) FROM sorted"),
            "teaches": {status: self._count(taught, status) for status in (Status.APPROVED, Status.SPAM)},
            "by_status": {status.value: statuses.get(status.value, 0) for status in Status},
        }

    def skips(self) -> Iterator[dict[str, Any]]:
        """Skipped records: id or None, reason, and line if known."""
        for id, reason, line in self._run("SELECT id, reason, line FROM skip ORDER BY rowid"):
            yield {"id": id, "reason": reason} | ({"line": line} if line else {})

    def skips_by_reason(self, examples: int) -> Iterator[tuple[str, int, list[str]]]:
        """Each reason with its count and the first ids."""
        for reason, count in self._run("SELECT reason, count(*) FROM skip GROUP BY reason ORDER BY 2 DESC").fetchall():
            ids = self._run("SELECT id FROM skip WHERE reason=? AND id <> '' LIMIT ?", reason, examples)
            yield reason, count, [id for (id,) in ids]

    def people(self) -> int:
        """Authors: by account, else by email address, else by name."""
        person = "coalesce(nullif(account, ''), nullif(lower(email), ''), name)"
        return self._count(f"SELECT count(DISTINCT {person}) FROM comment")  # noqa: S608

    def foreign_origins(self) -> Iterator[dict[str, Any]]:
        """Origins of pages that are on none of the site's, with the number of pages, most first."""
        query = (
            "SELECT substr(key, 1, 7 + instr(substr(key, 9), '/')), count(*) FROM thread WHERE id IN"
            " (SELECT thread FROM page WHERE source_id IN (SELECT id FROM note WHERE note=?))"
            " GROUP BY 1 ORDER BY 2 DESC, 1"
        )
        for origin, pages in self._run(query, Note.FOREIGN_HOST):
            yield {"origin": origin, "pages": pages}

    def notes(self) -> Iterator[dict[str, Any]]:
        """Each kind of change or guess with its count and the first ids."""
        for note, count in self._run("SELECT note, count(*) FROM note GROUP BY note ORDER BY min(rowid)").fetchall():
            ids = self._run("SELECT id FROM note WHERE note=? ORDER BY rowid LIMIT ?", note, EXAMPLES)
            yield {"note": note, "count": count, "ids": [id for (id,) in ids]}

    def staff(self) -> Iterator[dict[str, Any]]:
        """Accounts of the source's staff with their latest name and number of comments, most active first."""
        query = "SELECT name, max(seq), count(*) FROM comment WHERE staff GROUP BY account ORDER BY 3 DESC, 1 LIMIT ?"
        for name, _latest, count in self._run(query, STAFF):
            yield {"name": name, "comments": count}

    def by_thread(self) -> Iterator[dict[str, Any]]:
        """Threads with their counts, largest first; key and URL are None for unknown pages."""
        query = (
            "SELECT thread.key, thread.url, count(became), sum(became='imported'), sum(became='unchanged'),"
            " sum(became IS NULL) FROM"
            " (SELECT thread, coalesce(outcome, '') AS became FROM comment UNION ALL"
            " SELECT page.thread, NULL FROM skip LEFT JOIN page ON page.source_id=skip.page) found"
            " LEFT JOIN thread ON thread.id=found.thread GROUP BY thread.id ORDER BY 3 DESC, thread.id"
        )
        names = ("comments", "imported", "unchanged", "skipped")
        for key, url, *numbers in self._run(query):
            yield {"key": key, "url": url} | {name: each or 0 for name, each in zip(names, numbers, strict=True)}

    def _count(self, query: str, *values: object) -> int:
        return self._run(query, *values).fetchone()[0] or 0

    def _run(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self._db.execute(statement, values)

    def _run_all(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        """One transaction: separate ones doubled the time for 100,000 comments."""
        self._run("BEGIN")
        self._db.executemany(statement, rows)
        self._run("COMMIT")

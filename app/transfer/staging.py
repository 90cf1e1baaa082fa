"""What a file holds, put in order on disk before any of it is written: who answers whom, and who spoke when.

A private temporary database of SQLite, which has no name in any folder and is gone with the process, however
that ends. So memory stays flat for any file, and parents may stand behind their children.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from app.lib.clock import now
from app.models import Status
from app.models.comment import LONGEST_SOURCE_ID
from app.transfer.addresses import Addresses
from app.transfer.fields import EPOCH, made_up_id
from app.transfer.record import CommentRecord, HiddenPage, Note, Reason, Record, Skip, ThreadRecord

CACHE = 48 << 10  # KiB
TOLD = 1_000  # records between two signs of life
ASKED = 500  # ids in one question to the site
NAMED = 10  # records that the report names for each note

_TABLES = """
CREATE TABLE place (id INTEGER PRIMARY KEY, key TEXT UNIQUE, url TEXT, title TEXT, open INT, public INT DEFAULT 1);
CREATE TABLE page (source_id TEXT PRIMARY KEY, place INT, public INT DEFAULT 1) WITHOUT ROWID;
CREATE TABLE comment (
    seq INTEGER PRIMARY KEY, source_id TEXT UNIQUE, page TEXT, parent TEXT, created INT, status TEXT, line INT,
    name TEXT, email TEXT, website TEXT, ip TEXT, body TEXT, format TEXT,
    place INT, up INT, known INT DEFAULT 0, held INT DEFAULT 0, walk INT, done TEXT);
CREATE TABLE skip (id TEXT, reason TEXT, line INT, page TEXT);
CREATE TABLE note (id TEXT, note TEXT);
CREATE TABLE placed (seq INTEGER PRIMARY KEY, level INT, spoken INT, wave INT);
CREATE TABLE queue (position INTEGER PRIMARY KEY, seq INT);
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A comment that is ready to be written. `parent` is the source id of a comment that was written before."""

    seq: int
    source_id: str
    parent: str | None
    status: Status
    name: str
    email: str
    website: str
    ip: str
    body: str
    format: str
    created_at: datetime
    key: str
    url: str
    title: str
    open: bool
    visible: bool


class Spool:
    """The records of one file. `addresses` tell where its pages are; `pingbacks` are left out unless asked for.

    Approved comments of hidden pages become pending in a hidden thread, or are left out with `only_public`.
    """

    def __init__(self, addresses: Addresses, *, pingbacks: bool = False, only_public: bool = False) -> None:
        self._addresses, self._pingbacks, self._only_public = addresses, pingbacks, only_public
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute(f"PRAGMA cache_size=-{CACHE}")
        self._db.executescript(_TABLES)
        self.read = 0  # comments met so far, taken or not
        self.pages = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._db.close()

    # Taking in

    def take(self, records: Iterable[Record]) -> Iterator[int]:
        """Keep all records, and tell now and then how many of them were comments.

        Passes on UnreadableFile; what came before it is kept.
        """
        latest = now()
        for number, record in enumerate(records, 1):
            self._take(record, latest)
            if number % TOLD == 0:
                yield self.read

    def _take(self, record: Record, latest: datetime) -> None:
        if isinstance(record, ThreadRecord):
            self.pages += 1
            self._page(record)
            return
        if isinstance(record, HiddenPage):
            self._hide(record.source_id)
            return
        self.read += 1
        if isinstance(record, Skip):
            self._skip(record.id, record.reason, record.line)
        elif record.kind != "comment" and not self._pingbacks:
            self._skip(record.source_id, Reason.PINGBACK, record.line, record.thread_source_id)
        else:
            self._comment(record, latest)

    def _page(self, record: ThreadRecord) -> None:
        place = self._addresses.place(record.source_id, record.url)
        self._run(
            "INSERT INTO place (key, url, title, open) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            place.key, place.url, record.title, record.open,
        )  # fmt: skip
        self._run(
            "INSERT INTO page (source_id, place) SELECT ?, id FROM place WHERE key=? ON CONFLICT DO NOTHING",
            record.source_id, place.key,
        )  # fmt: skip
        for note in (*record.notes, *([place.note] if place.note else [])):
            self._note(record.source_id, note)

    def _hide(self, source_id: str) -> None:
        if self._run("UPDATE page SET public=0 WHERE source_id=? AND public", source_id).rowcount:
            self._note(source_id, Note.NOT_PUBLIC)

    def _comment(self, record: CommentRecord, latest: datetime) -> None:
        # A date to come would stand at the top of every list for years.
        created = min(record.created_at, latest)
        taken = self._run(
            "INSERT INTO comment"
            " (source_id, page, parent, created, status, line, name, email, website, ip, body, format)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            _fitting(record.source_id), record.thread_source_id, _fitting(record.parent_source_id),
            _microseconds(created),
            record.status, record.line, record.name, record.email, record.website, record.ip, record.body,
            record.format,
        ).rowcount  # fmt: skip
        if not taken:
            self._skip(record.source_id, Reason.DUPLICATE, record.line, record.thread_source_id)
            return
        for note in record.notes:
            self._note(record.source_id, note)
        if created != record.created_at:
            self._note(record.source_id, Note.FUTURE_DATE)

    # Putting in order

    def arrange(self, keys_of: Callable[[list[str]], Mapping[str, set[str]]]) -> None:
        """Find each comment's parent and turn. `keys_of` tells of source ids that are in the site already, by
        which keys the thread of each is known: an older file may have brought the parent."""
        self._stand_in_for_lost_pages()
        self._hold_what_was_not_public()
        self._run("UPDATE comment SET place=(SELECT place FROM page WHERE source_id=page)")
        self._run("UPDATE comment SET up=(SELECT seq FROM comment p WHERE p.source_id=comment.parent)")
        self._run("CREATE INDEX up ON comment (up) WHERE up IS NOT NULL")
        self._run("CREATE INDEX wave ON placed (wave)")
        elsewhere = "EXISTS (SELECT 1 FROM comment p WHERE p.seq=comment.up AND p.place<>comment.place)"
        self._cut(elsewhere, Note.PARENT_ELSEWHERE)
        self._look_for_parents_in_the_site(keys_of)
        self._cut("up IS NULL AND parent IS NOT NULL AND NOT known", Note.MISSING_PARENT)
        wave = self._grow(0)
        if self._cut_circles():
            self._grow(wave)
        self._run("INSERT INTO queue (seq) SELECT seq FROM placed ORDER BY spoken, level, seq")

    def _stand_in_for_lost_pages(self) -> None:
        lost = "SELECT DISTINCT page FROM comment WHERE page NOT IN (SELECT source_id FROM page) AND page > ? LIMIT 1"
        page = ""
        while found := self._run(lost, page).fetchone():
            (page,) = found
            self._page(ThreadRecord(page, "", "", True, (Note.LOST_PAGE,)))

    def _hold_what_was_not_public(self) -> None:
        hidden = "page IN (SELECT source_id FROM page WHERE NOT public)"
        if self._only_public:
            self._run(
                f"INSERT INTO skip SELECT source_id, ?, line, page FROM comment WHERE {hidden}",  # noqa: S608
                Reason.NOT_PUBLIC,
            )
            self._run(f"DELETE FROM comment WHERE {hidden}")  # noqa: S608
        # A thread that a public page shares stays visible; the comments of the hidden one are held all the same.
        only_hidden = "SELECT place FROM page GROUP BY place HAVING NOT max(public)"
        self._run(f"UPDATE place SET public=0 WHERE id IN ({only_hidden})")  # noqa: S608
        self._run(f"UPDATE comment SET held=1 WHERE status='approved' AND {hidden}")  # noqa: S608

    def _look_for_parents_in_the_site(self, keys_of: Callable[[list[str]], Mapping[str, set[str]]]) -> None:
        orphans = (
            "SELECT c.seq, c.parent, place.key FROM comment c JOIN place ON place.id=c.place"
            " WHERE c.up IS NULL AND c.parent IS NOT NULL AND c.seq > ? ORDER BY c.seq LIMIT ?"
        )
        after = 0
        while rows := self._run(orphans, after, ASKED).fetchall():
            keys = keys_of([parent for _seq, parent, _key in rows])
            known = [(seq,) for seq, parent, key in rows if key in keys.get(parent, ())]
            self._run_all("UPDATE comment SET known=1 WHERE seq=?", known)
            after = rows[-1][0]

    def _cut(self, which: str, note: Note, *values: object) -> None:
        """Make roots of comments whose parent cannot be had."""
        self._run(f"INSERT INTO note SELECT source_id, ? FROM comment WHERE {which}", note, *values)  # noqa: S608
        self._run(f"UPDATE comment SET up=NULL, parent=NULL WHERE {which}", *values)  # noqa: S608

    def _grow(self, wave: int) -> int:
        """Place the roots, then those who answer them, and so on; a level for each step, however many there are."""
        grown = self._run(
            "INSERT INTO placed SELECT seq, 0, created, ? FROM comment"
            " WHERE up IS NULL AND seq NOT IN (SELECT seq FROM placed)",
            wave,
        ).rowcount
        while grown:
            # Nobody speaks before whom she answers, whatever the clocks said.
            grown = self._run(
                "INSERT INTO placed SELECT c.seq, p.level + 1, max(c.created, p.spoken), ?"
                " FROM placed p CROSS JOIN comment c ON c.up=p.seq WHERE p.wave=?",
                wave + 1, wave,
            ).rowcount  # fmt: skip
            wave += 1
        return wave + 1

    def _cut_circles(self) -> bool:
        """What hangs on no root leads up into a circle: each is opened once. Every comment is passed once."""
        found, start = False, 0
        adrift = (
            "SELECT seq FROM comment WHERE seq > ? AND up IS NOT NULL AND seq NOT IN (SELECT seq FROM placed) LIMIT 1"
        )
        while row := self._run(adrift, start).fetchone():
            start = here = row[0]
            while (step := self._run("SELECT up, walk FROM comment WHERE seq=?", here).fetchone())[1] is None:
                self._run("UPDATE comment SET walk=? WHERE seq=?", start, here)
                here = step[0]
            if step[1] == start:
                self._cut("seq=?", Note.CIRCLE, here)
                found = True
        return found

    # Handing out

    def arrivals(self, size: int) -> Iterator[list[Arrival]]:
        """All comments, parents first, else in the order in which they were spoken; `size` at a time."""
        query = (
            "SELECT q.position, c.seq, c.source_id, c.parent, CASE WHEN c.held THEN 'pending' ELSE c.status END,"
            " c.name, c.email, c.website, c.ip, c.body, c.format, c.created,"
            " place.key, place.url, place.title, place.open, place.public"
            " FROM queue q CROSS JOIN comment c ON c.seq=q.seq CROSS JOIN place ON place.id=c.place"
            " WHERE q.position > ? ORDER BY q.position LIMIT ?"
        )
        position = 0
        while rows := self._run(query, position, size).fetchall():
            yield [_arrival(row[1:]) for row in rows]
            position = rows[-1][0]

    def done(self, arrivals: Iterable[Arrival], word: str) -> None:
        """Remember what became of comments: `imported` or `unchanged`."""
        self._run_all("UPDATE comment SET done=? WHERE seq=?", [(word, each.seq) for each in arrivals])

    # Telling

    def highest_number(self, below: int) -> int:
        """The highest id of the file that is a number below this one; 0 where there is none."""
        numbers = "SELECT max(CAST(source_id AS INT)) FROM comment WHERE source_id NOT GLOB '*[^0-9]*'"
        return self._count(f"{numbers} AND length(source_id) < 19 AND CAST(source_id AS INT) < ?", below)

    @property
    def total(self) -> int:
        """How many comments are in order."""
        return self._count("SELECT max(position) FROM queue")

    def counts(self) -> dict[str, Any]:
        """What the file holds, without what was skipped, and what became of it."""
        done = dict(self._run("SELECT done, count(*) FROM comment GROUP BY done").fetchall())
        statuses = dict(self._run("SELECT status, count(*) FROM comment GROUP BY status").fetchall())
        return {
            "threads": self.pages,
            "read": self.read,
            "imported": done.get("imported", 0),
            "unchanged": done.get("unchanged", 0),
            "held": self._count("SELECT count(*) FROM comment WHERE held"),
            "skipped": self._count("SELECT count(*) FROM skip"),
            "roots": self._count("SELECT count(*) FROM comment WHERE parent IS NULL"),
            "replies": self._count("SELECT count(*) FROM comment WHERE parent IS NOT NULL"),
            "max_depth": self._count("SELECT max(level) FROM placed"),
            "by_status": {status.value: statuses.get(status.value, 0) for status in Status},
        }

    def skips(self) -> Iterator[dict[str, Any]]:
        """What was not taken: its id, where it has one, the reason, and the line of the file, where known."""
        for id, reason, line in self._run("SELECT id, reason, line FROM skip ORDER BY rowid"):
            yield {"id": id, "reason": reason} | ({"line": line} if line else {})

    def notes(self) -> Iterator[dict[str, Any]]:
        """Each kind of change or guess: how often, and the first records that it befell."""
        for note, count in self._run("SELECT note, count(*) FROM note GROUP BY note ORDER BY min(rowid)").fetchall():
            ids = self._run("SELECT id FROM note WHERE note=? ORDER BY rowid LIMIT ?", note, NAMED)
            yield {"note": note, "count": count, "ids": [id for (id,) in ids]}

    def by_thread(self) -> Iterator[dict[str, Any]]:
        """Each page with comments, and what became of them; the fullest first.

        Without key and address: what was skipped before one could tell its page.
        """
        query = (
            "SELECT place.key, place.url, count(became), sum(became='imported'), sum(became='unchanged'),"
            " sum(became IS NULL) FROM"
            " (SELECT place, coalesce(done, '') AS became FROM comment UNION ALL"
            " SELECT page.place, NULL FROM skip LEFT JOIN page ON page.source_id=skip.page) found"
            " LEFT JOIN place ON place.id=found.place GROUP BY place.id ORDER BY 3 DESC, place.id"
        )
        names = ("comments", "imported", "unchanged", "skipped")
        for key, url, *numbers in self._run(query):
            yield {"key": key, "url": url} | {name: each or 0 for name, each in zip(names, numbers, strict=True)}

    def _skip(self, id: str | None, reason: Reason, line: int | None, page: str | None = None) -> None:
        self._run("INSERT INTO skip VALUES (?, ?, ?, ?)", id, reason, line, page)

    def _note(self, id: str, note: Note) -> None:
        self._run("INSERT INTO note VALUES (?, ?)", id, note)

    def _count(self, query: str, *values: object) -> int:
        return self._run(query, *values).fetchone()[0] or 0

    def _run(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self._db.execute(statement, values)

    def _run_all(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        """In one transaction: to end one for each row took as long as all else of an import of 100,000 comments."""
        self._run("BEGIN")
        self._db.executemany(statement, rows)
        self._run("COMMIT")


def _fitting(id: str | None) -> str | None:
    """An id of any length as one that fits our column; the same one always becomes the same."""
    return made_up_id(id) if id and len(id) > LONGEST_SOURCE_ID else id


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _arrival(row: tuple[Any, ...]) -> Arrival:
    seq, source_id, parent, status, name, email, website, ip, body, format, created, key, url, title, open, public = row
    return Arrival(
        seq, source_id, parent, Status(status), name, email, website, ip, body, format,
        EPOCH + timedelta(microseconds=created), key, url, title, bool(open), bool(public),
    )  # fmt: skip

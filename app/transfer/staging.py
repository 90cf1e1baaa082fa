"""Sort imported records on disk before writing: parents before replies, then by time.

Memory use is constant, and a reply may come before its parent in the file.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.lib.clock import now
from app.models import Status
from app.models.comment import LONGEST_SOURCE_ID
from app.transfer import bodies
from app.transfer.addresses import Addresses
from app.transfer.fields import EPOCH, made_up_id
from app.transfer.record import CommentRecord, HiddenPage, Note, Reason, Record, Skip, ThreadRecord
from app.transfer.staging_database import StagingDatabase

PROGRESS_EVERY = 1_000  # records
LOOKUP_BATCH = 500  # ids
EXAMPLES_OF_SPAM_FILTER = 2_000  # of each status; fewer than a moderator's decisions of a year


@dataclass(frozen=True, slots=True)
class StagedComment:
    """A comment ready to be written. `parent` is the source id of an earlier one."""

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
    account: str
    teaches: bool
    helpful: int
    section: str


class Staging(StagingDatabase):
    """The records of one file; `pingbacks` are skipped by default.

    Approved comments of hidden pages become pending in a hidden thread, or are skipped with `only_public`.
    """

    def __init__(self, addresses: Addresses, *, pingbacks: bool = False, only_public: bool = False) -> None:
        super().__init__()
        self._addresses, self._pingbacks, self._only_public = addresses, pingbacks, only_public

    def collect(self, records: Iterable[Record]) -> Iterator[int]:
        """Store all records; yield the number of comments from time to time.

        UnreadableFile passes through; earlier records stay stored.
        """
        latest = now()
        for number, record in enumerate(records, 1):
            self._store(record, latest)
            if number % PROGRESS_EVERY == 0:
                yield self.read

    def _store(self, record: Record, latest: datetime) -> None:
        if isinstance(record, ThreadRecord):
            self.pages += 1
            self._store_page(record)
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
            self._store_comment(record, latest)

    def _store_page(self, record: ThreadRecord) -> None:
        thread = self._addresses.thread_of(record.source_id, record.url)
        self._run(
            "INSERT INTO thread (key, url, title, open, section) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            thread.key, thread.url, record.title, record.open, record.section,
        )  # fmt: skip
        self._run(
            "INSERT INTO page (source_id, thread) SELECT ?, id FROM thread WHERE key=? ON CONFLICT DO NOTHING",
            record.source_id, thread.key,
        )  # fmt: skip
        for note in (*record.notes, *([thread.note] if thread.note else [])):
            self._note(record.source_id, note)

    def _hide(self, source_id: str) -> None:
        if self._run("UPDATE page SET public=0 WHERE source_id=? AND public", source_id).rowcount:
            self._note(source_id, Note.NOT_PUBLIC)

    def _store_comment(self, record: CommentRecord, latest: datetime) -> None:
        # A future date would stay at the top of every list.
        created = min(record.created_at, latest)
        inserted = self._run(
            "INSERT INTO comment"
            " (source_id, page, parent, created, status, line, name, email, website, ip, body, format, account, staff,"
            " helpful)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            _bounded_id(record.source_id), record.thread_source_id, _bounded_id(record.parent_source_id),
            _microseconds(created),
            record.status, record.line, record.name, record.email, record.website, record.ip, record.body,
            record.format, record.account, record.is_staff, record.helpful,
        ).rowcount  # fmt: skip
        if not inserted:
            self._skip(record.source_id, Reason.DUPLICATE, record.line, record.thread_source_id)
            return
        for note in record.notes:
            self._note(record.source_id, note)
        if created != record.created_at:
            self._note(record.source_id, Note.FUTURE_DATE)
        if bodies.has_media(record.body):
            self._note(record.source_id, Note.MEDIA)

    def arrange(self, keys_of: Callable[[list[str]], Mapping[str, set[str]]]) -> None:
        """Find each comment's parent and position.

        `keys_of` maps source ids of earlier imports to the keys of their threads.
        """
        self._add_missing_pages()
        self._hold_hidden_pages()
        self._run("UPDATE comment SET thread=(SELECT thread FROM page WHERE source_id=page)")
        self._run("UPDATE comment SET parent_seq=(SELECT seq FROM comment p WHERE p.source_id=comment.parent)")
        self._run("CREATE INDEX parent_seq ON comment (parent_seq) WHERE parent_seq IS NOT NULL")
        self._run("CREATE INDEX level ON sorted (level)")
        elsewhere = "EXISTS (SELECT 1 FROM comment p WHERE p.seq=comment.parent_seq AND p.thread<>comment.thread)"
        self._detach(elsewhere, Note.PARENT_ELSEWHERE)
        self._find_parents_on_site(keys_of)
        self._detach("parent_seq IS NULL AND parent IS NOT NULL AND NOT parent_on_site", Note.MISSING_PARENT)
        level = self._sort_levels(0)
        if self._open_cycles():
            self._sort_levels(level)
        self._choose_examples()
        self._run("INSERT INTO queue (seq) SELECT seq FROM sorted ORDER BY sort_time, depth, seq")

    def _add_missing_pages(self) -> None:
        lost = "SELECT DISTINCT page FROM comment WHERE page NOT IN (SELECT source_id FROM page) AND page > ? LIMIT 1"
        page = ""
        while found := self._run(lost, page).fetchone():
            (page,) = found
            self._store_page(ThreadRecord(page, "", "", True, (Note.LOST_PAGE,)))

    def _hold_hidden_pages(self) -> None:
        hidden = "page IN (SELECT source_id FROM page WHERE NOT public)"
        if self._only_public:
            self._run(
                f"INSERT INTO skip SELECT source_id, ?, line, page FROM comment WHERE {hidden}",  # noqa: S608
                Reason.NOT_PUBLIC,
            )
            self._run(f"DELETE FROM comment WHERE {hidden}")  # noqa: S608
        # A thread shared with a public page stays visible; comments of the hidden page are held.
        only_hidden = "SELECT thread FROM page GROUP BY thread HAVING NOT max(public)"
        self._run(f"UPDATE thread SET public=0 WHERE id IN ({only_hidden})")  # noqa: S608
        self._run(f"UPDATE comment SET held=1 WHERE status='approved' AND {hidden}")  # noqa: S608

    def _find_parents_on_site(self, keys_of: Callable[[list[str]], Mapping[str, set[str]]]) -> None:
        orphans = (
            "SELECT c.seq, c.parent, thread.key FROM comment c JOIN thread ON thread.id=c.thread"
            " WHERE c.parent_seq IS NULL AND c.parent IS NOT NULL AND c.seq > ? ORDER BY c.seq LIMIT ?"
        )
        after = 0
        while rows := self._run(orphans, after, LOOKUP_BATCH).fetchall():
            keys = keys_of([parent for _seq, parent, _key in rows])
            known = [(seq,) for seq, parent, key in rows if key in keys.get(parent, ())]
            self._run_all("UPDATE comment SET parent_on_site=1 WHERE seq=?", known)
            after = rows[-1][0]

    def _choose_examples(self) -> None:
        """The newest comments of each status teach the spam filter."""
        for status in (Status.APPROVED, Status.SPAM):
            newest = "SELECT seq FROM comment WHERE status=? AND NOT held AND body<>'' ORDER BY created DESC LIMIT ?"
            self._run(f"UPDATE comment SET teaches=1 WHERE seq IN ({newest})", status, EXAMPLES_OF_SPAM_FILTER)  # noqa: S608

    def _detach(self, which: str, note: Note, *values: object) -> None:
        self._run(f"INSERT INTO note SELECT source_id, ? FROM comment WHERE {which}", note, *values)  # noqa: S608
        self._run(f"UPDATE comment SET parent_seq=NULL, parent=NULL WHERE {which}", *values)  # noqa: S608

    def _sort_levels(self, level: int) -> int:
        """Sort breadth-first: roots, their replies, and so on, one statement for each level."""
        added = self._run(
            "INSERT INTO sorted SELECT seq, 0, created, ? FROM comment"
            " WHERE parent_seq IS NULL AND seq NOT IN (SELECT seq FROM sorted)",
            level,
        ).rowcount
        while added:
            # A reply sorts after its parent even if its timestamp is earlier.
            added = self._run(
                "INSERT INTO sorted SELECT c.seq, p.depth + 1, max(c.created, p.sort_time), ?"
                " FROM sorted p CROSS JOIN comment c ON c.parent_seq=p.seq WHERE p.level=?",
                level + 1, level,
            ).rowcount  # fmt: skip
            level += 1
        return level + 1

    def _open_cycles(self) -> bool:
        """Detach one comment of each cycle, which no root leads to. Linear."""
        found, start = False, 0
        unsorted = (
            "SELECT seq FROM comment WHERE seq > ? AND parent_seq IS NOT NULL AND seq NOT IN (SELECT seq FROM sorted)"
            " LIMIT 1"
        )
        while row := self._run(unsorted, start).fetchone():
            start = here = row[0]
            step = "SELECT parent_seq, visited FROM comment WHERE seq=?"
            while (row_here := self._run(step, here).fetchone())[1] is None:
                self._run("UPDATE comment SET visited=? WHERE seq=?", start, here)
                here = row_here[0]
            if row_here[1] == start:
                self._detach("seq=?", Note.CIRCLE, here)
                found = True
        return found

    def comments(self, size: int) -> Iterator[list[StagedComment]]:
        """All comments by time, parents first, in batches of `size`."""
        query = (
            "SELECT q.position, c.seq, c.source_id, c.parent, CASE WHEN c.held THEN 'pending' ELSE c.status END,"
            " c.name, c.email, c.website, c.ip, c.body, c.format, c.created,"
            " thread.key, thread.url, thread.title, thread.open, thread.public, c.account, c.teaches, c.helpful,"
            " thread.section"
            " FROM queue q CROSS JOIN comment c ON c.seq=q.seq CROSS JOIN thread ON thread.id=c.thread"
            " WHERE q.position > ? ORDER BY q.position LIMIT ?"
        )
        position = 0
        while rows := self._run(query, position, size).fetchall():
            yield [_staged_comment(row[1:]) for row in rows]
            position = rows[-1][0]

    def set_outcome(self, comments: Iterable[StagedComment], outcome: str) -> None:
        self._run_all("UPDATE comment SET outcome=? WHERE seq=?", [(outcome, each.seq) for each in comments])

    def name_of(self, account: str) -> str:
        """The display name of an account, or the account."""
        found = self._run("SELECT name FROM comment WHERE account=? AND account <> '' LIMIT 1", account).fetchone()
        return found[0] if found and found[0] else account

    def authors_of(self, accounts: Iterable[str]) -> dict[str, int]:
        """Author ids that `keep_author` was given, by account."""
        query = "SELECT author FROM account WHERE name=?"
        found = {account: self._run(query, account).fetchone() for account in set(accounts)}
        return {account: row[0] for account, row in found.items() if row}

    def keep_author(self, account: str, author_id: int) -> None:
        self._run("INSERT INTO account VALUES (?, ?) ON CONFLICT DO NOTHING", account, author_id)

    def comments_of(self, account: str, limit: int) -> list[str]:
        """Source ids of an account's first comments."""
        query = "SELECT source_id FROM comment WHERE account=? AND account <> '' ORDER BY seq LIMIT ?"
        return [source_id for (source_id,) in self._run(query, account, limit)]

    def _skip(self, id: str | None, reason: Reason, line: int | None, page: str | None = None) -> None:
        self._run("INSERT INTO skip VALUES (?, ?, ?, ?)", id, reason, line, page)

    def _note(self, id: str, note: Note) -> None:
        self._run("INSERT INTO note VALUES (?, ?)", id, note)


def _bounded_id(id: str | None) -> str | None:
    return made_up_id(id) if id and len(id) > LONGEST_SOURCE_ID else id


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _staged_comment(row: tuple[Any, ...]) -> StagedComment:
    (
        seq, source_id, parent, status, name, email, website, ip, body, format, created,
        key, url, title, open, public, account, teaches, helpful, section,
    ) = row  # fmt: skip
    return StagedComment(
        seq, source_id, parent, Status(status), name, email, website, ip, body, format,
        EPOCH + timedelta(microseconds=created), key, url, title, bool(open), bool(public), account, bool(teaches),
        helpful, section,
    )  # fmt: skip

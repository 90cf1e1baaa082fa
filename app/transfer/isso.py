"""Read Isso's database: an untrusted SQLite file, opened read-only."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from app.transfer.fields import (
    EPOCH,
    MAX_BODY,
    address,
    is_shortened,
    legible,
    moment_of_epoch,
    one_line,
    votes,
)
from app.transfer.record import (
    CommentRecord,
    Note,
    Reason,
    Record,
    Skip,
    Status,
    ThreadRecord,
    Trouble,
    TruncatedFile,
    UnreadableFile,
)
from app.transfer.source import File, Source

MAX_VALUE = 1 << 22  # bytes; SQLite refuses longer values
MAX_STEPS = 1_000_000  # of SQLite's virtual machine for a row; an ordinary row takes some dozens
SQLITE_MAGIC = b"SQLite format 3\0"

# isso/db/comments.py: 1 accepted, 2 pending, 4 deleted with replies.
MODES: dict[int, Status] = {1: "approved", 2: "pending", 4: "deleted"}

_WANTED = {
    "threads": ("id", "uri", "title"),
    "comments": (
        "id",
        "tid",
        "parent",
        "created",
        "mode",
        "remote_addr",
        "text",
        "author",
        "email",
        "website",
    ),
}
# Missing in some versions.
_OPTIONAL = ("likes", "dislikes", "notification")


def read(file: File) -> Iterator[Record]:
    """All threads, then all comments by id.

    Raises UnreadableFile for any other file, TruncatedFile if the end of the file is missing.
    """
    source = Source.of(file)
    try:
        database = _opened(source.path)
    except sqlite3.Error as error:
        raise UnreadableFile(Trouble.DAMAGED) from error
    try:
        for _id, row in _rows(database, "threads"):
            yield row if isinstance(row, Skip) else _thread(row)
        source.whole = _highest(database)
        for source.done, row in _rows(database, "comments"):
            yield row if isinstance(row, Skip) else _comment(row)
    except sqlite3.Error as error:
        raise TruncatedFile from error
    finally:
        database.close()


def is_isso(path: Path | str) -> bool:
    """True if the SQLite file has Isso's two tables. Raises UnreadableFile."""
    try:
        database = _opened(Path(path))
    except sqlite3.Error as error:
        raise UnreadableFile(Trouble.DAMAGED) from error
    except UnreadableFile as error:
        if error.trouble is Trouble.WRONG_FORMAT:
            return False
        raise
    database.close()
    return True


def _opened(path: Path) -> sqlite3.Connection:
    _must_be_sqlite(path)
    # Without a WAL beside it the copy is complete; "immutable" then also works in read-only folders.
    mode = "mode=ro" if path.with_name(path.name + "-wal").exists() else "mode=ro&immutable=1"
    database = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{mode}", uri=True)
    try:
        _distrust(database)
        for table, columns in _WANTED.items():
            _must_have(database, table, columns)
    except BaseException:
        database.close()
        raise
    return database


def _must_be_sqlite(path: Path) -> None:
    try:
        with path.open("rb") as file:
            if file.read(len(SQLITE_MAGIC)) != SQLITE_MAGIC:
                raise UnreadableFile(Trouble.WRONG_FORMAT)
    except OSError as error:
        raise UnreadableFile(Trouble.NOT_READABLE) from error


def _distrust(database: sqlite3.Connection) -> None:
    """sqlite.org/security.html, "Untrusted SQLite Database Files"."""
    database.execute("PRAGMA trusted_schema=OFF")
    database.execute("PRAGMA cell_size_check=ON")
    database.execute("PRAGMA query_only=ON")
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
    database.set_progress_handler(lambda: 1, MAX_STEPS)
    database.text_factory = lambda raw: raw.decode("utf-8", "replace")


def _must_have(database: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> None:
    """Raises UnreadableFile unless `table` is a plain table: a view or virtual table could run anything."""
    found = database.execute("SELECT type, sql FROM sqlite_schema WHERE name=?", (table,)).fetchone()
    if not found or found[0] != "table" or "virtual" in str(found[1]).lower().split("(")[0].split():
        raise UnreadableFile(Trouble.WRONG_FORMAT)
    if not _columns(database, table).issuperset(columns):
        raise UnreadableFile(Trouble.WRONG_FORMAT)


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in database.execute(f"PRAGMA table_info({table})")}  # one of two names


def _rows(database: sqlite3.Connection, table: str) -> Iterator[tuple[int, dict[str, object] | Skip]]:
    """One query for each row, so that a damaged row does not affect others."""
    present = _columns(database, table)
    columns = (*_WANTED[table], *(each for each in _OPTIONAL if each in present))
    query = f"SELECT {', '.join(columns)} FROM {table} WHERE rowid=?"  # noqa: S608 - names from _WANTED
    after: int | None = None
    while (after := _next(database, table, after)) is not None:
        try:
            values = database.execute(query, (after,)).fetchone()
        except sqlite3.DataError:
            yield after, Skip(str(after), Reason.TOO_LARGE)
        except sqlite3.DatabaseError:
            yield after, Skip(str(after), Reason.MALFORMED)
        else:
            row = dict(zip(columns, values, strict=True)) if values else Skip(str(after), Reason.MALFORMED)
            yield after, row


def _highest(database: sqlite3.Connection) -> int:
    """The last rowid of the comments, because counting would scan a possibly forged table.

    0 if the end of the table is damaged; the comments before it are still readable.
    """
    try:
        return database.execute("SELECT max(rowid) FROM comments").fetchone()[0] or 0
    except sqlite3.DatabaseError:
        return 0


def _next(database: sqlite3.Connection, table: str, after: int | None) -> int | None:
    # A seek in the table's tree by id, without a scan.
    condition = "" if after is None else "WHERE rowid > ?"
    query = f"SELECT rowid FROM {table} {condition} ORDER BY rowid LIMIT 1"  # noqa: S608 - as above
    found = database.execute(query, () if after is None else (after,)).fetchone()
    if found and after is not None and found[0] <= after:
        raise sqlite3.DatabaseError("the table's tree leads back to itself")
    return found[0] if found else None


def _thread(row: dict[str, object]) -> ThreadRecord:
    notes = (Note.SHORTENED,) if is_shortened(row["uri"], row["title"]) else ()
    return ThreadRecord(one_line(row["id"]), one_line(row["uri"]), one_line(row["title"]), True, notes)


def _comment(row: dict[str, object]) -> CommentRecord | Skip:
    source_id, thread = one_line(row["id"]), one_line(row["tid"])
    body = row["text"]
    body = legible(body) if isinstance(body, str) else ""
    if len(body) > MAX_BODY:
        return Skip(source_id, Reason.TOO_LARGE)
    if not thread:
        return Skip(source_id, Reason.NO_THREAD)
    when, status = moment_of_epoch(row["created"]), _status(row["mode"])
    found = (
        (Note.NO_DATE, when is None),
        (Note.UNKNOWN_STATUS, status is None),
        (Note.DOWNVOTED, votes(row.get("dislikes")) > 0),
        (Note.SUBSCRIBED, row.get("notification") == 1),
        (Note.SHORTENED, is_shortened(row["author"], row["email"], row["website"])),
    )
    return CommentRecord(
        source_id=source_id,
        thread_source_id=thread,
        parent_source_id=one_line(row["parent"]) or None,
        name=one_line(row["author"]),
        email=one_line(row["email"]),
        website=one_line(row["website"]),
        ip=address(row["remote_addr"]),
        body=body,
        format="markdown",
        created_at=when or EPOCH,
        status=status or "pending",
        helpful=votes(row.get("likes")),
        notes=tuple(note for note, applies in found if applies),
    )


def _status(mode: object) -> Status | None:
    return MODES.get(mode) if isinstance(mode, int) else None

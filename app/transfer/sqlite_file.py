"""Read tables of an untrusted SQLite file, opened read-only."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from app.transfer.record import Reason, Skip, Trouble, TruncatedFile, UnreadableFile

MAX_VALUE = 1 << 22  # bytes; SQLite refuses longer values
MAX_STEPS = 1_000_000  # of SQLite's virtual machine for a row; an ordinary row takes some dozens
SQLITE_MAGIC = b"SQLite format 3\0"

Tables = Mapping[str, tuple[str, ...]]  # the needed columns of each table


@contextmanager
def opened(path: Path, tables: Tables, optional: tuple[str, ...] = ()) -> Iterator["SqliteFile"]:
    """The file with columns of `optional` where a table has them.

    Raises UnreadableFile for any other file, TruncatedFile if the end of the file is missing.
    """
    try:
        database = _opened(path, tables)
    except sqlite3.Error as error:
        raise UnreadableFile(Trouble.DAMAGED) from error
    try:
        yield SqliteFile(database, tables, optional)
    except sqlite3.Error as error:
        raise TruncatedFile from error
    finally:
        database.close()


def is_sqlite(path: Path | str) -> bool:
    """True if the file begins like SQLite's. Raises UnreadableFile if it cannot be opened."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
    except IsADirectoryError:
        return False
    except OSError as error:
        raise UnreadableFile(Trouble.NOT_READABLE) from error


def has(path: Path | str, tables: Tables) -> bool:
    """True if the SQLite file has these tables and columns. Raises UnreadableFile if it is unreadable."""
    try:
        database = _opened(Path(path), tables)
    except sqlite3.Error as error:
        raise UnreadableFile(Trouble.DAMAGED) from error
    except UnreadableFile as error:
        if error.trouble is Trouble.WRONG_FORMAT:
            return False
        raise
    database.close()
    return True


class SqliteFile:
    def __init__(self, database: sqlite3.Connection, tables: Tables, optional: tuple[str, ...]) -> None:
        self._database, self._tables, self._optional = database, tables, optional

    def rows(self, table: str) -> Iterator[tuple[int, dict[str, object] | Skip]]:
        """Rows by rowid; one query for each, so that a damaged row does not affect others."""
        present = _columns(self._database, table)
        columns = (*self._tables[table], *(each for each in self._optional if each in present))
        query = f"SELECT {', '.join(columns)} FROM {table} WHERE rowid=?"  # noqa: S608 - the reader's own names
        after: int | None = None
        while (after := self._next(table, after)) is not None:
            try:
                values = self._database.execute(query, (after,)).fetchone()
            except sqlite3.DataError:
                yield after, Skip(str(after), Reason.TOO_LARGE)
            except sqlite3.DatabaseError:
                yield after, Skip(str(after), Reason.MALFORMED)
            else:
                row = dict(zip(columns, values, strict=True)) if values else Skip(str(after), Reason.MALFORMED)
                yield after, row

    def highest(self, table: str) -> int:
        """The last rowid, because counting would scan a possibly forged table.

        0 if the end of the table is damaged; the rows before it are still readable.
        """
        try:
            found = self._database.execute(f"SELECT max(rowid) FROM {table}").fetchone()  # noqa: S608 - as above
        except sqlite3.DatabaseError:
            return 0
        return found[0] or 0

    def _next(self, table: str, after: int | None) -> int | None:
        # A seek in the table's tree by id, without a scan.
        condition = "" if after is None else "WHERE rowid > ?"
        query = f"SELECT rowid FROM {table} {condition} ORDER BY rowid LIMIT 1"  # noqa: S608 - as above
        found = self._database.execute(query, () if after is None else (after,)).fetchone()
        if found and after is not None and found[0] <= after:
            raise sqlite3.DatabaseError("the table's tree leads back to itself")
        return found[0] if found else None


def _opened(path: Path, tables: Tables) -> sqlite3.Connection:
    _must_be_sqlite(path)
    # Without a WAL beside it the copy is complete; "immutable" then also works in read-only folders.
    mode = "mode=ro" if path.with_name(path.name + "-wal").exists() else "mode=ro&immutable=1"
    database = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{mode}", uri=True)
    try:
        _distrust(database)
        for table, columns in tables.items():
            _must_have(database, table, columns)
    except BaseException:
        database.close()
        raise
    return database


def _must_be_sqlite(path: Path) -> None:
    if not is_sqlite(path):
        raise UnreadableFile(Trouble.WRONG_FORMAT)


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
    return {row[1] for row in database.execute(f"PRAGMA table_info({table})")}  # the reader's own names

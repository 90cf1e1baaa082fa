"""Bytes of deleted rows are overwritten in SQLite's file, and no others."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.operations import dead_bytes

TRACE = "left-behind"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kaiwa.sqlite3"


@pytest.fixture
def connection(file: Path) -> Iterator[sqlite3.Connection]:
    """The path of a database with a table and an index, half of whose rows are deleted without secure_delete."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE said (id INTEGER PRIMARY KEY, words TEXT)")
        connection.execute("CREATE INDEX by_words ON said (words)")
        rows = [(f"{TRACE if n % 2 else 'kept'} {n * 7919 % 1000} {'x' * (n % 90)}{'y' * 9000 * (n % 50 == 0)}",)
                for n in range(3000)]  # fmt: skip
        connection.executemany("INSERT INTO said (words) VALUES (?)", rows)
        connection.execute("DELETE FROM said WHERE words LIKE ?", [f"{TRACE}%"])
        connection.execute("CREATE TABLE gone AS SELECT ? || id AS words FROM said", [TRACE])
        connection.execute("DROP TABLE gone")
        connection.execute("COMMIT")
        yield connection


def rows(connection: sqlite3.Connection) -> list[str]:
    by_index = connection.execute("SELECT words FROM said INDEXED BY by_words ORDER BY words").fetchall()
    assert by_index == connection.execute("SELECT words FROM said NOT INDEXED ORDER BY words").fetchall()
    return [row[0] for row in by_index]


def every_byte(file: Path) -> bytes:
    return b"".join(each.read_bytes() for each in file.parent.iterdir() if not each.name.endswith("-shm"))


def test_nothing_is_left_of_deleted_rows_and_all_of_the_others(file: Path, connection: sqlite3.Connection) -> None:
    before = rows(connection)
    assert TRACE.encode() in every_byte(file) and len(before) == 1500
    assert dead_bytes.overwrite(file)
    assert TRACE.encode() not in every_byte(file)
    assert rows(connection) == before
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    size = file.stat().st_size
    connection.execute("DELETE FROM said WHERE id % 3 = 0")
    connection.executemany("INSERT INTO said (words) VALUES (?)", [(f"new {n}",) for n in range(100)])
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)] and file.stat().st_size == size


def test_a_connection_that_has_the_pages_in_memory_does_not_bring_them_back(
    file: Path, connection: sqlite3.Connection
) -> None:
    """Its next write would write whole pages, including dead bytes."""
    assert rows(connection)
    assert dead_bytes.overwrite(file)
    connection.execute("UPDATE said SET words = words || '!' WHERE id % 7 = 0")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert TRACE.encode() not in every_byte(file)


def test_who_reads_or_writes_is_in_the_way(
    file: Path, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_bytes, "WAIT_S", 0.01)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not dead_bytes.overwrite(file)
        other.execute("ROLLBACK")
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM said").fetchone()
        connection.execute("UPDATE said SET words = 'newer' WHERE id = 1")
        assert not dead_bytes.overwrite(file), "an older version is being read from the log"
    assert dead_bytes.overwrite(file)


@pytest.mark.parametrize("layout", ["auto_vacuum=FULL", "auto_vacuum=INCREMENTAL", "journal_mode=DELETE"])
def test_a_file_of_another_layout_is_not_touched(file: Path, connection: sqlite3.Connection, layout: str) -> None:
    connection.execute(f"PRAGMA {layout}")
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = file.read_bytes()
    with pytest.raises(dead_bytes.UnknownLayout):
        dead_bytes.overwrite(file)
    assert file.read_bytes() == before


@pytest.mark.parametrize("size", [512, 1024, 65536])
def test_pages_may_have_any_size(file: Path, connection: sqlite3.Connection, size: int) -> None:
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute(f"PRAGMA page_size={size}")
    connection.execute("VACUUM")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("UPDATE said SET words = ? || id WHERE id % 2 = 0", [TRACE])
    connection.execute("DELETE FROM said WHERE words LIKE ?", [f"{TRACE}%"])
    kept = rows(connection)
    assert dead_bytes.overwrite(file)
    assert TRACE.encode() not in every_byte(file) and rows(connection) == kept
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

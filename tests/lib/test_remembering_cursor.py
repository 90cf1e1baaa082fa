"""psycopg's columns, told once for each statement."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import Cursor

from app.lib import remembering_cursor as cursor_module
from app.lib.remembering_cursor import Remembering, remembering


@pytest.fixture
def cursor(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cursor]:
    monkeypatch.setattr(Remembering, "known", {})
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.cursor_factory = remembering(connection.cursor_factory)
        yield connection.cursor()


def names(cursor: Cursor) -> list[str]:
    return [column.name for column in cursor.description or []]


def test_a_statement_is_described_once(cursor: Cursor) -> None:
    question = "SELECT 1::bigint AS one, %s::text AS two"
    first = cursor.execute(question, ["a"]).description
    again = cursor.connection.cursor().execute(question, ["b"])
    assert first is not None and again.description is first
    plain = Cursor(cursor.connection).execute(question, ["c"])
    assert [(each.name, each.type_code) for each in first] == [
        (each.name, each.type_code) for each in plain.description or []
    ]
    assert again.fetchall() == [(1, "b")]


def test_a_cursor_describes_what_it_was_asked_last(cursor: Cursor) -> None:
    assert cursor.description is None
    assert names(cursor.execute("SELECT 1 AS one")) == ["one"]
    assert names(cursor.execute("SELECT 2 AS two")) == ["two"]
    assert cursor.execute("CREATE TEMPORARY TABLE word (id int)").description is None
    cursor.executemany("INSERT INTO word VALUES (%s) RETURNING id AS stored", [[1], [2]], returning=True)
    assert names(cursor) == ["stored"]


def test_another_number_of_columns_is_described_anew(cursor: Cursor) -> None:
    """A table may gain columns while the service runs."""
    cursor.execute("CREATE TEMPORARY TABLE word (id int)")
    assert names(cursor.execute("SELECT * FROM word")) == ["id"]
    cursor.execute("ALTER TABLE word ADD letters text")
    assert names(cursor.execute("SELECT * FROM word")) == ["id", "letters"]


def test_what_is_remembered_is_bounded(cursor: Cursor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursor_module, "MOST", 3)
    for number in range(10):
        assert names(cursor.execute(f"SELECT {number} AS each_{number}")) == [f"each_{number}"]
    assert len(Remembering.known) <= 3

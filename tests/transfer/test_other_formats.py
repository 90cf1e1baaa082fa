"""Disqus, Isso, Commento and Remark42: statuses, threads and authors are mapped correctly."""

import gzip
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.transfer import commento, disqus, isso, remark42
from app.transfer.detect import READERS, detect
from app.transfer.fields import EPOCH, moment, moment_of_epoch, votes
from app.transfer.record import (
    CommentRecord,
    HiddenPage,
    Note,
    Reason,
    Record,
    Skip,
    ThreadRecord,
    Trouble,
    TruncatedFile,
    UnreadableFile,
)
from tests.transfer.counting import count
from tests.transfer.exports import FIXTURES

Save = Callable[[str | bytes], Path]


def comments(records: list[Record]) -> dict[str, CommentRecord]:
    return {record.source_id: record for record in records if isinstance(record, CommentRecord)}


def isso_database(path: Path, *statements: str) -> Path:
    database = sqlite3.connect(path)
    database.executescript(
        """
        CREATE TABLE threads (id INTEGER PRIMARY KEY, uri VARCHAR(256) UNIQUE, title VARCHAR(256));
        CREATE TABLE comments (tid REFERENCES threads(id), id INTEGER PRIMARY KEY, parent INTEGER,
            created FLOAT NOT NULL, modified FLOAT, mode INTEGER, remote_addr VARCHAR, text VARCHAR NOT NULL,
            author VARCHAR, email VARCHAR, website VARCHAR, likes INTEGER, dislikes INTEGER, voters BLOB);
        INSERT INTO threads VALUES (1, '/a/', 'Page A');
        INSERT INTO comments (tid, id, created, mode, remote_addr, text, author, email)
            VALUES (1, 1, 1577934245.5, 1, '203.0.113.0', '*Hello*', 'Alice', 'alice@example.com');
        """
    )
    for statement in statements:
        database.execute(statement)
    database.commit()
    database.close()
    return path


INSERT = "INSERT INTO comments (tid, id, parent, created, mode, text) VALUES "


@pytest.mark.parametrize("name", sorted(READERS))
def test_the_format_is_told_from_the_content(tmp_path: Path, save: Save, name: str) -> None:
    if name == "isso":
        path = isso_database(tmp_path / "anything.xml")
    else:
        folder = FIXTURES / name
        path = folder if folder.is_dir() else save(next(FIXTURES.glob(f"{name}.*")).read_bytes())
    assert detect(path) == name
    assert count(READERS[name](path))["comments"] > 0


def test_a_compressed_backup_is_reported_too(save: Save) -> None:
    assert detect(save(gzip.compress((FIXTURES / "remark42.ndjson").read_bytes()))) == "remark42"


@pytest.mark.parametrize("content", [b"", b"hello", b"{}", b"[1, 2]", b"SQLite format 3\0", b"%PDF-1.4", b"<html>"])
def test_unknown_formats_are_refused(save: Save, content: bytes) -> None:
    with pytest.raises(UnreadableFile):
        detect(save(content))


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00", "0001-01-01 00:00:00+09:00", "1969-12-31T23:59:59Z"])
def test_a_date_before_the_web_is_none(written: str) -> None:
    """Some time zone has no such moment, and no page could show it."""
    assert moment(written) is None and moment(written, ZoneInfo("America/New_York")) is None
    assert moment("1970-01-01T00:00:00Z") == EPOCH == moment_of_epoch(0)
    assert [moment_of_epoch(value) for value in (-1, -62135596800, float("-inf"), float("nan"), 10**400)] == [None] * 5


def test_another_sqlite_database_is_refused(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "other").executescript("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    with pytest.raises(UnreadableFile):
        detect(tmp_path / "other")
    with pytest.raises(UnreadableFile):
        list(isso.read(tmp_path / "other"))


def test_disqus_tells_spam_from_deleted_and_keeps_the_thread_of_talk() -> None:
    records = list(disqus.read(FIXTURES / "disqus.xml"))
    found = comments(records)
    threads = [record for record in records if isinstance(record, ThreadRecord)]
    assert [(thread.source_id, thread.open) for thread in threads] == [("10", True), ("11", False)]
    assert {key: comment.status for key, comment in found.items()} == {
        "21": "approved",
        "22": "spam",
        "23": "deleted",
        "24": "pending",
    }
    assert (found["22"].parent_source_id, found["21"].parent_source_id) == ("21", None)
    assert found["21"].body == "<p>Tom &amp; Jerry &lt;3</p>"
    assert found["24"].name == "Tom & Jerry"
    assert found["24"].notes == (Note.UNKNOWN_STATUS,)


def test_a_discussion_that_was_deleted_in_disqus_is_a_hidden_page(save: Save) -> None:
    text = (FIXTURES / "disqus.xml").read_text()
    assert not any(isinstance(record, HiddenPage) for record in disqus.read(save(text)))
    deleted = text.replace("<isDeleted>false</isDeleted></thread>", "<isDeleted>true</isDeleted></thread>")
    assert HiddenPage("10") in list(disqus.read(save(deleted)))


def test_a_cut_disqus_export_says_so_and_names_the_post(save: Save) -> None:
    text = (FIXTURES / "disqus.xml").read_text()
    seen: list[Record] = []
    with pytest.raises(TruncatedFile):
        for record in disqus.read(save(text[: text.index("isSpam", text.index('dsq:id="23"'))])):
            seen.append(record)
    assert [record.id for record in seen if isinstance(record, Skip)] == ["23"]
    assert set(comments(seen)) == {"21", "22"}


def test_isso_comments_come_with_their_page_and_mode(tmp_path: Path) -> None:
    rows = "(1, 2, 1, 1577934246, 2, 'held'), (1, 3, 1, 1577934247, 4, ''), (1, 4, 9, 0, 7, 'odd')"
    records = list(isso.read(isso_database(tmp_path / "comments.db", INSERT + rows)))
    found = comments(records)
    assert records[0] == ThreadRecord("1", "/a/", "Page A", True)
    assert [found[key].status for key in "1234"] == ["approved", "pending", "deleted", "pending"]
    assert (found["1"].body, found["1"].format, found["2"].parent_source_id) == ("*Hello*", "markdown", "1")
    assert found["1"].created_at == datetime(2020, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC)
    assert found["4"].notes == (Note.UNKNOWN_STATUS,)


def test_isso_database_is_not_changed_by_reading(tmp_path: Path) -> None:
    path = isso_database(tmp_path / "comments.db")
    before = path.read_bytes()
    path.chmod(0o400)
    assert len(comments(list(isso.read(path)))) == 1
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["comments.db"]


def test_a_huge_row_costs_only_itself(tmp_path: Path) -> None:
    rows = "(1, 2, NULL, 0, 1, zeroblob(50000000)), (1, 3, NULL, 0, 1, CAST(x'ff00e38182' AS TEXT))"
    records = list(isso.read(isso_database(tmp_path / "comments.db", INSERT + rows)))
    assert [(record.id, record.reason) for record in records if isinstance(record, Skip)] == [("2", Reason.TOO_LARGE)]
    assert comments(records)["3"].body == "\ufffdあ"


def test_a_view_in_the_place_of_a_table_is_refused_though_it_has_every_column(tmp_path: Path) -> None:
    view = "CREATE VIEW comments AS SELECT * FROM real"
    path = isso_database(tmp_path / "db", "ALTER TABLE comments RENAME TO real", view)
    with pytest.raises(UnreadableFile) as error:
        list(isso.read(path))
    assert error.value.trouble is Trouble.WRONG_FORMAT


def test_half_a_database_is_reported(tmp_path: Path) -> None:
    rows = ",".join(f"(1, {number}, NULL, 0, 1, '{'a' * 900}')" for number in range(2, 400))
    path = isso_database(tmp_path / "db", INSERT + rows)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UnreadableFile):
        list(isso.read(path))


def commento_export(*rows: dict[str, Any], **changes: Any) -> str:
    base = {"domain": "example.com", "url": "/a", "parentHex": "root", "creationDate": "2020-01-02T03:04:05Z"}
    people = [{"commenterHex": "p", "name": "Alice", "email": "alice@example.com", "link": "undefined"}]
    comments = [base | row for row in rows]
    return json.dumps({"version": 1, "comments": comments, "commenters": people} | changes)


def test_commento_people_stand_behind_the_comments_and_are_found(save: Save) -> None:
    text = commento_export(
        {"commentHex": "a", "commenterHex": "p", "markdown": "*Hi*", "html": "<p>", "state": "approved"},
        {
            "commentHex": "b",
            "commenterHex": "anonymous",
            "html": "<p>Hi</p>",
            "state": "flagged",
            "parentHex": "a",
        },
        {"commentHex": "c", "commenterHex": "gone", "state": "approved", "deleted": True},
        {"commentHex": "d", "state": "new", "url": "b"},
    )
    records = list(commento.read(save(text)))
    found = comments(records)
    assert [record for record in records if isinstance(record, ThreadRecord)] == [
        ThreadRecord("example.com/a", "https://example.com/a", "", True),
        ThreadRecord("example.com/b", "https://example.com/b", "", True),
    ]
    assert (found["a"].name, found["a"].email, found["a"].website) == ("Alice", "alice@example.com", "")
    assert (found["a"].body, found["a"].format, found["b"].format) == ("*Hi*", "markdown", "html")
    assert [found[key].status for key in "abcd"] == ["approved", "pending", "deleted", "pending"]
    assert (found["b"].parent_source_id, found["a"].parent_source_id) == ("a", None)
    assert (found["c"].notes, found["d"].notes) == ((Note.NO_AUTHOR,), (Note.UNKNOWN_STATUS,))


def test_another_version_of_commento_is_refused(save: Save) -> None:
    with pytest.raises(UnreadableFile):
        list(commento.read(save(commento_export({"commentHex": "a"}, version=2))))


def test_a_cut_commento_export_gives_what_stood_before_the_cut(save: Save) -> None:
    text = commento_export({"commentHex": "a", "state": "approved"}, {"commentHex": "b", "state": "approved"})
    seen: list[Record] = []
    with pytest.raises(TruncatedFile):
        for record in commento.read(save(text[: text.index('"b"')])):
            seen.append(record)
    assert set(comments(seen)) == {"a"}
    assert sum(isinstance(record, Skip) for record in seen) == 1


def test_remark42_knows_closed_pages_and_deleted_comments() -> None:
    records = list(remark42.read(FIXTURES / "remark42.ndjson"))
    found = comments(records)
    threads = {record.source_id: record.open for record in records if isinstance(record, ThreadRecord)}
    assert threads == {"https://example.com/a/": True, "https://example.com/b/": False}
    assert {key: comment.status for key, comment in found.items()} == {
        "r1": "approved",
        "r2": "deleted",
        "r3": "approved",
    }
    assert (found["r2"].parent_source_id, found["r1"].ip) == ("r1", "")
    assert found["r1"].created_at == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_record_of_remark42_that_is_no_comment_is_counted_as_skipped(save: Save) -> None:
    text = (FIXTURES / "remark42.ndjson").read_text().rstrip("\n")
    strange = ['{"id": "v1", "kind": "vote"}', "7", '["a"]', '"text"', "null"]
    records = list(remark42.read(save("\n".join([text, *strange]) + "\n")))
    assert set(comments(records)) == {"r1", "r2", "r3"}
    skipped = [(record.id, record.reason) for record in records if isinstance(record, Skip)]
    unknown = [("v1", Reason.UNKNOWN_RECORD), *[(None, Reason.UNKNOWN_RECORD)] * 3]
    assert skipped == [*unknown, (None, Reason.MALFORMED)]


def test_a_cut_backup_names_the_line_that_was_cut(save: Save) -> None:
    text = (FIXTURES / "remark42.ndjson").read_text().rstrip()
    seen: list[Record] = []
    with pytest.raises(TruncatedFile):
        for record in remark42.read(save(text[:-20])):
            seen.append(record)
    assert [(record.id, record.line) for record in seen if isinstance(record, Skip)] == [("r3", 4)]
    assert set(comments(list(remark42.read(save(text))))) == {"r1", "r2", "r3"}


def test_positive_votes_are_kept_and_others_are_counted(tmp_path: Path, save: Save) -> None:
    database = isso_database(tmp_path / "db", INSERT + "(1, 2, NULL, 1577934246, 1, 'two')")
    with sqlite3.connect(database) as connection:
        connection.execute("ALTER TABLE comments ADD COLUMN notification INTEGER DEFAULT 0")
        connection.execute("UPDATE comments SET likes=3, dislikes=1, notification=1 WHERE id=2")
    found = comments(list(isso.read(database)))
    assert (found["1"].helpful, found["1"].notes) == (0, ())
    assert (found["2"].helpful, found["2"].notes) == (3, (Note.DOWNVOTED, Note.SUBSCRIBED))

    text = (FIXTURES / "remark42.ndjson").read_text()
    first, second, *rest = text.splitlines()
    row = json.loads(second) | {"votes": {"a": True, "b": True, "c": False}}
    (voted, *_others) = comments(list(remark42.read(save("\n".join([first, json.dumps(row), *rest]))))).values()
    assert (voted.helpful, Note.DOWNVOTED in voted.notes) == (2, True)

    one = comments(list(commento.read(FIXTURES / "commento.json")))
    assert [one[key].helpful for key in ("aa", "bb")] == [0, 1]


@pytest.mark.parametrize("value", [None, True, -1, "3", 1.5, [], 10**30])
def test_an_odd_number_of_votes_is_bounded(value: object) -> None:
    assert votes(value) == (1_000_000 if value == 10**30 else 0)

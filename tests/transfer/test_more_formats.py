"""Cusdis: statuses, pages, authors and replies are mapped correctly."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.models import Comment, Status
from app.transfer.detect import READERS, detect
from app.transfer.record import CommentRecord, HiddenPage, Reason, Record, Skip, ThreadRecord, UnreadableFile
from tests.cast import a_site
from tests.transfer.exports import FIXTURES

Save = Callable[[str | bytes], Path]

FILES = {path.name: path for path in sorted(FIXTURES.iterdir())}
NEW = ("cusdis.json", "cusdis.sql")
# File: id, status, parent and author's name of each comment.
EXPECTED: dict[str, str] = {
    "cusdis.json": "c1 approved - Alice, c2 pending - Bob, c3 approved c1 Owner",
    "cusdis.sql": "c1 approved - Alice, c2 pending - Bob, c3 approved c1 Owner, c4 deleted - Mallory, "
    "c5 approved - Carol",
}


def program(file: str) -> str:
    return file.partition(".")[0]


def read(path: Path) -> list[Record]:
    return list(READERS[detect(path)](path))


def comments(records: list[Record]) -> dict[str, CommentRecord]:
    return {each.source_id: each for each in records if isinstance(each, CommentRecord)}


def pages(records: list[Record]) -> dict[str, ThreadRecord]:
    return {each.source_id: each for each in records if isinstance(each, ThreadRecord)}


@pytest.mark.parametrize("file", FILES)
def test_a_file_is_detected_by_its_content_and_taken_by_no_other_reader(file: str, save: Save) -> None:
    path = save(FILES[file].read_bytes())
    assert detect(path) == program(file)
    for name in READERS.keys() - {program(file)}:
        with suppress(UnreadableFile):
            assert comments(list(READERS[name](path))) == {}, name


@pytest.mark.parametrize("file", NEW)
def test_status_parent_and_author_of_each_comment(file: str) -> None:
    found = comments(read(FILES[file]))
    written = [f"{id} {each.status} {each.parent_source_id or '-'} {each.name}" for id, each in sorted(found.items())]
    assert ", ".join(written) == EXPECTED[file]
    assert {each.thread_source_id for each in found.values()} <= pages(read(FILES[file])).keys()
    assert all(each.body and each.created_at.year > 2000 for each in found.values())


@pytest.mark.parametrize("file", NEW)
def test_a_truncated_file_is_reported_after_its_records(file: str, save: Save) -> None:
    whole = FILES[file].read_bytes()
    known = comments(read(FILES[file])).keys()
    for share in (0.2, 0.5, 0.8):
        seen: list[Record] = []
        with pytest.raises(UnreadableFile):
            for record in READERS[program(file)](save(whole[: int(len(whole) * share)])):
                seen.append(record)
        assert comments(seen).keys() <= known | {each.id for each in seen if isinstance(each, Skip)}


WRONG = (None, True, -1, 1e300, 10**400, "", "x", [], ["x"], {}, {"$oid": []}, {"$date": {"$numberLong": "x"}})


def with_wrong_values(value: Any) -> Iterator[Any]:
    """The value with one part of another type, for each part."""
    yield from WRONG
    if isinstance(value, list | dict):
        for key in range(len(value)) if isinstance(value, list) else value:
            for changed in with_wrong_values(value[key]):
                yield value | {key: changed} if isinstance(value, dict) else [*value[:key], changed, *value[key + 1 :]]


def documents(text: str) -> list[Any]:
    found, at = [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = json.JSONDecoder().raw_decode(text, at)
        found.append(value)
    return found


@pytest.mark.parametrize("file", [file for file in NEW if file.endswith("json")])
def test_a_value_of_another_type_costs_at_most_its_record(file: str, save: Save) -> None:
    first, *rest = documents(FILES[file].read_text())
    tail = "\n".join(map(json.dumps, rest))
    for changed in with_wrong_values(first):
        try:
            records = list(READERS[program(file)](save(json.dumps(changed) + "\n" + tail)))
        except UnreadableFile:
            continue
        for each in comments(records).values():
            assert each.created_at.tzinfo is not None and each.thread_source_id


def test_each_format_is_imported_once_and_as_the_dry_run_says(app: Flask, db_session: Session) -> None:
    site = a_site(db_session, origins=["https://example.com"])
    db_session.commit()

    def bring(file: str, *options: str) -> dict[str, Any]:
        words = ["import", str(FILES[file]), "--site", site.key, "--json", *options]
        done = app.test_cli_runner().invoke(args=words)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout.splitlines()[-1])

    for file in NEW:
        dry, real, again = bring(file, "--dry-run"), bring(file), bring(file)
        assert dry | {"dry_run": False} == real, file
        assert real["imported"] + real["unchanged"] == len(comments(read(FILES[file]))), file
        assert (again["imported"], again["unchanged"]) == (0, real["imported"] + real["unchanged"]), file
    statuses = {each.source_id: each.status for each in db_session.query(Comment).filter_by(source="cusdis")}
    assert statuses["c5"] == Status.PENDING  # its page was not public


CUSDIS = """
    CREATE TABLE projects (id TEXT PRIMARY KEY, title TEXT, deleted_at DATETIME);
    CREATE TABLE pages (id TEXT PRIMARY KEY, slug TEXT, url TEXT, title TEXT, "projectId" TEXT);
    CREATE TABLE comments (id TEXT PRIMARY KEY, "pageId" TEXT, created_at DATETIME, "deletedAt" DATETIME,
        "moderatorId" TEXT, by_email TEXT, by_nickname TEXT, content TEXT, approved BOOLEAN, "parentId" TEXT);
    INSERT INTO projects VALUES ('s1', 'Site', NULL), ('s2', 'Old', 1622541600000);
    INSERT INTO pages VALUES ('p1', '/a/', 'https://example.com/a/', 'Page A', 's1'), ('p3', 'c', NULL, NULL, 's2');
    INSERT INTO comments VALUES
        ('c1', 'p1', 1619863200123, NULL, NULL, 'alice@example.com', 'Alice', 'Hello', 1, NULL),
        ('c2', 'p1', '2021-05-02 10:00:00', NULL, NULL, NULL, 'Bob', 'Held', 0, 'c1'),
        ('c3', 'p3', 1619863200123, 1619863200124, 'u1', NULL, 'Owner', 'Gone', 1, NULL);
"""


def test_the_database_of_cusdis_is_read_like_its_dump(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "db")
    database.executescript(CUSDIS)
    database.close()
    records = read(tmp_path / "db")
    found = comments(records)
    assert [found[key].status for key in ("c1", "c2", "c3")] == ["approved", "pending", "deleted"]
    assert found["c1"].created_at.isoformat() == "2021-05-01T10:00:00.123000+00:00"
    assert found["c2"].created_at.isoformat() == "2021-05-02T10:00:00+00:00"
    assert (found["c2"].parent_source_id, found["c2"].notes) == ("c1", ())
    assert [each.url for each in pages(records).values()] == ["https://example.com/a/", ""]
    assert [each for each in records if isinstance(each, HiddenPage)] == [HiddenPage("p3")]


def test_a_dump_of_cusdis_keeps_newlines_and_counts_a_broken_row() -> None:
    records = read(FILES["cusdis.sql"])
    assert comments(records)["c1"].body == "Two lines,\nand a tab:\t\\"
    assert [each.reason for each in records if isinstance(each, Skip)] == [Reason.MALFORMED]
    assert [each for each in records if isinstance(each, HiddenPage)] == [HiddenPage("p3")]

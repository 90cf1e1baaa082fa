"""Formats of smaller systems: statuses, pages, authors and replies are mapped correctly."""

import gzip
import json
import sqlite3
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.models import Comment, Status
from app.transfer import flat_yaml, folder, folder_parts
from app.transfer.detect import READERS, detect
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
from tests.cast import a_site
from tests.transfer.exports import FIXTURES, comment, page, wxr

Save = Callable[[str | bytes], Path]

FILES = {path.name: path for path in sorted(FIXTURES.iterdir())}
# File: id, status, parent and author's name of each comment.
EXPECTED: dict[str, tuple[str, ...]] = {
    "artalk.json": ("1 approved - Alice", "2 pending 1 Bob", "3 approved 1 Carol"),
    "blogger.atom": (
        "11 approved - Alice", "12 approved 11 Anonymous", "13 pending - Bob", "14 spam - Mallory",
        "15 approved - Carol", "16 deleted - Dave", "31 approved - Erin", "32 approved 31 Frank",
    ),
    "comentario.json": (
        "c1 approved - Alice", "c2 approved c1 Owner", "c3 pending c2 Bob", "c4 rejected - ", "c5 deleted - Alice",
    ),
    "coral.json": (
        "c1 approved - Alice", "c2 approved c1 Owner", "c3 pending c2 Alice", "c4 pending - ", "c5 rejected - Alice",
        "c6 deleted - ",
    ),
    "cusdis.json": ("c1 approved - Alice", "c2 pending - Bob", "c3 approved c1 Owner"),
    "cusdis.sql": (
        "c1 approved - Alice", "c2 pending - Bob", "c3 approved c1 Owner", "c4 deleted - Mallory",
        "c5 approved - Carol",
    ),
    "github.json": (
        "71 approved - alice", "72 approved 71 owner", "73 spam 71 mallory", "74 rejected - ", "75 deleted - bob",
        "81 approved - alice", "91 approved - carol",
    ),
    "hyvor.json": (
        "11 approved - Alice", "12 approved 11 Owner", "13 pending - Bob", "14 spam - Mallory", "15 pending - Eve",
        "16 rejected 12 Alice", "17 approved 12 Alice",
    ),
    "hashover": (
        "blog-a/1 approved - Alice", "blog-a/1-1 approved blog-a/1 Bob", "blog-a/1-1-1 deleted blog-a/1-1 Carol",
        "blog-b/1 pending - Dave",
    ),
    "staticman": (
        "5b8d6f00-0001 approved - Alice", '5b8d6f00-0002 approved 5b8d6f00-0001 Bob "B" é',
        "5b8d6f00-0003 approved 5b8d6f00-0002 Carol", "5b8d6f00-0004 approved - Dave",
    ),
    "twikoo.json": ("a1 approved - Alice", "b2 approved a1 Owner", "c3 spam - 匿名", "d4 approved b2 Bob"),
    "waline.csv": ("1 approved - Alice", "2 pending 1 Bob", "3 spam - Carol"),
    "waline.json": (
        "1 approved - Alice", "2 approved 1 Owner", "3 approved 2 Owner", "4 pending - Bob", "5 spam - Mallory",
        "6 pending - Carol",
    ),
}  # fmt: skip
# Reasons of the skipped records, and notes by comment.
REPORTED: dict[str, tuple[list[Reason], dict[str, tuple[Note, ...]]]] = {
    "artalk.json": ([Reason.NO_THREAD], {"2": (Note.LOCAL_DATE,)}),
    "blogger.atom": ([], {}),
    "comentario.json": ([], {"c4": (Note.NO_AUTHOR,)}),
    "coral.json": ([Reason.UNKNOWN_RECORD], {"c4": (Note.NO_AUTHOR,)}),
    "cusdis.json": ([], {}),
    "cusdis.sql": ([Reason.MALFORMED], {}),
    "github.json": ([Reason.INCOMPLETE, Reason.NOT_A_COMMENT], {"74": (Note.NO_AUTHOR,)}),
    "hashover": ([Reason.MALFORMED], {}),
    "hyvor.json": ([Reason.UNKNOWN_RECORD], {"11": (Note.DOWNVOTED,)}),
    "staticman": ([Reason.MALFORMED], {}),
    "twikoo.json": ([Reason.UNKNOWN_RECORD], {}),
    "waline.csv": ([Reason.MALFORMED], dict.fromkeys("123", (Note.LOCAL_DATE,))),
    "waline.json": ([], {"2": (Note.LOCAL_DATE,), "6": (Note.UNKNOWN_STATUS,)}),
}
STAFF = {
    "comentario.json": ["c2"],
    "coral.json": ["c2"],
    "github.json": ["72"],
    "hyvor.json": ["12"],
    "cusdis.json": ["c3"],
    "cusdis.sql": ["c3"],
    "twikoo.json": ["b2"],
    "waline.json": ["2", "3"],
}
NEW = tuple(EXPECTED)
FOLDERS = ("hashover", "staticman")


def program(file: str) -> str:
    return file.partition(".")[0]


def read(path: Path) -> list[Record]:
    return list(READERS[detect(path)](path))


def comments(records: list[Record]) -> dict[str, CommentRecord]:
    return {each.source_id: each for each in records if isinstance(each, CommentRecord)}


def pages(records: list[Record]) -> dict[str, ThreadRecord]:
    return {each.source_id: each for each in records if isinstance(each, ThreadRecord)}


@pytest.mark.parametrize("file", FILES)
def test_a_file_is_detected_by_its_content(file: str, save: Save) -> None:
    path = FILES[file] if file in FOLDERS else save(FILES[file].read_bytes())
    assert detect(path) == program(file)


@pytest.mark.parametrize("file", NEW)
def test_status_parent_and_author_of_each_comment(file: str) -> None:
    found = comments(read(FILES[file]))
    written = [f"{id} {each.status} {each.parent_source_id or '-'} {each.name}" for id, each in sorted(found.items())]
    assert tuple(written) == EXPECTED[file]
    known_pages = {*pages(read(FILES[file])), "blog-b"}  # a folder without the page's own file
    assert {each.thread_source_id for each in found.values()} <= known_pages
    assert all(each.body and each.created_at.year > 2000 for each in found.values())


@pytest.mark.parametrize("file", NEW)
def test_skips_and_guesses_are_reported(file: str) -> None:
    records = read(FILES[file])
    skipped = [each.reason for each in records if isinstance(each, Skip)]
    assert (skipped, {id: each.notes for id, each in comments(records).items() if each.notes}) == REPORTED[file]


@pytest.mark.parametrize("file", [file for file in NEW if file not in FOLDERS])
def test_a_truncated_file_is_reported_after_its_records(file: str, save: Save) -> None:
    whole = FILES[file].read_bytes()
    known = comments(read(FILES[file])).keys()
    for share in (0.2, 0.5, 0.8):
        seen: list[Record] = []
        with pytest.raises(UnreadableFile):
            for record in READERS[program(file)](save(whole[: int(len(whole) * share)])):
                seen.append(record)
        assert comments(seen).keys() <= known | {each.id for each in seen if isinstance(each, Skip)}


WRONG = (None, True, 1e300, 10**400, "x", ["x"], {"$date": {"$numberLong": "x"}})


def with_wrong_values(value: Any) -> Iterator[Any]:
    """The value with one part of another type; of a list, only its first element changes."""
    yield from WRONG
    if isinstance(value, dict):
        for key in value:
            yield from (value | {key: changed} for changed in with_wrong_values(value[key]))
    elif isinstance(value, list) and value:
        yield from ([changed, *value[1:]] for changed in with_wrong_values(value[0]))


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
    read_whole = 0
    for changed in with_wrong_values(first):
        with suppress(UnreadableFile):
            records = list(READERS[program(file)](save(json.dumps(changed) + "\n" + tail)))
            assert all(each.created_at.tzinfo and each.thread_source_id for each in comments(records).values())
            read_whole += 1
    assert read_whole > 50


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


def test_a_dump_of_cusdis_keeps_newlines_and_hides_pages_of_deleted_projects() -> None:
    records = read(FILES["cusdis.sql"])
    assert comments(records)["c1"].body == "Two lines,\nand a tab:\t\\"
    assert [each for each in records if isinstance(each, HiddenPage)] == [HiddenPage("p3")]


def test_pages_of_the_smaller_systems_get_address_title_and_state() -> None:
    found = {file: list(pages(read(FILES[file])).values()) for file in NEW}
    assert [(each.url, each.title, each.open) for each in found["artalk.json"]] == [
        ("https://example.com/a/", "Page A", True),
        ("/b/", "Page B", False),
    ]
    assert [(each.url, each.title, each.open) for each in found["comentario.json"]] == [
        ("/a/", "Page A", True),
        ("/b/", "Page B", False),
    ]
    assert [each.url for each in found["blogger.atom"]] == [
        "/2021/05/a.html",
        "/2021/05/b.html",
        "https://example.com/2010/05/c.html",
    ]
    assert [(each.url, each.open) for each in found["coral.json"]] == [
        ("https://example.com/a/", True),
        ("https://example.com/b/", False),
    ]
    assert [(each.url, each.open) for each in found["github.json"]] == [
        ("https://example.com/posts/a/", True),
        ("/posts/b/", False),
        ("https://example.com/c/", True),
    ]
    assert [(each.url, each.title, each.open) for each in found["hyvor.json"]] == [
        ("https://example.com/a/", "Page A", True),
        ("/b/", "Page B", False),
    ]
    assert [each.url for each in found["twikoo.json"]] == ["/a/", "https://example.com/b/"]
    assert [each.url for each in found["waline.json"]] == ["/a/", "/b/"]


def test_bodies_keep_their_markup() -> None:
    found = {file: comments(read(FILES[file])) for file in NEW}
    assert found["waline.csv"]["1"].body == 'Two lines,\n"quoted"'
    assert [found["coral.json"][id].body for id in ("c1", "c2")] == [
        "<div>こんにちは <b>edited</b></div>",
        'A reply<p><img src="https://media.example/cat.gif"></p>',
    ]
    formats = {file: {each.format for each in found[file].values()} for file in NEW}
    assert formats["twikoo.json"] == {"html"} and formats["comentario.json"] == {"html", "markdown"}


def test_times_are_read_in_each_form_that_a_system_has_used() -> None:
    waline, twikoo = comments(read(FILES["waline.json"])), comments(read(FILES["twikoo.json"]))
    written = [*waline.values()][:4] + [*twikoo.values()][:4]
    assert [each.created_at.day for each in written] == [1, 2, 3, 4, 1, 2, 3, 4]
    assert comments(read(FILES["artalk.json"]))["1"].created_at.isoformat() == "2021-05-01T10:00:00+00:00"


def test_a_draft_of_blogger_is_a_hidden_page_and_text_keeps_its_escapes() -> None:
    records = read(FILES["blogger.atom"])
    assert [each for each in records if isinstance(each, HiddenPage)] == [HiddenPage("2")]
    found = comments(records)
    assert found["11"].body == "こんにちは <b>Tom &amp; Jerry</b>"
    assert (found["11"].website, found["31"].email) == ("https://www.blogger.com/profile/77", "")
    assert found["31"].created_at.isoformat() == "2010-05-01T18:00:00+00:00"


def test_accounts_and_staff_are_known() -> None:
    found = {file: comments(read(FILES[file])).values() for file in NEW}
    assert {file: [each.source_id for each in found[file] if each.is_staff] for file in STAFF} == STAFF
    assert [each.account for each in found["waline.json"]] == ["", "7", "7", "8", "", ""]
    assert [each.account for each in found["hyvor.json"]] == [
        "hyvor_7",
        "sso_8",
        "",
        "",
        "hyvor_9",
        "hyvor_7",
        "hyvor_7",
    ]
    assert [each.account for each in found["comentario.json"]] == ["u1", "u2", "", "gone", "u1"]
    assert [each.account for each in found["blogger.atom"]] == ["https://www.blogger.com/profile/77", *[""] * 7]


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def members_of(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder.parent)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_zip_archive_is_read_like_its_folder(name: str, tmp_path: Path) -> None:
    archive = zipped(tmp_path / "export", members_of(FILES[name]))
    assert detect(archive) == name
    assert comments(read(archive)).keys() == comments(read(FILES[name])).keys()


def collections_of_coral() -> dict[str, bytes]:
    """As mongoexport writes them, one file for each collection, here with one that has no records for an import."""
    kinds = {"stories": "commentCounts", "comments": "revisions", "users": "tokens", "commentActions": "actionType"}
    lines = FILES["coral.json"].read_bytes().splitlines(keepends=True)
    users = [line.replace(b"{", b'{"tenantID":"t",', 1) for line in lines]
    return {
        f"coral/{name}.json": b"".join(each for each in users if f'"{key}"'.encode() in each)
        for name, key in kinds.items()
    }


def test_coral_may_be_a_folder_or_an_archive_of_its_collections(tmp_path: Path) -> None:
    members = collections_of_coral()
    packed = {"a.json.gz": gzip.compress(members["coral/users.json"]), **members, "readme.txt": b"Hello"}
    packed["coral/users.json"] = b"\xef\xbb\xbf[]"
    (tmp_path / "folder").mkdir()
    for name, content in packed.items():
        (tmp_path / "folder" / name.rpartition("/")[2]).write_bytes(content)
    (tmp_path / "folder" / "b.json").symlink_to("/etc/passwd")
    whole = comments(read(FILES["coral.json"]))
    for path in (tmp_path / "folder", zipped(tmp_path / "zip", packed)):
        assert detect(path) == "coral"
        records = read(path)
        assert {id: (each.name, each.email) for id, each in comments(records).items()} == {
            id: (each.name, each.email) for id, each in whole.items()
        }
        assert not [each for each in records if isinstance(each, Skip)] and len(pages(records)) == 2


def test_a_truncated_collection_costs_its_own_end_only(tmp_path: Path) -> None:
    members = collections_of_coral()
    members["coral/comments.json"] = members["coral/comments.json"][:-60]
    seen: list[Record] = []
    with pytest.raises(TruncatedFile):
        for record in READERS["coral"](zipped(tmp_path / "zip", members)):
            seen.append(record)
    assert len(comments(seen)) == 5 and len(pages(seen)) == 2
    assert [each.reason for each in seen if isinstance(each, Skip)] == [Reason.CUT_OFF]
    damaged = zipped(tmp_path / "damaged", collections_of_coral())
    content = damaged.read_bytes()
    at = content.index(b"coral/comments.json") + 60
    damaged.write_bytes(content[:at] + bytes(20) + content[at + 20 :])
    with pytest.raises(UnreadableFile):
        list(READERS["coral"](damaged))


@pytest.mark.parametrize("is_nested", [False, True])
def test_an_archive_of_collections_that_is_a_bomb_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_nested: bool
) -> None:
    monkeypatch.setattr(folder_parts, "RATIO_GRACE", 1 << 20)
    bomb = collections_of_coral()["coral/comments.json"] + b" " * (9 << 20)
    member = {"z.json.gz": gzip.compress(bomb)} if is_nested else {"z.json": bomb}
    with pytest.raises(UnreadableFile) as error:
        list(READERS["coral"](zipped(tmp_path / "bomb", collections_of_coral() | member)))
    assert error.value.trouble is Trouble.BOMB


def test_names_in_an_archive_are_labels_and_never_paths(tmp_path: Path) -> None:
    row = b'{"body": "Hello", "date": "2015-02-03T12:04:05Z"}'
    names = ["../../threads/a/1.json", "/etc/threads/b/1.json", "threads/../../c/1.json"]
    found = comments(read(zipped(tmp_path / "export", dict.fromkeys(names, row))))
    assert len(found) == 3 and all(each.body == "Hello" for each in found.values())
    assert [each.name for each in tmp_path.iterdir()] == ["export"]


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('{"body": "secret", "date": "2015-02-03T12:04:05Z"}')
    thread = tmp_path / "threads" / "a"
    thread.mkdir(parents=True)
    (thread / "1.json").write_text('{"body": "Hello", "date": "2015-02-03T12:04:05Z"}')
    (thread / "2.json").symlink_to(secret)
    (tmp_path / "threads" / "b").symlink_to(tmp_path)
    records = read(tmp_path / "threads")
    assert [each.body for each in comments(records).values()] == ["Hello"]
    assert [each.reason for each in records if isinstance(each, Skip)] == [Reason.UNKNOWN_RECORD]


def test_a_zip_bomb_is_refused_and_a_large_file_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = b'{"body": "Hello", "date": "2015-02-03T12:04:05Z"}'
    large = {"a/1.json": row, "a/2.json": row + b" " * folder.MAX_FILE}
    records = read(zipped(tmp_path / "large", large))
    assert [each.reason for each in records if isinstance(each, Skip)] == [Reason.TOO_LARGE]
    monkeypatch.setattr(folder, "RATIO_GRACE", 1 << 20)
    with pytest.raises(UnreadableFile) as error:
        list(
            READERS["hashover"](zipped(tmp_path / "bomb", {f"a/{number}.json": b" " * 900_000 for number in range(9)}))
        )
    assert error.value.trouble is Trouble.BOMB


def test_a_list_of_files_too_long_to_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = zipped(tmp_path / "export", dict.fromkeys(map("a/{}.json".format, range(99)), b"{}"))
    monkeypatch.setattr(folder, "MAX_DIRECTORY", 1_000)
    with pytest.raises(UnreadableFile) as error:
        detect(archive)
    assert error.value.trouble is Trouble.TOO_MANY


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=6)), min_size=1, max_size=6))
def test_a_mutated_archive_raises_nothing_but_a_refusal(mutations: list[tuple[float, int, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as parent:
        path = zipped(Path(parent) / "export", members_of(FILES["staticman"]))
        content = path.read_bytes()
        for place, removed, added in mutations:
            at = int(place * len(content))
            content = content[:at] + added + content[at + removed :]
        path.write_bytes(content)
        for reader in (READERS["hashover"], READERS["staticman"], lambda path: READERS[detect(path)](path)):
            with suppress(UnreadableFile):
                for record in reader(path):
                    str(record).encode()


@given(st.dictionaries(st.sampled_from(["name", "_id", "the date"]), st.text(max_size=60)))
@settings(max_examples=60, deadline=None)
def test_quoted_yaml_is_read_as_it_was_written(fields: dict[str, str]) -> None:
    written = "".join(f"{key}: {json.dumps(value)}\n" for key, value in fields.items())
    assert flat_yaml.mapping(written) == fields


@given(
    st.text(max_size=300) | st.lists(st.sampled_from(["a: ", "'", '"', "|", ">", "\n", " ", "- ", "#"])).map("".join)
)
@settings(max_examples=150, deadline=None)
def test_no_text_is_too_much_for_the_yaml_reader(text: str) -> None:
    assert all(isinstance(value, str) for value in flat_yaml.mapping(text).values())


def test_a_page_of_a_folder_has_the_address_of_its_file_or_its_name() -> None:
    assert [each.url for each in pages(read(FILES["hashover"])).values()] == ["https://example.com/blog/a"]
    assert [each.url for each in pages(read(FILES["staticman"])).values()] == ["/page-a/", "/page-b/"]
    found = comments(read(FILES["staticman"]))
    assert found["5b8d6f00-0001"].body == "こんにちは, two lines in one paragraph.\nAnother: one."
    assert [found[f"5b8d6f00-000{number}"].created_at.day for number in range(1, 5)] == [1, 2, 3, 4]
    assert [each.email for each in found.values()] == ["", "bob@example.com", "", ""]


def test_a_parent_in_staticman_is_a_comment_and_not_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "comments" / "a-post"
    folder.mkdir(parents=True)
    rows = {
        "1": "_parent: blog/a-post\nreplying_to_uid: ''",
        "2": "_parent: https://example.com/a-post/\nreplying_to_uid: '1'",
        "3": "_parent: a-post\nreplying_to: '2'",
        "4": "_parent: '3'",
    }
    for id, fields in rows.items():
        (folder / f"{id}.yml").write_text(f"_id: '{id}'\nmessage: Hi\nname: A\ndate: 1714228019\n{fields}\n")
    found = comments(read(tmp_path / "comments"))
    assert {id: each.parent_source_id for id, each in found.items()} == {"1": None, "2": "1", "3": "2", "4": "3"}


def test_votes_for_a_comment_are_kept_in_each_form() -> None:
    found = {file: comments(read(FILES[file])) for file in NEW}
    liked = {
        "artalk.json": "1",
        "comentario.json": "c1",
        "hashover": "blog-a/1",
        "hyvor.json": "11",
        "twikoo.json": "a1",
        "waline.json": "1",
    }
    assert {file: found[file][id].helpful for file, id in liked.items()} == {
        "artalk.json": 3,
        "comentario.json": 1,
        "hashover": 2,
        "hyvor.json": 3,
        "twikoo.json": 1,
        "waline.json": 2,
    }


def test_replies_of_cusdis_may_be_20_levels_deep(save: Save) -> None:
    def row(level: int) -> dict[str, Any]:
        replies = [row(level + 1)] if level < 20 else []
        page = {"id": "p", "url": "https://example.com/a/"}
        return {"id": str(level), "by_nickname": "", "content": "Hi", "page": page, "replies": {"data": replies}}

    found = comments(read(save(json.dumps({"data": {"commentCount": 20, "data": [row(1)]}}))))
    assert {each.source_id: each.parent_source_id for each in found.values()} == {
        "1": None,
        **{str(level): str(level - 1) for level in range(2, 21)},
    }


def test_accounts_that_are_none_do_not_make_one_author_of_many(save: Save) -> None:
    row = {"issue_url": "https://api.github.com/repos/o/r/issues/9", "body": "Hi", "user": {"login": "ghost"}}
    ghosts = comments(read(save(json.dumps([row | {"id": id, "author_association": "NONE"} for id in (1, 2)]))))
    assert [each.account for each in ghosts.values()] == ["", ""]
    row = {"domain": "example.com", "url": "/a", "commenterHex": "0" * 64, "state": "approved", "markdown": "Hi"}
    people = [{"commenterHex": "p", "name": "Alice", "websiteUrl": "https://alice.example/"}]
    rows = [row | {"commentHex": "a"}, row | {"commentHex": "b", "commenterHex": "p"}]
    found = comments(read(save(json.dumps({"version": 1, "comments": rows, "commenters": people}))))
    assert [(each.account, each.website, Note.NO_AUTHOR in each.notes) for each in found.values()] == [
        ("", "", False),
        ("p", "https://alice.example/", False),
    ]


def test_a_file_that_speaks_of_another_program_stays_its_own(save: Save) -> None:
    text = "<![CDATA[<feed> tag:blogger.com,1999: schemas.google.com/blogger/ ]]>"
    assert detect(save(wxr(page(comment(1, text))))) == "wordpress"
    speaking = FILES["disqus.xml"].read_text().replace("<message>", "<message><![CDATA[<rss version='2.0'>]]>", 1)
    assert detect(save(speaking)) == "disqus"


@pytest.mark.parametrize("repeated", [" #", "'", '"', "\\", "a ", "|", "\n", "a: b\n", "a: 'b\n", ": "])
def test_no_yaml_takes_long(repeated: str) -> None:
    text = "a: b" + repeated * (folder.MAX_FILE // 4 // len(repeated)) + "\n c"
    begun = time.process_time()
    flat_yaml.mapping(text)
    flat_yaml.mapping("a: '" + text)
    flat_yaml.mapping('a: "' + text)
    assert time.process_time() - begun < 10

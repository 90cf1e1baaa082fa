"""The same export, written in another way that its program or a common tool uses, gives the same records."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.transfer.detect import READERS, detect
from app.transfer.record import CommentRecord, Record, Skip, ThreadRecord, TruncatedFile, UnreadableFile
from tests.transfer.exports import FIXTURES, comment, page, wxr
from tests.transfer.test_more_formats import documents, zipped

Save = Callable[[str | bytes], Path]

FILES = {path.name: path for path in sorted(FIXTURES.iterdir()) if path.is_file()}


def as_utf16(text: str) -> bytes:
    """As Windows PowerShell writes the output of a command."""
    return text.replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16")


def variants(name: str) -> dict[str, bytes]:
    text = FILES[name].read_text()
    found = {
        "gzip": gzip.compress(text.encode()),
        "byte order mark": b"\xef\xbb\xbf" + text.encode(),
        "UTF-16": as_utf16(text),
        "CRLF": text.replace("\n", "\r\n").encode(),
        "blank lines": text.encode() + b"\n\n",
    }
    return found | (json_variants(documents(text)) if name.endswith(".json") else {})


def json_variants(found: list[Any]) -> dict[str, bytes]:
    written = {
        "indented": "\n".join(json.dumps(each, indent=2) for each in found),
        "compact": "".join(json.dumps(each, separators=(",", ":")) for each in found),
    }
    if all(isinstance(each, list) for each in found):
        rows = [row for each in found for row in each]
        written |= {"one list": json.dumps(rows), "JSON lines": "\n".join(map(json.dumps, rows))}
    return {name: text.encode() for name, text in written.items()}


def told(records: list[Record]) -> list[list[Any]]:
    """What matters of the records; newlines in a body are the same to its sanitiser in each form."""
    comments = (each for each in records if isinstance(each, CommentRecord))
    return [
        sorted(
            (each.source_id, each.parent_source_id, each.name, each.email, each.body.replace("\r", ""), each.status,
             str(each.created_at), each.thread_source_id, each.account, each.is_staff)
            for each in comments
        ),
        sorted((each.source_id, each.url, each.title, each.open) for each in records if isinstance(each, ThreadRecord)),
        sorted((str(each.id), each.reason) for each in records if isinstance(each, Skip)),
    ]  # fmt: skip


def read(path: Path) -> tuple[str, list[list[Any]]]:
    form = detect(path)
    return form, told(list(READERS[form](path)))


@pytest.mark.parametrize("name", FILES)
def test_an_export_may_be_encoded_and_laid_out_in_other_ways(name: str, save: Save) -> None:
    expected = read(FILES[name])
    for variant, content in variants(name).items():
        assert read(save(content)) == expected, variant


@pytest.mark.parametrize("name", ["artalk", "coral", "cusdis", "github", "hyvor", "twikoo"])
def test_answers_that_were_put_into_one_list_are_read_like_one_after_the_other(name: str, save: Save) -> None:
    """By `gh api --paginate --slurp` or `jq --slurp`."""
    file = FILES[f"{name}.json"]
    assert read(save(json.dumps(documents(file.read_text()), indent=1))) == read(file)


def test_an_export_in_several_parts_is_one_folder_or_archive(tmp_path: Path) -> None:
    """WordPress splits a large export, and WordPress.com makes a zip archive; a reply may be in any part."""
    first, second = wxr(page(comment(2, parent="1"))), wxr(page(comment(1), number=1), page(comment(3), number=2))
    members = {"a/1.xml": first.encode(), "a/2.xml.gz": gzip.compress(second.encode()), "a/._1.xml": b"\0\5\x16\7"}
    (tmp_path / "a").mkdir()
    for name, content in members.items():
        (tmp_path / name).write_bytes(content)
    for path in (tmp_path / "a", zipped(tmp_path / "zip", members)):
        form, (comments, pages, skips) = read(path)
        assert form == "wordpress" and [each[:2] for each in comments] == [("1", None), ("2", "1"), ("3", None)]
        assert {each[0] for each in pages} == {"1", "2"} and skips == []
    cut = zipped(tmp_path / "cut", members | {"a/1.xml": first[:-20].encode()})
    seen: list[Record] = []
    with pytest.raises(TruncatedFile):
        for record in READERS["wordpress"](cut):
            seen.append(record)
    assert {each.source_id for each in seen if isinstance(each, CommentRecord)} == {"1", "2", "3"}
    mixed = zipped(tmp_path / "mixed", members | {"b.xml": FILES["disqus.xml"].read_bytes()})
    with pytest.raises(UnreadableFile):
        detect(mixed)
    assert sum(isinstance(each, CommentRecord) for each in READERS["wordpress"](mixed)) == 3


def test_backups_of_several_sites_of_remark42_may_be_in_one_file(save: Save) -> None:
    text = FILES["remark42.ndjson"].read_text()
    closed = '{"version": 1, "users": null, "posts": [{"url": "https://example.org/x/", "read_only": true}]}\n'
    row = {"id": "o1", "text": "Hi", "time": "2020-01-02T03:04:05Z", "locator": {"url": "https://example.org/x/"}}
    backups = gzip.compress(text.encode()) + gzip.compress((closed + json.dumps(row) + "\n").encode())
    _form, (comments, pages, skips) = read(save(backups))
    assert (
        len(comments) == 4 and skips == [] and ("https://example.org/x/", "https://example.org/x/", "", False) in pages
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"version": 1, "comments": null, "commenters": null}',
        '{"version": 3, "pages": null, "comments": null, "commenters": null}',
        '{"type": "waline", "data": {"Comment": null, "Users": null}}',
    ],
    ids=["commento", "comentario", "waline"],
)
def test_an_export_without_comments_may_have_null_in_the_place_of_a_list(text: str, save: Save) -> None:
    assert read(save(text))[1] == [[], [], []]

"""A hostile export costs a refusal or one skipped record, and little time and memory."""

import gzip
import json
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.transfer.record import Reason, Trouble
from tests.transfer.conftest import ROOT
from tests.transfer.exports import FIXTURES, HEAD, TAIL, comment, page, wxr

MAX_GROWTH = 150  # MiB above an idle process; the documented limit for any import is 300 in all
MAX_SECONDS = 10  # CPU seconds; on an idle machine each takes a few at most

READER = """
import json, os, resource, signal, sys, time
from collections import Counter
from app.transfer.detect import READERS
from app.transfer.record import Skip, UnreadableFile
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
def read(form, path):
    before, counts, reasons, trouble = peak(), Counter(), Counter(), None
    try:
        for record in READERS[form](path):
            counts[type(record).__name__] += 1
            if isinstance(record, Skip):
                reasons[record.reason] += 1
    except UnreadableFile as error:
        trouble = error.trouble
    print(json.dumps([counts, reasons, trouble, peak() - before, time.process_time()]), flush=True)
for line in sys.stdin:
    if child := os.fork():
        if os.waitpid(child, 0)[1]:
            print("null", flush=True)
    else:
        signal.alarm(120)
        read(*json.loads(line))
        os._exit(0)
"""


class Outcome:
    def __init__(self, answer: str) -> None:
        counts, self.reasons, self.trouble, self.growth, self.seconds = json.loads(answer)
        self.comments = counts.get("CommentRecord", 0)
        self.skipped = counts.get("Skip", 0)


Reading = Callable[[str, Path], Outcome]


@pytest.fixture(scope="module")
def read_apart() -> Iterator[Reading]:
    """Read a file in a forked process: its peak memory, which must stay in bounds, and CPU time are its own."""
    command = [sys.executable, "-c", READER]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as reader:

        def read(form: str, path: Path) -> Outcome:
            reader.stdin.write(json.dumps([form, str(path)]) + "\n")
            answer = reader.stdout.readline().strip()
            assert answer not in ("", "null"), f"the reader of {path} died"
            outcome = Outcome(answer)
            assert outcome.growth < MAX_GROWTH
            assert outcome.seconds < MAX_SECONDS
            return outcome

        yield read


def write(path: Path, pieces: Iterator[str] | list[str]) -> Path:
    with path.open("w") as file:
        file.writelines(pieces)
    return path


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE rss [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/evil.dtd">',
        '<!doctype rss [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]>',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused(read_apart: Reading, tmp_path: Path, declaration: str, encoding: str) -> None:
    path = tmp_path / "export"
    path.write_bytes(wxr(page(comment(1, "&a;&b;"))).replace("<rss", declaration + "<rss").encode(encoding))
    outcome = read_apart("wordpress", path)
    assert (outcome.trouble, outcome.comments) == (Trouble.DOCUMENT_TYPE, 0)


def test_a_gzip_bomb_is_refused(read_apart: Reading, tmp_path: Path) -> None:
    packer = zlib.compressobj(9, wbits=31)
    path = tmp_path / "export.gz"
    with path.open("wb") as file:
        file.write(packer.compress((HEAD + "<item>").encode()))
        for _ in range(400):
            file.write(packer.compress(b" " * (1 << 20)))
        file.write(packer.flush())
    outcome = read_apart("wordpress", path)
    assert (outcome.trouble, outcome.comments) == (Trouble.BOMB, 0)


def test_a_comment_of_100_megabytes_is_skipped_and_the_next_is_read(read_apart: Reading, tmp_path: Path) -> None:
    before, after = wxr(page(comment(1), comment(2, "<![CDATA[HERE]]>"), comment(3))).split("HERE")
    path = write(tmp_path / "export", [before, *("面白い " * 1000 for _ in range(25_000)), after])
    assert path.stat().st_size > 200_000_000
    outcome = read_apart("wordpress", path)
    assert (outcome.comments, outcome.reasons) == (2, {Reason.TOO_LARGE: 1})


def test_a_comment_just_below_the_limit_of_a_record_is_skipped_as_too_large(
    read_apart: Reading, tmp_path: Path
) -> None:
    path = write(tmp_path / "export", [wxr(page(comment(1), comment(2, f"<![CDATA[{'a' * 2_000_000}]]>")))])
    outcome = read_apart("wordpress", path)
    assert (outcome.comments, outcome.reasons) == (1, {Reason.TOO_LARGE: 1})


def test_10_000_elements_inside_each_other_are_skipped(read_apart: Reading, tmp_path: Path) -> None:
    deep = "<a>" * 10_000 + "</a>" * 10_000
    path = write(tmp_path / "export", [wxr(page(comment(1), comment(2, deep, extra=deep), deep, comment(3)))])
    outcome = read_apart("wordpress", path)
    assert (outcome.comments, outcome.reasons) == (2, {Reason.TOO_DEEP: 1})


@pytest.mark.parametrize(
    "repeated",
    [
        "<wp:comment>",
        "<wp:comment><wp:comment_content><![CDATA[",
        "<wp:comment ",
        "<title>",
        "<title><![CDATA[",
        "<![CDATA[",
        "<!--",
        "<item>",
        "</item>",
        "<wp:comment/>",
        "<wp:comment>&</wp:comment>",
        "&amp",
        "<",
        "]]>",
        " \n",
    ],
)
@pytest.mark.parametrize("end", ["", "]]></wp:comment>"])
def test_no_tag_repeated_for_a_megabyte_takes_long(
    read_apart: Reading, tmp_path: Path, repeated: str, end: str
) -> None:
    many = repeated * (1_000_000 // len(repeated))
    path = write(tmp_path / "export", [HEAD, page(comment(1)), "<item>", many, end, TAIL])
    assert read_apart("wordpress", path).comments >= 1


@pytest.mark.parametrize(
    "repeated", ["&", "<", "<b ", "<b>", "<!--", "<![CDATA[", "]]>", "<br", "<br ", " ", "<p ", "a='", "\n"]
)
@pytest.mark.parametrize("sectioned", [True, False])
def test_no_body_takes_long(read_apart: Reading, tmp_path: Path, repeated: str, sectioned: bool) -> None:
    body = repeated * (1_000_000 // len(repeated))
    body = f"<![CDATA[{body}]]>" if sectioned else body
    path = write(tmp_path / "export", [wxr(page(comment(1), comment(2, body), comment(3)))])
    outcome = read_apart("wordpress", path)
    assert outcome.comments + outcome.skipped >= 2


def remark42_line(**changes: Any) -> str:
    row = {"id": "1", "pid": "", "text": "<p>Hello</p>", "user": {"name": "Alice"}}
    row |= {"locator": {"site": "s", "url": "https://example.com/1/"}, "time": "2020-01-02T03:04:05Z"}
    return json.dumps(row | changes) + "\n"


def test_hostile_lines_of_remark42_cost_only_themselves(read_apart: Reading, tmp_path: Path) -> None:
    lines = [
        '{"version":1,"users":[],"posts":[]}\n',
        remark42_line(),
        "[" * 1_000_000 + "\n",
        remark42_line(id="2", text="a" * 100_000_000),
        '{"id": ' + "9" * 1_000_000 + "}\n",
        "not json\n",
        remark42_line(id="3", text="\0\ud800 fine"),
    ]
    outcome = read_apart("remark42", write(tmp_path / "export", lines))
    assert (outcome.comments, outcome.skipped, outcome.trouble) == (2, 4, None)


def test_hostile_elements_of_commento_cost_only_themselves(read_apart: Reading, tmp_path: Path) -> None:
    row = {"commentHex": "a", "domain": "example.com", "url": "/", "markdown": "Hello", "state": "approved"}
    elements = [
        json.dumps(row),
        '{"commentHex": "b", "markdown": ' + "[" * 100_000 + "]" * 100_000 + "}",
        json.dumps(row | {"commentHex": "c", "markdown": "a" * 100_000_000}),
        "7",
        json.dumps(row | {"commentHex": "d"}),
    ]
    text = '{"version": 1, "comments": [' + ",".join(elements) + '], "commenters": []}'
    outcome = read_apart("commento", write(tmp_path / "export", [text]))
    assert (outcome.comments, outcome.skipped, outcome.trouble) == (2, 3, None)


# The beginning of a later comment in the fixture, a comment whose body is huge or deep, and an element of a wrong type.
HOSTILE = {
    "artalk.json": ('{"id": 2', '{"id": "h", "page_key": "/a/", "content": %s},', "7,"),
    "comentario.json": ('{"id": "c1"', '{"id": "h", "pageId": "p1", "markdown": %s},', "7,"),
    "coral.json": (
        '{"_id":{"$oid":"60b000000000000000000013"',
        '{"id": "h", "storyID": "s1", "revisions": %s},',
        "[7]",
    ),
    "cusdis.json": ('{"id": "c3"', '{"id": "h", "page": {"id": "p1"}, "content": %s},', "7,"),
    "hyvor.json": ('{"id": 13', '{"id": "h", "user": {}, "page": {"id": 2}, "body_html": %s},', "7,"),
    "twikoo.json": ('{"_id": "c3"', '{"_id": "h", "nick": "", "url": "/a/", "comment": %s},', "7,"),
    "waline.json": ('{"objectId": 1', '{"objectId": "h", "url": "/a/", "comment": %s},', "7,"),
}


@pytest.mark.parametrize("file", HOSTILE)
def test_hostile_elements_of_other_json_cost_only_themselves(read_apart: Reading, tmp_path: Path, file: str) -> None:
    first, row, wrong = HOSTILE[file]
    before, found, after = (FIXTURES / file).read_text().partition(first)
    known = read_apart(file.partition(".")[0], FIXTURES / file)
    huge, deep = ('"', "a" * 8_000_000, '"'), "[" * 100_000 + "]" * 100_000
    head, _, tail = row.partition("%s")
    pieces = [before, head, *huge, tail, head, deep, tail, wrong, found, after]
    outcome = read_apart(file.partition(".")[0], write(tmp_path / "export", pieces))
    assert (outcome.comments, outcome.skipped, outcome.trouble) == (known.comments, known.skipped + 3, None)
    assert outcome.reasons.keys() >= {Reason.TOO_LARGE, Reason.TOO_DEEP, Reason.UNKNOWN_RECORD}


@pytest.mark.parametrize(("file", "first"), [("waline.csv", '"2","Bob"'), ("cusdis.sql", "c2\tp2")])
def test_a_huge_row_of_a_table_costs_only_itself(read_apart: Reading, tmp_path: Path, file: str, first: str) -> None:
    before, found, after = (FIXTURES / file).read_text().partition(first)
    known = read_apart(file.partition(".")[0], FIXTURES / file)
    huge = [f"{first[:2]}9", *("a" * 1_000_000 for _ in range(8)), '"\n' if file.endswith("csv") else "\n"]
    outcome = read_apart(file.partition(".")[0], write(tmp_path / "export", [before, *huge, found, after]))
    assert (outcome.comments, outcome.trouble) == (known.comments, None)
    assert outcome.reasons == {**known.reasons, Reason.TOO_LARGE: 1}


@pytest.mark.parametrize("repeated", ['"', '"a', "\n", ",", '""', "\\", "[", "{", '{"a":', '{"data":', "[]", "COPY ("])
@pytest.mark.parametrize("form", ["waline", "cusdis", "twikoo"])
def test_no_text_repeated_for_long_takes_long(read_apart: Reading, tmp_path: Path, form: str, repeated: str) -> None:
    head = {"waline": "nick,url,comment\n", "cusdis": "COPY comments (by_nickname) FROM stdin;\n", "twikoo": "["}[form]
    read_apart(form, write(tmp_path / "export", [head, repeated * (200_000 // len(repeated))]))
    read_apart(form, write(tmp_path / "export", [repeated * (200_000 // len(repeated))]))


def test_packed_noise_is_refused(read_apart: Reading, tmp_path: Path) -> None:
    path = tmp_path / "export"
    path.write_bytes(gzip.compress(bytes(range(256)) * 40_000))
    assert read_apart("wordpress", path).trouble is not None

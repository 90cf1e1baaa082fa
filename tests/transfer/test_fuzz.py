"""Mutated exports are read, skipped or refused; no reader crashes, no record vanishes silently."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.transfer.detect import READERS, detect
from app.transfer.record import CommentRecord, Skip, UnreadableFile
from tests.transfer.exports import FIXTURES, comment, page, wxr

SEEDS = {path.name: path.read_bytes() for path in sorted(FIXTURES.glob("*.*"))}
THOROUGHLY = ("wordpress", "disqus", "commento", "remark42")  # each with a parser of its own; the others share them
SNIPPETS = [
    b"<",
    b">",
    b"&",
    b"]]>",
    b"<![CDATA[",
    b"<!--",
    b"-->",
    b"\0",
    b"\xff\xfe",
    b"\xe3\x81",
    b"<?",
    b"/>",
]
SNIPPETS += [
    b"<wp:comment>",
    b"</wp:comment>",
    b"<item>",
    b"</item>",
    b"</rss>",
    b"<!DOCTYPE a>",
    b"&#0;",
    b"&x;",
]
SNIPPETS += [
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\\",
    b"\n",
    b"null",
    b"1e999",
    b"\\ud800",
    b"-1",
    b"\x1f\x8b",
]

MUTATION = st.tuples(st.floats(0, 1), st.integers(0, 60), st.sampled_from(SNIPPETS) | st.binary(max_size=6))


def mutated(content: bytes, mutations: list[tuple[float, int, bytes]]) -> bytes:
    for place, removed, added in mutations:
        at = int(place * len(content))
        content = content[:at] + added + content[at + removed :]
    return content


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_a_mutated_export_raises_nothing_but_a_refusal(name: str) -> None:
    @settings(max_examples=150 if name.partition(".")[0] in THOROUGHLY else 40, deadline=None)
    @given(st.lists(MUTATION, min_size=1, max_size=6))
    def read_mutated(mutations: list[tuple[float, int, bytes]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "export"
            path.write_bytes(mutated(SEEDS[name], mutations))
            for reader in (READERS[name.partition(".")[0]], lambda path: READERS[detect(path)](path)):
                try:
                    for record in reader(path):
                        str(record).encode()
                        if isinstance(record, CommentRecord):
                            assert record.created_at.utcoffset() is not None
                            (record.body + record.name + record.email).encode()
                except UnreadableFile:
                    pass

    read_mutated()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(max_size=80), min_size=1, max_size=5))
def test_no_text_of_a_comment_loses_another(bodies: list[str]) -> None:
    written = [f"<![CDATA[{body.replace(']]>', ']]]]><![CDATA[>')}]]>" for body in bodies]
    text = wxr(page(*(comment(number, body) for number, body in enumerate(written, 1))))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        records = list(READERS["wordpress"](path))
    found = [record.source_id for record in records if isinstance(record, CommentRecord)]
    assert found == [str(number) for number in range(1, len(bodies) + 1)]
    assert not any(isinstance(record, Skip) for record in records)

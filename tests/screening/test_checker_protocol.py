"""What a checker is told, and which answers are taken."""

import json
from typing import Any

import pytest

from app.screening.checker_protocol import MOST_ANSWER, Nonsense, parse

GOOD = {"verdict": "reject", "confidence": 0.5, "reasons": ["insult"]}


def answer(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


NONSENSE: list[bytes] = [
    b"", b"null", b"[]", b"7", b'"fine"', b"{}", b"<html>", b"\xff\xfe", b"{" * 5000, b"[" * 5000,
    b"[" * 150 + b"]" * 150,
    b'{"a":' * 150 + b"1" + b"}" * 150,
    answer()[:-1], answer() + b"x", json.dumps(GOOD).encode("utf-16"),
    answer(verdict="approve"), answer(verdict="approved"), answer(verdict=None), answer(verdict=["fine"]),
    answer(verdict={"fine": 1}), answer(verdict=True), answer(verdict=""), answer(verdict="FINE"),
    answer(confidence=-0.01), answer(confidence=1.01), answer(confidence="0.5"), answer(confidence=None),
    answer(confidence=True), answer(confidence=[0.5]), answer(confidence=float("nan")),
    answer(confidence=float("inf")), answer().replace(b"0.5", b"1e999"), answer().replace(b"0.5", b"9" * 4000),
    answer().replace(b"0.5", b"-1e999"), answer().replace(b"0.5", b"NaN"), answer().replace(b"0.5", b"-Infinity"),
    answer(reasons="insult"), answer(reasons={"a": 1}), answer(reasons=[1]), answer(reasons=[None]),
    answer(reasons=[["a"]]), answer(reasons=["a"] * 11), answer(reasons=["a" * 201]), answer(reasons=None),
    json.dumps(GOOD | {"more": "x" * MOST_ANSWER}).encode(), json.dumps(GOOD | {"more": [[]] * 200}).encode(),
]  # fmt: skip


@pytest.mark.parametrize("body", NONSENSE, ids=lambda body: body[:40].decode(errors="replace"))
def test_an_answer_of_another_form_is_nonsense(body: bytes) -> None:
    with pytest.raises(Nonsense):
        parse(body)


def test_an_answer_has_verdict_confidence_and_reasons() -> None:
    found = parse(answer())
    assert (found.verdict, found.confidence, found.reasons) == ("reject", 0.5, ("insult",))
    assert parse(b'{"verdict": "fine", "confidence": 1}').reasons == ()
    assert parse(answer(status="approved", publish=True)) == found, "what is unknown is ignored"


def test_reasons_are_cleaned_like_names() -> None:
    found = parse(answer(reasons=["a\u202eb\x00\nc", "\ud800", "  ", "死" * 200]))
    assert found.reasons == ("ab c", "死" * 200)

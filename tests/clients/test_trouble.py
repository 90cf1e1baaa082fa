"""The Python client when the service is busy, slow or gone, and when the answers come from another server."""

import json
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from kaiwa_client import Kaiwa, KaiwaError, NoAnswer, Problem, core

from tests.clients.scripted import BUSY, DECISION, GONE, LIMITED, Answer, Server, scripted

TOKEN = "kw_CanaryOfTheToken0123456789"


@pytest.fixture(scope="module")
def _server() -> Iterator[Server]:
    with scripted() as server:
        yield server


@pytest.fixture
def server(_server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(core, "FIRST_WAIT", 0.0)
    return _server


@pytest.fixture
def kaiwa(server: Server) -> Kaiwa:
    return Kaiwa(server.url, TOKEN, timeout=5)


def decide(kaiwa: Kaiwa) -> Any:
    return kaiwa.decisions.decide_one(42, seen=1, status="approved")


def test_a_write_is_sent_again_with_the_same_key(server: Server, kaiwa: Kaiwa) -> None:
    server.tell("/comments/42/decisions", LIMITED, BUSY, GONE, DECISION)
    assert decide(kaiwa) == {"id": 7}
    keys = {asked.headers["Idempotency-Key"] for asked in server.asked}
    assert len(server.asked) == 4 and len(keys) == 1
    assert {asked.body for asked in server.asked} == {b'{"seen": 1, "status": "approved"}'}
    assert decide(kaiwa) and server.asked[-1].headers["Idempotency-Key"] not in keys


def test_a_write_that_the_service_would_not_recognise_is_not_sent_twice(server: Server, kaiwa: Kaiwa) -> None:
    for lost in (GONE, Answer(503), Answer(200, b"{", length=9)):
        server.tell("/exports/7/download", lost, Answer(200, b"file"))
        with pytest.raises(KaiwaError):
            b"".join(kaiwa.transfers.download(7))
        assert len(server.asked) == 1
    # With Retry-After the service says that it has done nothing.
    server.tell("/exports/7/download", BUSY, Answer(200, b"file"))
    assert b"".join(kaiwa.transfers.download(7)) == b"file" and len(server.asked) == 2


def test_it_gives_up(server: Server, kaiwa: Kaiwa) -> None:
    server.tell("/queue", LIMITED)
    with pytest.raises(Problem) as busy:
        kaiwa.queue.show()
    assert (busy.value.status, busy.value.code, busy.value.retry_after, len(server.asked)) == (
        429,
        "too_many_requests",
        0,
        5,
    )
    server.tell("/queue", Answer(429, b"{}", {"Retry-After": "86400"}), Answer())
    with pytest.raises(Problem):
        kaiwa.queue.show()
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b'{"comments": [', length=100),
        Answer(200, b"not json"),
        Answer(200, b" " * 100 + b"{}", pause=0.1),
        Answer(302, b"", {"Location": "http://127.0.0.1:1/"}),
        Answer(500, b"<html>" * 1000),
        Answer(400, b"[" * 100_000),
        GONE,
    ],
)
def test_an_answer_that_is_none_is_an_error_of_ours_without_the_token(server: Server, answer: Answer) -> None:
    server.tell("/queue", answer)
    kaiwa = Kaiwa(server.url, TOKEN, timeout=0.5, retries=0)
    with pytest.raises(KaiwaError) as refused:
        kaiwa.queue.show()
    told = traceback.TracebackException.from_exception(refused.value, capture_locals=True)
    shown = "".join(told.format()) + repr(refused.value) + repr(kaiwa) + repr(kaiwa._core) + str(vars(kaiwa._core))
    assert TOKEN not in shown and len(server.asked) == 1
    assert server.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_no_address_and_no_token_is_taken_that_would_give_it_away(server: Server) -> None:
    for address in (
        "ftp://a.example",
        "comments.example",
        "https://",
        "https://a:b@c.example",
        "https://a.example?x=1",
    ):
        with pytest.raises(ValueError):
            Kaiwa(address, TOKEN)
    with pytest.raises(ValueError, match="https only"):
        Kaiwa("http://comments.example", TOKEN)
    Kaiwa("http://comments.example"), Kaiwa("http://comments.example", TOKEN, allow_http=True)
    for token in (f"{TOKEN}\r\nX-Other: 1", f"{TOKEN}\n", f" {TOKEN}", "kw_é" + TOKEN):
        with pytest.raises(ValueError) as refused:
            Kaiwa(server.url, token)
        assert TOKEN not in str(refused.value)
    for key in ("", "two words", "a\r\nb", "あ", "k" * 201):
        with pytest.raises(ValueError):
            Kaiwa(server.url, TOKEN).once(key)


def test_pages_are_followed_at_the_same_address_only(server: Server, kaiwa: Kaiwa) -> None:
    def page(number: int, link: str) -> Answer:
        headers = {"Link": f'<http://elsewhere.example/api/v1/comments?{link}>; rel="next"'} if link else {}
        return Answer(200, json.dumps({"comments": [{"id": number}], "next": None}).encode(), headers)

    server.tell("/comments", page(1, "status=spam&after=9"), page(2, "status=spam&after=3"), page(3, ""))
    assert [each["id"] for each in kaiwa.comments.show_all_each(status="spam")] == [1, 2, 3]
    assert [asked.path.partition("?")[2] for asked in server.asked] == [
        "status=spam", "status=spam&after=9", "status=spam&after=3"]  # fmt: skip
    server.tell("/comments", page(1, "after=9"))
    with pytest.raises(NoAnswer, match="next page"):
        list(kaiwa.comments.show_all_each())
    for body in (b"", b"[]", b"{}", b'{"comments": {}}'):
        server.tell("/comments", Answer(200, body))
        with pytest.raises(NoAnswer, match="no page"):
            list(kaiwa.comments.show_all_each())


def test_a_stream_that_is_broken_off_is_no_end(server: Server, kaiwa: Kaiwa) -> None:
    whole = b'{"id": 1}\n{"id": 2}\n'
    server.tell("/log.jsonl", Answer(200, whole))
    assert [row["id"] for row in kaiwa.log.export()] == [1, 2]
    for body, length in ((whole + b'{"error": "broken off"}\n', -1), (whole + b'{"id"', -1), (whole, 999), (b"x\n", -1),
                         (b"[1]\n", -1), (b'"' + b"x" * (3 << 20), -1)):  # fmt: skip
        server.tell("/log.jsonl", Answer(200, body, length=length))
        with pytest.raises(NoAnswer):
            list(kaiwa.log.export())


def test_values_stay_in_their_place_in_the_address(server: Server, kaiwa: Kaiwa) -> None:
    other: Any = "1/../../x?y=1&z#"
    server.tell("/comments/1%2F..%2F..%2Fx%3Fy%3D1%26z%23", Answer())
    kaiwa.comments.show(other)
    for nothing in ("", ".", ".."):
        other = nothing
        with pytest.raises(ValueError, match="id"):
            kaiwa.authors.block(other, reason="")
    server.tell("/search", Answer(200, b'{"comments": []}'))
    kaiwa.log.find(q="a&name=b #ひ", article="")
    assert server.asked[0].path == "/api/v1/search?q=a%26name%3Db+%23%E3%81%B2&article="
    below = Kaiwa(f"{server.url}/comments ひ/", TOKEN)
    with pytest.raises(Problem):
        below.site.token()
    assert server.asked[-1].path == "/comments%20%E3%81%B2/api/v1/token"

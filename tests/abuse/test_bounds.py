"""Each part of a request has a maximum length; longer requests are refused after their headers."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.abuse.bounds import LONGEST_HEADER, LONGEST_PATH, LONGEST_QUERY, MOST_FIELDS, URLENCODED
from app.models import Comment
from app.server.rsgi import RsgiServer
from tests.cast import Reader, a_site
from tests.rsgi import RsgiRequest, RsgiResponse, alone

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LARGEST = 256 * 1024


@pytest.mark.parametrize("path", ["/thread", "/embed/counts", "/login", "/moderate/", "/api/v1/threads", "/none"])
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"query_string": "title=" + "a" * LONGEST_QUERY}, 414),
        ({"query_string": "&" * MOST_FIELDS}, 400),
        ({"headers": {"Accept-Language": "a" * (LONGEST_HEADER + 1)}}, 431),
        ({"headers": {"Cookie": "kaiwa_own=" + "|" * LONGEST_HEADER}}, 431),
        ({"headers": {"X-Unheard-Of": "a" * (LONGEST_HEADER + 1)}}, 431),
    ],
    ids=["query", "parameters", "header", "cookie", "any header"],
)
def test_too_long_requests_are_refused_on_every_page(app: Flask, path: str, asked: dict[str, Any], status: int) -> None:
    # A client that keeps cookies would write that header itself.
    assert app.test_client(use_cookies=False).get(path, **asked).status_code == status


def test_a_path_has_a_longest_length(client: FlaskClient) -> None:
    assert client.get("/act/" + "a" * LONGEST_PATH).status_code == 414
    assert client.get("/act/" + "a" * (LONGEST_PATH - 10)).status_code == 410


def test_a_refusal_is_one_line_in_the_log_and_never_the_text(
    client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    client.get("/thread", query_string="title=" + "a" * LONGEST_QUERY)
    lines = [line for line in capsys.readouterr().err.splitlines() if '"event": "request"' in line]
    assert len(lines) == 1 and '"status": 414' in lines[0] and "a" * 20 not in lines[0]


@pytest.mark.parametrize("path", ["/login", "/logout", "/embed/comments", "/api/v1/comments", "/mail/stop/x", "/none"])
def test_a_large_body_is_refused_by_its_head(app: Flask, path: str) -> None:
    told, server = RsgiResponse(), RsgiServer(app, max_body=app.config["MAX_CONTENT_LENGTH"])

    class Unread:
        """A body that must not be read."""

        response_bytes = staticmethod(told.response_bytes)
        response_str = staticmethod(told.response_bytes)

        def __aiter__(self) -> Any:
            raise AssertionError("the body was read")

    headers = {"content-length": str(LARGEST + 1), "content-type": URLENCODED}
    alone(server.__rsgi__(RsgiRequest(path, "", headers, method="POST"), Unread()))
    assert told.status == 413


def test_many_fields_are_refused_before_they_are_read(client: FlaskClient) -> None:
    for path in ("/login", "/embed/comments", "/embed/report/1"):
        answer = client.post(path, data="&" * MOST_FIELDS, content_type=URLENCODED)
        assert answer.status_code == 413


def test_the_longest_comments_still_fit(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    # 180 KB and 240 KB, percent-encoded.
    for longest in ("あ" * 20_000, "👍" * 20_000):
        assert Reader(client).post(longest).status_code == 201
    assert {len(comment.body) for comment in db_session.query(Comment)} == {20_000}
    assert Reader(client).post("あ" * 20_001).status_code == 422


def test_a_text_that_is_too_long_is_given_back_unread(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    typed = "a" + "\u0316\u0301" * 35_000
    for field in ("body", "name", "email", "website"):
        answer = client.post("/embed/comments", data=Reader(client).fields(**{"body": "x", field: typed}),
                             content_type="multipart/form-data")  # fmt: skip
        assert answer.status_code == 422
        assert typed in answer.text and "70001" in answer.text.replace(",", "")
    assert db_session.query(Comment).count() == 0

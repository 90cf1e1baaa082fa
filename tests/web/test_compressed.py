"""Uncached pages are compressed, and their length reveals nothing."""

import gzip

import brotli
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.models import Comment, Moderator, Site
from tests.web.test_queue import at_the_desk, comment, paper

__all__ = ["comment", "paper"]

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_the_desk_is_compressed_for_browsers_that_take_it(app: Flask, alice: Moderator, comment: Comment) -> None:
    desk = at_the_desk(app)
    plain = desk.get("/moderate/")
    small = desk.get("/moderate/", headers={"Accept-Encoding": "gzip, br"})
    zipped = desk.get("/moderate/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert (small.headers["Content-Encoding"], zipped.headers["Content-Encoding"]) == ("br", "gzip")
    assert comment.body in brotli.decompress(small.data).decode()
    assert comment.body in gzip.decompress(zipped.data).decode()
    assert len(small.data) < len(plain.data) / 2
    assert small.content_length == len(small.data)


def test_the_length_of_a_page_with_a_token_varies(app: Flask, alice: Moderator, comment: Comment) -> None:
    desk = at_the_desk(app)
    pages = [desk.get("/moderate/log", headers={"Accept-Encoding": "br"}).data for _ in range(20)]
    assert len({len(page) for page in pages}) > 3


def test_answers_that_the_page_cache_asks_for_stay_plain(app: Flask, client: FlaskClient, paper: Site) -> None:
    given = {"Accept-Encoding": "br"}
    path = "/thread?site=paper&url=https://paper.example/story"
    asked = client.get(path, headers=given, environ_overrides={"kaiwa.page_cache": {}})
    assert "Content-Encoding" not in asked.headers and "Vary" not in asked.headers
    direct = client.get(path, headers=given)
    assert direct.headers["Content-Encoding"] == "br" and "Accept-Encoding" in direct.headers["Vary"]


def test_small_or_streamed_responses_are_not_compressed(app: Flask, alice: Moderator, comment: Comment) -> None:
    desk, given = at_the_desk(app), {"Accept-Encoding": "br"}
    assert "Content-Encoding" not in desk.get("/healthz", headers=given).headers
    assert "Content-Encoding" not in desk.get("/moderate/log.csv", headers=given, buffered=True).headers

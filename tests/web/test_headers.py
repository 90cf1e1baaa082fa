"""Every route sends the security headers."""

import re
from collections.abc import Iterator
from http.cookies import SimpleCookie

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests.cast import PASSWORD, Reader, a_moderator, a_site
from tests.web.test_queue import hidden

SECURE = "https://comments.example"


@pytest.fixture(params=["sqlite"])
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def settings(settings: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    return settings | {"PUBLIC_URL": getattr(request, "param", SECURE)}


def _answers(app: Flask, client: FlaskClient) -> Iterator[tuple[str, TestResponse]]:
    """One response of each method of each route; path arguments name the first record or none."""
    stands_for = {"key": "paper", "id": "1", "filename": "desk.css"}
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+(?:\(.*?\))?:)?(\w+)>", lambda found: stands_for.get(found[1], "x"), rule.rule)
        for method in sorted(rule.methods or ()):
            with client.open(path, method=method, base_url=SECURE) as answer:
                yield f"{method} {rule.rule}", answer


def test_every_route_has_the_headers(app: Flask, client: FlaskClient, db_session: Session) -> None:
    site = a_site(db_session)
    a_moderator(db_session, site)
    Reader(client).post("Hello")
    seen = 0
    for name, answer in _answers(app, client):
        headers, policy = answer.headers, answer.headers["Content-Security-Policy"]
        seen += 1
        assert headers["Strict-Transport-Security"] == "max-age=31536000", name
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert "default-src 'none'" in policy and "base-uri 'none'" in policy and "frame-ancestors " in policy, name
        assert "unsafe" not in policy and "*" not in policy, name
        assert headers["Referrer-Policy"] in ("no-referrer", "same-origin"), name
        assert headers["Cache-Control"], name
        kind = headers.get("Content-Type", "")
        assert not kind.startswith("text/") or kind.endswith("charset=utf-8"), name
        _check_cookies(name, answer)
    assert seen > 100
    assert [client.open("/login", method=method).status_code for method in ("TRACE", "PUT", "DELETE")] == [405] * 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_the_folder_of_static_files_is_served(client: FlaskClient) -> None:
    assert client.get("/static/desk.css", buffered=True).status_code == 200
    for path in ("../wsgi.py", "%2e%2e/wsgi.py", "..%2fwsgi.py", "desk/../../wsgi.py", "", "desk/", ".git/config"):
        assert client.get(f"/static/{path}").status_code == 404, path
    assert client.get("/.git/config").status_code == 404


def _check_cookies(name: str, answer: TestResponse) -> int:
    lines = answer.headers.getlist("Set-Cookie")
    for line in lines:
        # Older Pythons do not know the attribute.
        ((key, cookie),) = SimpleCookie(line.replace("; Partitioned", "")).items()
        assert key.startswith("__Host-"), name
        assert cookie["secure"] and cookie["httponly"] and cookie["path"] == "/" and not cookie["domain"], name
        assert cookie["samesite"] == ("None" if key.endswith("kaiwa_own") else "Lax"), name
    return len(lines)


def test_every_cookie_is_bound_to_this_host(client: FlaskClient, db_session: Session) -> None:
    a_moderator(db_session, a_site(db_session))
    posted = Reader(client).post("Hello", headers={"Sec-Fetch-Mode": "navigate"})
    assert posted.status_code == 303 and _check_cookies("a comment", posted)
    page = client.get("/login", base_url=SECURE)
    assert _check_cookies("the form", page)
    form = {"email": "alice@moderators.example", "password": PASSWORD, "csrf_token": hidden(page, "csrf_token")}
    entered = client.post("/login", data=form, base_url=SECURE)
    assert entered.status_code == 303 and _check_cookies("a log-in", entered)


def test_a_cookie_that_another_host_could_have_set_is_not_read(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session, hold_all=True)
    reader = Reader(client)
    reader.post("Waits.", headers={"Sec-Fetch-Mode": "navigate"})
    kept = client.get_cookie("__Host-kaiwa_own")
    assert kept
    own = {"site": reader.site, "url": reader.url, "own": "1"}
    for name, is_shown in (("__Host-kaiwa_own", True), ("kaiwa_own", False)):
        page = client.application.test_client(use_cookies=False).get(
            "/thread", query_string=own, headers={"Cookie": f"{name}={kept.value}"}
        )
        assert ("Waits." in page.text) is is_shown


@pytest.mark.parametrize("settings", ["http://localhost"], indirect=True)
def test_http_promises_no_https(client: FlaskClient, db_session: Session) -> None:
    assert "Strict-Transport-Security" not in client.get("/login").headers

"""Files that a publisher's page loads, and origins that may post."""

import json
import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.lib.compression import compress
from app.version import VERSION
from tests.cast import ORIGIN, Reader, a_site
from tests.services import ROOT

SCRIPTS = ("/embed.js", "/live.js", "/writing.js", "/work.js", "/frame.js", "/member.js")
TRICKS = [
    "null",
    "https://paper.example.evil.example",
    "https://evilpaper.example",
    "http://paper.example",
    "https://paper.example:8443",
    "https://sub.paper.example",
    "",
]


def preflight(client: FlaskClient, origin: str, path: str = "/embed/comments") -> str | None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return client.options(path, headers=asked).headers.get("Access-Control-Allow-Origin")


def test_only_the_sites_own_pages_may_send(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    assert preflight(client, ORIGIN) == ORIGIN
    assert [preflight(client, trick) for trick in TRICKS] == [None] * len(TRICKS)
    assert preflight(client, ORIGIN, "/login") is None


@pytest.mark.parametrize("host", ["evil.example", "localhost:1", "localhost@evil.example", ""])
def test_our_own_address_is_a_setting(client: FlaskClient, db_session: Session, host: str) -> None:
    a_site(db_session)
    headers = {"Host": host, "X-Forwarded-Host": host, "Forwarded": f"host={host}"}
    asked = {"site": "paper", "url": f"{ORIGIN}/story"}
    answer = client.get("/embed/thread", query_string=asked, headers=headers)
    assert answer.status_code == 200 and 'action="http://localhost/embed/comments"' in answer.text
    assert "evil.example" not in answer.text


def test_the_widget_comes_with_its_style_and_is_not_sent_twice(client: FlaskClient) -> None:
    answer = client.get("/embed.js")
    assert answer.text.startswith(f"/*! Kaiwa {VERSION}, Apache-2.0 */\n")
    assert "__KAIWA_" not in answer.text and "コメントを読み込めませんでした" in answer.text
    assert client.get("/embed.js", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_public_answers_set_no_cookie(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    asked = {"site": "paper", "url": f"{ORIGIN}/story"}
    for path in ("/embed.js", "/embed/thread", "/thread", "/embed/counts", "/feeds/thread"):
        answer = client.get(path, query_string=asked)
        assert answer.status_code == 200 and "Set-Cookie" not in answer.headers
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_the_part_before_the_first_comment_is_at_most_seven_kilobytes(client: FlaskClient) -> None:
    """Script and styles; what a reader needs to write is not in it."""
    script = client.get("/embed.js")
    assert len(compress(script.data, "br", lasting=True)) <= 7 * 1024
    for later in ("Idempotency-Key", "Formatting help"):
        assert later not in script.text and later in client.get("/writing.js").text


def test_the_part_for_readers_who_stay_is_at_most_six_kilobytes(client: FlaskClient) -> None:
    assert len(compress(client.get("/live.js").data, "br", lasting=True)) <= 6 * 1024


def test_scripts_are_sent_without_comments(client: FlaskClient) -> None:
    for path in SCRIPTS:
        assert not re.search(r"(?m)^ |(^|\s)// ", client.get(path).text), path


def test_scripts_without_layout_have_the_same_strings_and_patterns(client: FlaskClient) -> None:
    token = re.compile(r"""'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\\n])*`|(?<=[(=])/(?:\\.|[^/\n])+/[a-z]*""")
    sent = "".join(client.get(path).text for path in SCRIPTS)
    static = ROOT / "app/static"
    for source in [*(static / "widget").rglob("*.js"), static / "work.js", static / "frame.js"]:
        code = re.sub(r"(?m)(^|\s+)// .*", "", source.read_text())
        assert [each for each in token.findall(code) if each not in sent] == [], source
    assert ") {" not in sent


def test_the_widget_can_read_why_a_page_is_refused(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    asked = {"site": "paper", "url": "https://elsewhere.example/story", "lang": "en"}
    answer = client.get("/embed/thread", query_string=asked, headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 422 and "This URL doesn’t belong to this site." in answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == "https://elsewhere.example"
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_thread_names_the_origins_that_may_post(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session, origins=[ORIGIN, "https://www.paper.example"])
    thread = Reader(client).get_thread().text
    assert f'data-origins="{ORIGIN} https://www.paper.example"' in thread


def test_the_npm_package_is_whole_and_of_this_version() -> None:
    package = json.loads((ROOT / "npm/package.json").read_text())
    assert package["version"] == VERSION and package["license"] == "Apache-2.0"
    named = {name for entry in package["exports"].values() for name in entry.values()}
    assert {f"./{file.name}" for file in (ROOT / "npm").glob("*.*s")} == named


def test_our_pages_stand_in_frames_of_the_site_alone(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    page = client.get("/thread", query_string={"site": "paper", "url": f"{ORIGIN}/story"})
    assert f"frame-ancestors 'self' {ORIGIN}" in page.headers["Content-Security-Policy"]
    for path in ("/login", "/moderate/", "/act/nothing"):
        answer = client.get(path)
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_an_address_that_no_database_would_keep_is_no_page(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    reader = Reader(client, url=f"{ORIGIN}/{'あ' * 1000}")
    assert reader.post("hello").status_code == 422
    assert reader.get_thread().status_code == 422

"""The comments of a page without the form, with data for search engines, and the page that these may list."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.models import Comment, Site, State, Status, Thread
from tests.cast import PAGE, Reader, a_site, move, the_comment

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HERE = {"site": "paper", "url": PAGE, "lang": "en"}


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en", page_size=10, votes=True)


@pytest.fixture
def hanako(client: FlaskClient, paper: Site) -> Reader:
    return Reader(client)


def included(client: FlaskClient, **asked: str) -> BeautifulSoup:
    answer = client.get("/embed/static", query_string=HERE | asked)
    assert answer.status_code == 200
    return BeautifulSoup(answer.text, "html.parser")


def data_of(html: BeautifulSoup) -> dict[str, Any]:
    (script,) = html.select("script")
    assert script["type"] == "application/ld+json"
    return json.loads(script.text)


def test_the_comments_stand_without_the_form_and_as_data(
    client: FlaskClient, hanako: Reader, db_session: Session
) -> None:
    hanako.post("**I** was there.", title="The match")
    first = the_comment(db_session, "**I** was there.").id
    hanako.post("So was I.", parent=str(first), website="https://hanako.example")
    answer = client.get("/embed/static", query_string=HERE)
    html = included(client)
    assert not html.select("form, input, textarea, button, style, svg") and html.h2.text == "2 comments"
    assert [each.text.strip() for each in html.select(".kaiwa-body")] == ["I was there.", "So was I."]
    assert html.select_one("article a[href='#comment-1']").text == "In reply to Hanako"
    website = html.select_one("a.kaiwa-name")
    assert website["href"] == "https://hanako.example" and "ugc" in website["rel"] and "nofollow" in website["rel"]
    data = data_of(html)
    assert (data["@type"], data["@id"], data["commentCount"]) == ("WebPage", PAGE, 2)
    root, reply = data["comment"]
    assert (root["@type"], root["text"], root["author"]["name"]) == ("Comment", "I was there.", "Hanako")
    assert root["url"] == f"{PAGE}#comment-{first}" and root["upvoteCount"] == 0 and "parentItem" not in root
    assert reply["parentItem"] == {"@type": "Comment", "@id": root["@id"]}
    assert "@readers" not in answer.text and answer.headers["Cache-Control"].startswith("public")
    again = {"If-None-Match": answer.headers["ETag"]}
    assert client.get("/embed/static", query_string=HERE, headers=again).status_code == 304
    hanako.post("A third one.")
    assert client.get("/embed/static", query_string=HERE, headers=again).status_code == 200


@pytest.mark.parametrize(
    "words", ["</script><script>alert(1)</script>", "<!--<script>", "]]>'\"&\u2028", '", "@type": "Article", "x": "']
)
def test_no_comment_leaves_its_string_in_the_data_for_search_engines(
    client: FlaskClient, hanako: Reader, words: str
) -> None:
    assert hanako.post(f"`{words}`", name="Hanako </script>").status_code == 201
    (said,) = data_of(included(client))["comment"]
    assert (said["author"]["name"], said["@type"]) == ("Hanako </script>", "Comment")
    assert words.replace("\u2028", "") in said["text"].replace("\u2028", "")


def test_only_public_comments_are_included_and_more_of_them_are_linked(
    client: FlaskClient, hanako: Reader, db_session: Session
) -> None:
    for number in range(12):
        hanako.post(f"words {number}")
    html = included(client)
    assert len(html.select("article")) == 10 == len(data_of(html)["comment"])
    further = html.select_one("a[rel~=next]")["href"]
    after = further.rpartition("after=")[2]
    assert [each.text.strip() for each in included(client, after=after).select(".kaiwa-body")] == [
        "words 10",
        "words 11",
    ]
    assert included(client, sort="newest").select_one(".kaiwa-body").text.strip() == "words 11"
    hanako.post("a reply", parent=str(the_comment(db_session, "words 0").id))
    move(db_session, the_comment(db_session, "words 0"), Status.DELETED)
    move(db_session, the_comment(db_session, "words 1"), Status.PENDING)
    html = included(client)
    assert html.article.text.strip() == "This comment has been deleted." and "words 1<" not in str(html)
    reply = data_of(html)["comment"][0]
    assert reply["text"] == "a reply" and "parentItem" not in reply
    db_session.query(Thread).one().state = State.HIDDEN
    db_session.commit()
    html = included(client)
    assert not html.select("article, script") and html.h2.text == "Comments"


def test_the_widget_is_told_which_thread_is_included(client: FlaskClient, hanako: Reader, paper: Site) -> None:
    for number in range(12):
        hanako.post(f"words {number}", title="The match")
    section = included(client).section
    here = dict(parse_qsl(urlsplit(section["data-here"]).query))
    assert (here["site"], here["url"], here["lang"], section["data-total"]) == ("paper", PAGE, "en", "12")
    assert section["data-sort"] == "oldest" and section.has_attr("data-usual") and section.has_attr("data-live")
    assert section["data-version"] in client.get("/embed/static", query_string=HERE).headers["ETag"]
    assert all(link["href"].startswith(section["data-here"]) for link in section.select(".kaiwa-reply, [rel~=next]"))
    newest = included(client, sort="newest").section
    assert newest["data-sort"] == "newest" and not newest.has_attr("data-usual")
    further = included(client).select_one("a[rel~=next]")["href"].rpartition("after=")[2]
    assert not included(client, after=further).section.has_attr("data-here"), "the widget begins with the first page"


def test_a_page_without_comments_and_a_foreign_page(client: FlaskClient, hanako: Reader) -> None:
    html = included(client)
    assert not html.select("article, script") and "#kaiwa-body" in html.a["href"]
    assert client.get("/embed/static", query_string=HERE | {"url": "https://evil.example/"}).status_code == 422
    assert client.get("/embed/static", query_string=HERE | {"site": "none"}).status_code == 404


def test_search_engines_list_the_page_of_comments_only_if_the_site_wants_it(
    client: FlaskClient, hanako: Reader, db_session: Session, paper: Site
) -> None:
    hanako.post("Here")

    def head() -> tuple[bool, str]:
        page = BeautifulSoup(client.get("/thread", query_string=HERE | {"sort": "newest"}).text, "html.parser")
        return page.select_one("meta[name=robots]") is None, page.select_one("link[rel=canonical]")["href"]

    assert head() == (False, PAGE)
    paper.change({"index_thread": True})
    db_session.commit()
    listed, canonical = head()
    assert listed and canonical.endswith(f"/thread?site=paper&url={PAGE}")
    assert db_session.query(Comment).count() == 1

"""Titles and URLs of pages: a reader's claim is not shown to others before it is confirmed."""

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.lib.clock import now
from app.models import Comment, Moderator, Role, Site, Status, Thread
from tests.cast import ORIGIN, PAGE, Reader, a_moderator, a_site, move, the_comment
from tests.web.test_desk import sends
from tests.web.test_queue import at_the_desk

EVIL = "http://user:pass@paper.example/story/?utm_source=evil&fbclid=x&PHPSESSID=1&id=7#evil"
CLEAN = "https://paper.example/story/?id=7"


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, hold_all=True, origins=[ORIGIN, "http://paper.example"], close_after_days=14)


@pytest.fixture
def reader(client: FlaskClient, paper: Site) -> Reader:
    return Reader(client)


def the_thread(db_session: Session) -> Thread:
    db_session.expire_all()
    thread = db_session.scalars(select(Thread)).one()
    db_session.commit()
    return thread


def public(client: FlaskClient, **more: str) -> str:
    """Every public response about the page and the site."""
    where = {"site": "paper", "url": PAGE} | more
    answers = [client.get(path, query_string=where) for path in ("/thread", "/embed/thread", "/feeds/thread")]
    return "".join(answer.text for answer in [*answers, client.get("/feeds/site/paper.atom")])


@pytest.mark.parametrize("more", [{}, {"subject": "trapped"}], ids=["held", "trapped"])
def test_unconfirmed_titles_and_urls_are_not_shown(reader: Reader, db_session: Session, more: dict[str, str]) -> None:
    assert reader.post("first", title="EVIL", url=EVIL, published="2001-01-01", **more).status_code == 202
    thread = the_thread(db_session)
    assert (thread.title, thread.url, thread.started_at, thread.named_by) == ("", "", None, 0)
    assert "evil" not in public(reader.client).lower()


def test_an_approved_comment_names_its_page_and_a_later_one_again(
    reader: Reader, db_session: Session, alice: Moderator
) -> None:
    reader.post("first", title="The story", url=f"{ORIGIN}/story?utm_source=x#top")
    move(db_session, the_comment(db_session, "first"), Status.APPROVED, by=alice)
    assert (the_thread(db_session).title, the_thread(db_session).url) == ("The story", PAGE)
    reader.post("second", title="The story, corrected")
    assert the_thread(db_session).title == "The story"
    version = the_thread(db_session).version
    move(db_session, the_comment(db_session, "second"), Status.APPROVED, by=alice)
    assert the_thread(db_session).title == "The story, corrected" and the_thread(db_session).version > version
    assert the_comment(db_session, "second").claimed is None
    shown = public(reader.client, title="EVIL")
    assert "The story, corrected" in shown and "EVIL" not in shown
    reader.post("third", title="Spam")
    move(db_session, the_comment(db_session, "third"), Status.SPAM, by=alice)
    assert the_thread(db_session).title == "The story, corrected"


def test_rule_approvals_do_not_replace_moderator_approvals(
    reader: Reader, db_session: Session, paper: Site, alice: Moderator
) -> None:
    paper.hold_all = False
    db_session.commit()
    reader.post("first", title="By rules")
    assert the_thread(db_session).title == "By rules"
    reader.post("second", title="By rules, again")
    assert the_thread(db_session).title == "By rules, again"
    paper.hold_all = True
    db_session.commit()
    reader.post("third", title="By a moderator")
    move(db_session, the_comment(db_session, "third"), Status.APPROVED, by=alice)
    paper.hold_all = False
    db_session.commit()
    assert reader.post("fourth", title="EVIL", published="2001-01-01").status_code == 201
    assert the_thread(db_session).title == "By a moderator"


def test_an_address_names_its_own_page_only(reader: Reader, db_session: Session, alice: Moderator, app: Flask) -> None:
    reader.post("waits", title="The story")
    words = ["thread", "move", "/story", "/moved", "--site", "paper"]
    assert app.test_cli_runner().invoke(args=words).exit_code == 0
    move(db_session, the_comment(db_session, "waits"), Status.APPROVED, by=alice)
    assert the_thread(db_session).url == f"{ORIGIN}/moved"


@pytest.mark.parametrize("named", [False, True])
def test_the_same_bytes_for_everybody_whatever_a_request_says(
    reader: Reader, db_session: Session, alice: Moderator, named: bool
) -> None:
    reader.post("first", title="The story")
    if named:
        move(db_session, the_comment(db_session, "first"), Status.APPROVED, by=alice)
    about: dict[str, Any] = {}
    query = {"site": "paper", "url": f"{PAGE}#evil", "title": "EVIL"}
    answer = reader.client.get("/thread", query_string=query, environ_overrides={"kaiwa.page_cache": about})
    # A response that repeats request data is cached for the same request only.
    assert about["has_thread"] is named and ("EVIL" in answer.text) is not named


def test_a_moderator_sees_the_claim_as_not_confirmed(
    app: Flask, reader: Reader, db_session: Session, alice: Moderator
) -> None:
    reader.post("first", title="<b>The story</b>", published="2026-11-01")
    desk = at_the_desk(app)
    card = desk.get("/moderate/").text
    assert "未確認の情報です" in card and "&lt;b&gt;The story" in card and "2026-10-31T15:00:00+00:00" in card
    assert card.count("The story") == 1, "the link to the article does not carry it"


def test_time_counts_from_the_first_approved_comment(reader: Reader, db_session: Session, alice: Moderator) -> None:
    reader.post("too early")
    thread = db_session.scalars(select(Thread)).one()
    thread.created_at = now() - timedelta(days=60)
    db_session.commit()
    assert reader.post("in time").status_code == 202
    comment = the_comment(db_session, "in time")
    comment.created_at = now() - timedelta(days=15)
    db_session.commit()
    move(db_session, comment, Status.APPROVED, by=alice)
    assert reader.post("too late").status_code == 403


PUBLISHED = [
    ("2026-11-20", True), ("2026-01-01", False), ("1970-01-01", False), ("2099-01-01", True), ("nonsense", True),
    ("9999-12-31T23:59-23:59", True), ("0001-01-01T00:00+23:59", True), ("", True),
]  # fmt: skip


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("published", "is_open"), PUBLISHED)
def test_a_date_counts_once_a_moderator_approved_it_and_within_bounds(
    reader: Reader, db_session: Session, alice: Moderator, published: str, is_open: bool
) -> None:
    reader.post("first", published=published)
    assert the_thread(db_session).accepts_comments()
    move(db_session, the_comment(db_session, "first"), Status.APPROVED, by=alice)
    thread = the_thread(db_session)
    assert thread.accepts_comments() is ((is_open and published != "2026-11-20") or not thread.is_too_old())
    assert thread.started_at and now() - timedelta(days=366) < thread.started_at <= now()
    if not is_open:
        assert reader.post("late").status_code == 403


def test_a_moderators_title_and_url_are_kept(app: Flask, reader: Reader, db_session: Session, alice: Moderator) -> None:
    reader.post("first", title="Wrong")
    desk, id = at_the_desk(app), the_thread(db_session).id
    path = f"/sites/paper/threads/{id}"
    assert desk.get(path).status_code == 200
    given = {"title": "By hand", "url": CLEAN.replace("?id=7", ""), "published": "2026-11-28"}
    assert sends(desk, path, **given).status_code == 303
    move(db_session, the_comment(db_session, "first"), Status.APPROVED, by=alice)
    thread = the_thread(db_session)
    assert (thread.title, thread.url) == ("By hand", f"{PAGE}/") and thread.started_at.day == 27
    assert "By hand" in desk.get(path).text
    for field, wrong in (("url", f"{ORIGIN}/other"), ("url", "https://evil.example/story"), ("url", "javascript:x"),
                         ("published", "2099-01-01"), ("published", "soon"), ("title", "t" * 501)):  # fmt: skip
        again = sends(desk, path, **(given | {field: wrong}))
        assert again.status_code == 422 and f'id="page-{field}-error"' in again.text
    assert the_thread(db_session).title == "By hand"
    assert sends(desk, path, **{"title": "", "url": "", "published": ""}).status_code == 303
    reader.post("second", title="By a reader")
    move(db_session, the_comment(db_session, "second"), Status.APPROVED, by=alice)
    assert the_thread(db_session).title == "By a reader"


def test_another_sites_moderator_names_nothing(app: Flask, reader: Reader, db_session: Session) -> None:
    reader.post("first")
    a_moderator(db_session, a_site(db_session, "other"), "bob", Role.OWNER)
    desk, id = at_the_desk(app, "bob"), the_thread(db_session).id
    for site in ("paper", "other"):
        assert desk.get(f"/sites/{site}/threads/{id}").status_code == 404
        assert sends(desk, f"/sites/{site}/threads/{id}", **{"title": "EVIL"}).status_code == 404
    assert the_thread(db_session).title == ""


def test_the_operator_names_a_page(app: Flask, reader: Reader, db_session: Session) -> None:
    reader.post("first")
    run = app.test_cli_runner().invoke
    given = ["thread", "set", "/story", "title=By hand", f"url={EVIL.replace('id=7', '')}", "--site", "paper", "--json"]
    done = run(args=given)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told == {
        "key": PAGE,
        "url": "http://paper.example/story/",
        "title": "By hand",
        "published": None,
        "state": "open",
    }
    assert the_thread(db_session).named_by == 3
    for wrong in ("name=x", "title", "url=https://evil.example/", "published=soon"):
        assert run(args=["thread", "set", "/story", wrong, "--site", "paper"]).exit_code == 1
    assert run(args=["thread", "set", "/none", "title=x", "--site", "paper"]).exit_code == 1


DEEP_TWINS = [
    "//story", "/story/index.html#comment-1", "/./story/", "/a/../story", "/%73tory", "/story?fbclid=x", ":443/story",
    "/story?utm_source=a&PHPSESSID=1", "/story;jsessionid=2", "/story?spm=a.b&Echobox=1",
]  # fmt: skip


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_deep_twins_of_an_address_are_one_page(reader: Reader, db_session: Session) -> None:
    for at, path in enumerate(DEEP_TWINS):
        assert reader.post(f"said {at}", url=ORIGIN + path).status_code == 202
    assert the_thread(db_session).key == PAGE
    assert db_session.query(Comment).count() == len(DEEP_TWINS)


@pytest.mark.parametrize("typed", ["0001-01-01", "0001-01-01T00:00:00+00:00", "1899-12-31", "9999-12-31"])
def test_a_date_that_some_time_zone_does_not_have_is_refused(
    app: Flask, reader: Reader, db_session: Session, alice: Moderator, paper: Site, typed: str
) -> None:
    paper.timezone = "America/New_York"
    db_session.commit()
    reader.post("first")
    path = f"/sites/paper/threads/{the_thread(db_session).id}"
    desk = at_the_desk(app)
    assert sends(desk, path, title="T", url="", published=typed).status_code == 422
    assert desk.get(path).status_code == 200 and the_thread(db_session).started_at is None

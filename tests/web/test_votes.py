"""Readers mark comments as helpful: once for each network, off by default, with pages that stay cached."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from bs4 import BeautifulSoup, Tag
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.comments import votes
from app.comments.orders import ORDERS
from app.extensions import db
from app.models import Comment, RateLimit, Site, State, Status, Vote
from tests.cast import ORIGIN, PAGE, Reader, a_site, move, the_comment
from tests.statements import recorded

NAVIGATES = {"Sec-Fetch-Mode": "navigate", "Accept-Language": "en"}


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, votes=True)


@pytest.fixture
def comment(app: Flask, db_session: Session, paper: Site) -> Comment:
    assert Reader(app.test_client()).post("Take the early ferry").status_code == 201
    return the_comment(db_session, "Take the early ferry")


@pytest.fixture
def press(app: Flask, db_session: Session, comment: Comment) -> Callable[..., TestResponse]:
    """`press("203.0.1.1", back=True)`: a reader at this address marks the comment as helpful, or no longer."""
    id = id_of(db_session, comment)

    def send(address: str, *, back: bool = False, headers: dict[str, str] | None = None, **more: str) -> TestResponse:
        given = {"site": "paper", "url": PAGE, "lang": "en", "back" if back else "helpful": id}
        at = {"REMOTE_ADDR": address}
        return app.test_client().post("/embed/votes", data=given | more, headers=headers or {}, environ_base=at)

    return send


def count(db_session: Session) -> None:
    """Count the votes as the worker does half a minute later."""
    RateLimit.restore("votes")
    work(db_session)


def work(db_session: Session) -> None:
    for _step in votes.count_all():
        db_session.commit()
    db_session.commit()


def now_of(db_session: Session, comment: Comment) -> tuple[int, int]:
    """The number that pages show, and the thread's version."""
    db_session.expire_all()
    found = comment.helpful, comment.thread.version
    db_session.commit()
    return found


def id_of(db_session: Session, comment: Comment) -> str:
    id = str(comment.id)
    db_session.commit()
    return id


def stored(db_session: Session) -> int:
    number = db_session.query(Vote).count()
    db_session.commit()
    return number


def button(answer: TestResponse) -> Tag:
    found = BeautifulSoup(answer.text, "html.parser").select_one("button.vote")
    assert found
    return found


def page_of(app: Flask, **more: str) -> TestResponse:
    return Reader(app.test_client()).get_thread(lang="en", **more)


def test_a_site_without_votes_has_neither_buttons_nor_votes_nor_the_order(
    app: Flask, db_session: Session, paper: Site, comment: Comment, press: Callable[..., TestResponse]
) -> None:
    paper.change({"votes": False})
    db_session.commit()
    page = page_of(app, sort="helpful")
    assert "kaiwa-vote" not in page.text and "Most helpful" not in page.text
    assert 'data-sort="oldest"' in page.text
    assert press("203.0.1.1").status_code == 404
    assert stored(db_session) == 0
    shown = app.test_client().get("/api/v1/threads", query_string={"site": "paper", "url": PAGE}).json
    assert shown["comments"][0]["helpful"] is None


def test_a_network_votes_once_and_takes_it_back(
    app: Flask, db_session: Session, comment: Comment, press: Callable[..., TestResponse]
) -> None:
    first = press("203.0.113.1")
    assert (first.status_code, button(first).text, button(first)["aria-pressed"]) == (200, "Helpful 1", "true")
    assert "1 reader found this helpful." in first.text
    assert button(press("203.0.113.200")).text == "Helpful 1", "the same /24"
    assert button(press("203.0.114.1")).text == "Helpful 2"
    count(db_session)
    assert now_of(db_session, comment)[0] == 2
    back = button(press("203.0.113.9", back=True))
    assert (back.text, back["aria-pressed"], back["name"]) == ("Helpful 1", "false", "helpful")
    assert button(press("203.0.113.9", back=True)).text == "Helpful 1"
    assert button(press("203.0.113.9")).text == "Helpful 2", "before it was subtracted"
    press("203.0.113.9", back=True)
    count(db_session)
    assert now_of(db_session, comment)[0] == 1 == stored(db_session)
    assert button(press("203.0.115.1", back=True)).text == "Helpful 1", "without a vote"


@pytest.mark.parametrize(
    ("addresses", "counted"),
    [
        ([f"203.0.113.{at}" for at in range(1, 9)], 1),
        ([f"2001:db8:1:{at:x}00::1" for at in range(1, 9)], 1),
        ([f"::ffff:203.0.113.{at}" for at in range(1, 9)], 1),
        ([f"2001:db8:{at}::1" for at in range(1, 4)], 3),
    ],
    ids=["one /24", "one /48", "one /24 in IPv6", "three /48"],
)
def test_networks_count_as_they_do_for_reports(
    db_session: Session, comment: Comment, press: Callable[..., TestResponse], addresses: list[str], counted: int
) -> None:
    assert {press(address).status_code for address in addresses} == {200}
    count(db_session)
    assert now_of(db_session, comment)[0] == counted


def test_the_page_changes_when_votes_are_counted_and_at_most_twice_a_minute(
    app: Flask, db_session: Session, comment: Comment, press: Callable[..., TestResponse]
) -> None:
    before = page_of(app)
    for at in range(5):
        press(f"203.0.{at}.1")
    assert page_of(app).headers["ETag"] == before.headers["ETag"] and page_of(app).text == before.text
    count(db_session)
    after = page_of(app)
    assert after.headers["ETag"] != before.headers["ETag"] and button(after).text == "Helpful 5"
    press("203.0.9.1")
    work(db_session)
    assert page_of(app).headers["ETag"] == after.headers["ETag"], "the next count is half a minute later"
    count(db_session)
    now = now_of(db_session, comment)
    assert now[0] == 6
    count(db_session)
    assert now_of(db_session, comment) == now, "nothing to count changes nothing"


def test_pages_and_posts_cost_the_same_queries_with_votes(
    app: Flask, db_session: Session, comment: Comment, press: Callable[..., TestResponse]
) -> None:
    def queries(sort: str) -> int:
        with app.app_context(), recorded(db.engine) as statements:
            assert page_of(app, sort=sort).status_code == 200
        return len([each for each in statements if each.startswith("SELECT")])

    # Each process reads a site's own words once.
    queries("helpful")
    first = queries("helpful")
    for at in range(12):
        Reader(app.test_client()).post(f"comment {at}")
        press(f"203.0.{at}.1")
    assert first == queries("helpful") == queries("oldest") == 2


def test_only_public_comments_of_the_same_site_have_votes(
    app: Flask, db_session: Session, paper: Site, comment: Comment, press: Callable[..., TestResponse]
) -> None:
    a_site(db_session, "other", votes=True)
    assert press("203.0.1.1", site="other").status_code == 404
    for wrong in ("", "0", "x", "9" * 30, "999999"):
        assert press("203.0.1.1", helpful=wrong).status_code == 404
    move(db_session, comment, Status.PENDING)
    assert press("203.0.1.1").status_code == 404
    move(db_session, comment, Status.APPROVED)
    comment.thread.state = State.HIDDEN
    db_session.commit()
    assert press("203.0.1.1").status_code == 404
    assert stored(db_session) == 0


def test_foreign_pages_and_programs_without_a_form_vote_for_nothing(
    app: Flask, db_session: Session, comment: Comment, press: Callable[..., TestResponse]
) -> None:
    for origin in ("https://evil.example", "null", f"{ORIGIN}.evil.example"):
        assert press("203.0.1.1", headers={"Origin": origin}).status_code == 403
    given = {"site": "paper", "url": PAGE, "helpful": comment.id}
    assert app.test_client().post("/embed/votes", json=given).status_code == 415
    assert stored(db_session) == 0
    answer = press("203.0.1.1", headers={"Origin": ORIGIN})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)
    assert answer.headers["Cache-Control"] == "no-store" and "Set-Cookie" not in answer.headers


def test_authors_do_not_vote_for_their_own_comment(
    app: Flask, db_session: Session, comment: Comment, press: Callable[..., TestResponse]
) -> None:
    author = Reader(app.test_client())
    author.post("And take the bus back")
    own = id_of(db_session, the_comment(db_session, "And take the bus back"))
    given = {"helpful": own, "author": author.author}
    refused = press("203.0.1.1", headers={"Origin": ORIGIN}, **given)
    assert refused.status_code == 403 and "your own comment" in refused.text
    assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN, "the widget shows the sentence"
    assert press("203.0.1.1", author=author.author).status_code == 200, "another author's"
    assert press("203.0.1.1", helpful=own, author="junk").status_code == 200


def test_a_network_that_votes_too_much_gets_429_with_its_sentence(
    app: Flask, db_session: Session, paper: Site, comment: Comment, press: Callable[..., TestResponse]
) -> None:
    paper.flood_per_address = 2
    db_session.commit()
    answers = [press("203.0.1.1", headers={"Origin": ORIGIN}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "Too many requests" in answers[2].text and int(answers[2].headers["Retry-After"]) > 0
    assert answers[2].headers["Access-Control-Allow-Origin"] == ORIGIN
    assert press("203.0.2.1").status_code == 200


def test_nothing_of_the_reader_is_kept_but_a_keyed_hash(
    db_session: Session, press: Callable[..., TestResponse]
) -> None:
    press("203.0.77.1")
    rows = str(db_session.execute(text("SELECT * FROM vote")).all())
    assert rows != "[]" and "203.0" not in rows


def test_without_a_script_the_page_shows_the_vote_and_takes_it_back(
    app: Flask, db_session: Session, comment: Comment
) -> None:
    browser = app.test_client()
    shown = browser.get("/thread", query_string={"site": "paper", "url": PAGE, "lang": "en"}, headers=NAVIGATES)
    for pressed, text_ in (("true", "Helpful 1"), ("false", "Helpful")):
        form = BeautifulSoup(shown.text, "html.parser").select_one("form#kaiwa-vote")
        assert form and form["method"] == "post"
        fields = {each["name"]: each["value"] for each in form.select("input")}
        found = button(shown)
        assert found["form"] == form["id"]
        answer = browser.post(form["action"], data=fields | {found["name"]: found["value"]}, headers=NAVIGATES)
        assert answer.status_code == 303 and answer.headers["Location"].endswith(f"#comment-{comment.id}")
        shown = browser.get(answer.headers["Location"], headers=NAVIGATES)
        assert shown.headers["Cache-Control"] == "no-store"
        assert (button(shown)["aria-pressed"], button(shown).text) == (pressed, text_)
    stranger = page_of(app)
    assert button(stranger)["aria-pressed"] == "false", "the same bytes for all readers"


def test_the_order_by_votes_explains_itself_and_keeps_replies_below(app: Flask, db_session: Session) -> None:
    a_site(db_session, votes=True)
    reader = Reader(app.test_client())
    for body in ("first", "second", "third"):
        reader.post(body)
    reader.post("reply", parent=str(the_comment(db_session, "first").id))
    reader.post("later reply", parent=str(the_comment(db_session, "first").id))
    for body, helpful in (("first", 2), ("second", 1), ("third", 0), ("reply", 0), ("later reply", 9)):
        the_comment(db_session, body).helpful = helpful
        db_session.commit()
    page = page_of(app, sort="helpful")
    bodies = [each.text.strip() for each in BeautifulSoup(page.text, "html.parser").select("article .body")]
    assert bodies == ["first", "reply", "later reply", "second", "third"]
    with app.test_request_context("/?lang=en", headers={"Accept-Language": "en"}):
        assert str(ORDERS["helpful"].explained) in page.text
    assert "data-newest-first" not in page.text
    shown = app.test_client().get("/api/v1/threads", query_string={"site": "paper", "url": PAGE, "sort": "helpful"})
    assert [each["helpful"] for each in shown.json["comments"]] == [2, 0, 9, 1, 0]


def test_votes_at_the_same_moment_are_all_counted(
    app: Flask, db_session: Session, comment: Comment, press: Callable[..., TestResponse]
) -> None:
    with ThreadPoolExecutor(8) as readers:
        answers = list(readers.map(lambda at: press(f"198.51.{at % 12}.1"), range(24)))
    assert {answer.status_code for answer in answers} == {200}
    count(db_session)
    assert now_of(db_session, comment)[0] == 12 == stored(db_session)

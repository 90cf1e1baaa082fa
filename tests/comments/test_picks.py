"""Editors' picks: three of a thread at most, gone at once when they are no longer public, the same for all readers."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy.orm import Session

from app.comments import picks
from app.extensions import db
from app.models import Comment, Moderator, Pick, Site, State, Status, Thread
from app.transfer.moves import remap
from tests.cast import PAGE, Reader, a_moderator, a_site, move, the_comment
from tests.web.test_queue import ENGLISH, at_the_desk, cards, hidden


@pytest.fixture
def comments(app: Flask, db_session: Session, paper: Site) -> dict[str, int]:
    """Ids of five approved comments by text."""
    reader = Reader(app.test_client())
    for number in range(5):
        assert reader.post(f"words {number}").status_code == 201
    found = {each.body: each.id for each in db_session.query(Comment)}
    db_session.commit()
    return found


def press(app: Flask, id: int, *, back: bool = False, fetch: bool = False, name: str = "alice") -> tuple[int, str]:
    desk = at_the_desk(app, name)
    fields = {"csrf_token": hidden(desk.get("/moderate/log"), "csrf_token"), "next": "/moderate/"}
    headers = ENGLISH | ({"X-Requested-With": "fetch"} if fetch else {})
    answer = desk.post(f"/moderate/comments/{id}/pick", data=fields | ({"back": "1"} if back else {}), headers=headers)
    return answer.status_code, answer.text


def above(app: Flask, url: str = PAGE, **more: str) -> list[str]:
    """The texts above the thread."""
    page = Reader(app.test_client(), url=url).get_thread(lang="en", **more)
    return [each.text for each in BeautifulSoup(page.text, "html.parser").select("section[part=picks] p > span")]


def marked(app: Flask) -> list[str]:
    page = BeautifulSoup(Reader(app.test_client()).get_thread(lang="en").text, "html.parser")
    return [each.select_one(".body").text.strip() for each in page.select("article") if each.select_one("[part~=pick]")]


def listed(app: Flask, **asked: str) -> list[str]:
    answer = app.test_client().get("/api/v1/picks", query_string={"site": "paper"} | asked)
    assert answer.status_code == 200
    return [BeautifulSoup(each["html"], "html.parser").text.strip() for each in answer.json["picks"]]


def test_three_stand_above_the_thread_and_the_fourth_is_refused(
    app: Flask, db_session: Session, alice: Moderator, comments: dict[str, int]
) -> None:
    before = Reader(app.test_client()).get_thread().headers["ETag"]
    for number in (2, 0, 4):
        assert press(app, comments[f"words {number}"])[0] == 303
    assert Reader(app.test_client()).get_thread().headers["ETag"] != before
    assert above(app) == ["words 2", "words 0", "words 4"] == listed(app, url=PAGE)
    assert marked(app) == ["words 0", "words 2", "words 4"]
    status, said = press(app, comments["words 1"], fetch=True)
    assert status == 409 and "Unpick one of them first" in said and "Hanako, Hanako, Hanako" in said
    assert press(app, comments["words 0"])[0] == 303, "once more changes nothing"
    assert press(app, comments["words 2"], back=True)[0] == 303
    status, said = press(app, comments["words 1"], fetch=True)
    assert status == 200 and "Unpick" in said
    assert above(app) == ["words 0", "words 4", "words 1"]
    log = [(each.comment.body, each.picked, each.moderator and each.moderator.name) for each in db_session.query(Pick)]
    assert log == [
        *((f"words {number}", True, "Alice") for number in (2, 0, 4)),
        ("words 2", False, "Alice"),
        ("words 1", True, "Alice"),
    ]
    db_session.commit()
    page = at_the_desk(app).get("/moderate/log/picks", headers=ENGLISH).text
    assert page.count("Alice</span>") == 5 and "Pick taken back" in page


@pytest.mark.parametrize("status", [Status.REJECTED, Status.SPAM, Status.PENDING, Status.DELETED])
def test_a_pick_that_is_no_longer_public_is_gone_at_once_and_its_place_is_free(
    app: Flask, db_session: Session, alice: Moderator, comments: dict[str, int], status: Status
) -> None:
    for number in range(3):
        press(app, comments[f"words {number}"])
    move(db_session, the_comment(db_session, "words 1"), status)
    assert above(app) == ["words 0", "words 2"] == listed(app, url=PAGE)
    assert "words 1" not in app.test_client().get("/feeds/picks", query_string={"site": "paper"}).text
    assert press(app, comments["words 3"])[0] == 303
    if status != Status.DELETED:
        move(db_session, the_comment(db_session, "words 1"), Status.APPROVED)
    assert above(app) == ["words 0", "words 2", "words 3"], "as it was before it was picked"


def test_only_public_comments_are_picked(app: Flask, db_session: Session, paper: Site, alice: Moderator) -> None:
    paper.hold_all = True
    db_session.commit()
    Reader(app.test_client()).post("held")
    id = the_comment(db_session, "held").id
    db_session.commit()
    status, said = press(app, id, fetch=True)
    assert status == 409 and "Only approved comments" in said
    assert listed(app) == []


def test_hidden_pages_and_other_sites_have_no_picks_here(
    app: Flask, db_session: Session, alice: Moderator, comments: dict[str, int]
) -> None:
    other = a_site(db_session, "other")
    a_moderator(db_session, other, "oscar")
    press(app, comments["words 0"])
    assert press(app, comments["words 1"], name="oscar")[0] == 404
    assert listed(app) == ["words 0"] and listed(app, site="other") == []
    assert listed(app, url=f"{PAGE}/none") == []
    thread = db_session.query(Thread).one()
    thread.state = State.HIDDEN
    db_session.commit()
    assert listed(app) == [] == listed(app, url=PAGE) == above(app)
    assert app.test_client().get("/api/v1/picks", query_string={"site": "nosuch"}).status_code == 404
    wrong = app.test_client().get("/api/v1/picks", query_string={"site": "paper", "url": "https://evil.example/"})
    assert (wrong.status_code, wrong.content_type) == (422, "application/problem+json")


def test_the_feed_and_the_list_have_the_last_pick_of_the_site_first(
    app: Flask, db_session: Session, alice: Moderator, comments: dict[str, int]
) -> None:
    Reader(app.test_client(), url=f"{PAGE}/2").post("elsewhere")
    elsewhere = the_comment(db_session, "elsewhere").id
    db_session.commit()
    for id in (comments["words 3"], elsewhere, comments["words 1"]):
        press(app, id)
    assert listed(app) == ["words 1", "elsewhere", "words 3"]
    feed = app.test_client().get("/feeds/picks", query_string={"site": "paper"}).text
    found = re.findall(r"<summary type=.text.>(.*?)</summary>", feed)
    assert [each.strip() for each in found] == ["words 1", "elsewhere", "words 3"]
    first = app.test_client().get("/api/v1/picks", query_string={"site": "paper"})
    assert first.json["picks"][1]["page"] == {"url": f"{PAGE}/2", "title": f"{PAGE}/2"}
    assert first.headers["Cache-Control"].startswith("public") and "Set-Cookie" not in first.headers
    again = {"If-None-Match": first.headers["ETag"]}
    assert app.test_client().get("/api/v1/picks", query_string={"site": "paper"}, headers=again).status_code == 304


def test_picks_of_a_long_thread_stand_above_its_first_page_only(
    app: Flask, db_session: Session, paper: Site, alice: Moderator
) -> None:
    paper.page_size = 10
    db_session.commit()
    reader = Reader(app.test_client())
    for number in range(15):
        reader.post(f"words {number}")
    last = the_comment(db_session, "words 14").id
    db_session.commit()
    press(app, last)
    assert above(app) == ["words 14"]
    assert above(app, comment=str(last)) == []


def test_merged_threads_keep_three(app: Flask, db_session: Session, paper: Site, alice: Moderator) -> None:
    for page in (PAGE, f"{PAGE}/old"):
        for number in range(2):
            Reader(app.test_client(), url=page).post(f"{page} {number}")
    for id in [each.id for each in db_session.query(Comment).order_by(Comment.id)]:
        db_session.commit()
        press(app, id)
    remap(paper, [(f"{PAGE}/old", PAGE)])
    db_session.commit()
    assert len(above(app)) == 3 == len(marked(app))


def test_two_moderators_do_not_both_pick_the_third(
    app: Flask, db_session: Session, alice: Moderator, comments: dict[str, int]
) -> None:
    def at_once(id: int) -> int:
        with app.test_request_context("/", method="POST"):
            try:
                found = db.session.get_one(Comment, id)
                picks.pick(found, by=db.session.get_one(Moderator, moderator))
                db.session.commit()
                return 200
            except picks.Refused as no:
                db.session.rollback()
                return no.status

    moderator = alice.id
    db_session.commit()
    with ThreadPoolExecutor(5) as desk:
        answers = sorted(desk.map(at_once, comments.values()))
    assert answers == [200, 200, 200, 409, 409]
    assert len(above(app)) == 3


def test_long_answered_and_helpful_comments_are_offered_first(
    app: Flask, db_session: Session, alice: Moderator, comments: dict[str, int]
) -> None:
    reader = Reader(app.test_client())
    for number in range(3):
        reader.post(f"reply {number}", parent=str(comments["words 1"]))
    the_comment(db_session, "words 3").helpful = 20
    db_session.commit()
    press(app, comments["words 4"])
    page = at_the_desk(app).get("/moderate/?status=approved&sort=worth", headers=ENGLISH)
    found = [card["data-comment-id"] for card in cards(page)]
    assert found[:2] == [str(comments["words 3"]), str(comments["words 1"])] and str(comments["words 4"]) not in found
    assert "sort=worth" in at_the_desk(app).get("/moderate/?status=approved").text

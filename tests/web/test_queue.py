"""The desk: a moderator's view, the buttons, and access control."""

import re

import pytest
from bs4 import BeautifulSoup, Tag
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session, object_session
from werkzeug.test import TestResponse

from app.models import Comment, Decision, Moderator, Reason, Site, Status
from app.moderation.decide import decide
from tests.cast import PASSWORD, Reader, a_moderator, a_site, move, the_comment

HELD = {"hold_all": True}
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, **HELD)


@pytest.fixture
def comment(app: Flask, db_session: Session, paper: Site) -> Comment:
    assert Reader(app.test_client()).post("First!").status_code == 202
    return the_comment(db_session, "First!")


def at_the_desk(app: Flask, name: str = "alice") -> FlaskClient:
    """A test client with a logged-in moderator."""
    client = app.test_client()
    token = hidden(client.get("/login"), "csrf_token")
    fields = {"email": f"{name}@moderators.example", "password": PASSWORD, "csrf_token": token}
    assert client.post("/login", data=fields).status_code == 303
    return client


def hidden(answer: TestResponse, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.text)
    assert found, answer.text
    return found[1]


def cards(answer: TestResponse) -> list[Tag]:
    return BeautifulSoup(answer.text, "html.parser").select("article[data-comment-id]")


def press(client: FlaskClient, comment: Comment, status: str, *, fetch: bool = False, **more) -> TestResponse:
    """Press a button of a card, with the comment's current version; `more` replaces single fields."""
    fields = {"status": status, "seen": comment.version}
    path = f"/moderate/comments/{comment.id}/decisions"
    let_go(comment)
    fields["csrf_token"] = hidden(client.get("/moderate/log"), "csrf_token")
    headers = ENGLISH | ({"X-Requested-With": "fetch"} if fetch else {})
    return client.post(path, data=fields | more, headers=headers)


def let_go(record: object) -> None:
    """End the test's transaction: a request could not write beside it."""
    session = object_session(record)
    assert session
    session.commit()


def status_of(db_session: Session, comment: Comment) -> str:
    db_session.expire_all()
    status = comment.status
    db_session.commit()
    return status


def test_alice_sees_what_waits_with_all_that_she_needs(app: Flask, alice: Moderator, comment: Comment) -> None:
    answer = at_the_desk(app).get("/moderate/", headers=ENGLISH)
    (card,) = cards(answer)
    assert "First!" in card.text and "Hanako" in card.text and "hanako@readers.example" in card.text
    assert [chip.text for chip in card.select(".reasons li")] == []
    assert card.select_one("a.article")["href"] == "https://paper.example/story"
    keys = {button["data-key"]: button["value"] for button in card.select("[data-decide] button[name=status]")}
    assert keys == {"a": "approved", "r": "rejected", "s": "spam"}
    assert {each["data-key"] for each in card.select("[data-key]")} == set("jkacrsdnebhltwxy")
    assert [each["value"] for each in card.select("[data-digit]")] == list(Reason)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_what_holds_every_comment_is_said_once_above_the_list(
    app: Flask, db_session: Session, paper: Site, alice: Moderator
) -> None:
    paper.approvals_needed = 1
    db_session.commit()
    for number in range(3):
        Reader(app.test_client(), email=f"r{number}@readers.example").post(f"number {number} https://bit.ly/x")
    answer = at_the_desk(app).get("/moderate/", headers=ENGLISH)
    above = BeautifulSoup(answer.text, "html.parser").select(".held")
    assert [" ".join(each.text.split()) for each in above] == [
        "Every comment is held for review. First-time commenters are held."
    ]
    assert [[chip.text for chip in card.select(".reasons li")] for card in cards(answer)] == [
        ["shortened link: https://bit.ly/x"]
    ] * 3
    assert not BeautifulSoup(at_the_desk(app).get("/moderate/?status=spam").text, "html.parser").select(".held")


def test_alice_sees_what_an_author_changed(app: Flask, db_session: Session, alice: Moderator) -> None:
    hanako = Reader(app.test_client())
    hanako.post("とても良い記事です")
    written = the_comment(db_session, "とても良い記事です")
    edit = f"/embed/comments/{written.id}/edit"
    hanako.client.post(edit, data=hanako.fields(token=hanako.token, body="とても悪い<b>記事です"))
    (card,) = cards(at_the_desk(app).get("/moderate/"))
    changes = card.select_one(".changes")
    assert changes and changes.text == "とても良い悪い<b>記事です"
    assert [(each.name, each.text) for each in changes.find_all(["del", "ins"])] == [
        ("del", "良い"), ("ins", "悪い<b>")
    ]  # fmt: skip


def test_without_a_script_a_press_decides_and_offers_the_way_back(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    desk = at_the_desk(app)
    answer = press(desk, comment, "approved", next="/moderate/?status=pending")
    assert (answer.status_code, answer.location) == (303, "/moderate/?status=pending")
    assert status_of(db_session, comment) == Status.APPROVED
    page = desk.get(answer.location)
    assert cards(page) == []
    undo = BeautifulSoup(page.text, "html.parser").select_one("form[data-undo]")
    back = desk.post(undo["action"], data={each["name"]: each["value"] for each in undo.select("input")})
    assert back.location == "/moderate/?status=pending"
    assert status_of(db_session, comment) == Status.PENDING
    assert len(cards(desk.get("/moderate/"))) == 1


def test_the_script_gets_a_fragment_with_the_way_back(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    desk = at_the_desk(app)
    answer = press(desk, comment, "spam", fetch=True)
    assert answer.status_code == 200 and "<html" not in answer.text
    undo = BeautifulSoup(answer.text, "html.parser").select_one("[data-decided] form")
    fields = {each["name"]: each["value"] for each in undo.select("input")}
    fresh = desk.post(undo["action"], data=fields, headers={"X-Requested-With": "fetch"})
    (card,) = cards(fresh)
    db_session.expire_all()
    assert card.select_one("[name=seen]")["value"] == str(comment.version)
    assert comment.status == Status.PENDING


@pytest.mark.parametrize("fetch", [True, False])
def test_a_conflict_names_the_earlier_decision_and_offers_an_override(
    app: Flask, alice: Moderator, paper: Site, comment: Comment, db_session: Session, fetch: bool
) -> None:
    bob = a_moderator(db_session, paper, "bob")
    seen = comment.version
    let_go(comment)
    desk = at_the_desk(app)
    move(db_session, comment, Status.REJECTED, by=bob)
    answer = press(desk, comment, "approved", fetch=fetch, seen=str(seen))
    assert answer.status_code == 409
    assert "Bob: Rejected" in " ".join(answer.text.split())
    assert status_of(db_session, comment) == Status.REJECTED
    (card,) = cards(answer)
    assert press(desk, comment, "approved", seen=card.select_one("[name=seen]")["value"]).status_code == 303
    assert status_of(db_session, comment) == Status.APPROVED


def test_the_same_press_again_is_one_decision(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    seen = str(comment.version)
    let_go(comment)
    desk = at_the_desk(app)
    first = press(desk, comment, "approved", fetch=True, seen=seen)
    again = press(desk, comment, "approved", fetch=True, seen=seen)
    assert (first.status_code, again.status_code) == (200, 200)
    db_session.expire_all()
    by_alice = select(func.count()).select_from(Decision).where(Decision.moderator_id == alice.id)
    assert db_session.scalar(by_alice) == 1


def test_withdrawn_comments_stay_withdrawn(app: Flask, alice: Moderator, comment: Comment, db_session: Session) -> None:
    move(db_session, comment, Status.DELETED)
    desk = at_the_desk(app)
    assert press(desk, comment, "approved", fetch=True).status_code == 409
    assert status_of(db_session, comment) == Status.DELETED
    assert "First!" not in desk.get("/moderate/").text


def test_an_old_decision_is_not_undone_over_a_newer_one(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    old = decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    move(db_session, comment, Status.SPAM, by=alice)
    path = f"/moderate/decisions/{old.id}/undo"
    let_go(old)
    desk = at_the_desk(app)
    token = hidden(desk.get("/moderate/log"), "csrf_token")
    assert desk.post(path, data={"csrf_token": token}).status_code == 409
    assert status_of(db_session, comment) == Status.SPAM


@pytest.mark.parametrize("change", [{"status": "deleted"}, {"status": "published"}, {"status": ""}, {"seen": "x"}])
def test_nonsense_is_refused(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session, change: dict[str, str]
) -> None:
    given = {"status": "approved"} | change
    assert press(at_the_desk(app), comment, given.pop("status"), **given).status_code == 400
    assert status_of(db_session, comment) == Status.PENDING


def test_a_decision_without_the_forms_token_is_refused(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    assert press(at_the_desk(app), comment, "approved", csrf_token="x").status_code == 400
    assert status_of(db_session, comment) == Status.PENDING


def test_the_script_gets_401_after_the_session_has_ended(app: Flask, comment: Comment) -> None:
    answer = app.test_client().get("/moderate/", headers={"X-Requested-With": "fetch"})
    assert answer.status_code == 401


def test_bob_sees_nothing_of_alices_site_on_any_route(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    a_moderator(db_session, a_site(db_session, "other", **HELD), "bob")
    screened = db_session.scalars(select(Decision).where(Decision.comment_id == comment.id)).one()
    ids = [screened.id, decide(comment, Status.APPROVED, seen=comment.version, by=alice).id]
    alice_id = alice.id
    db_session.commit()
    assert "First!" in at_the_desk(app).get("/moderate/?status=approved").text
    desk = at_the_desk(app, "bob")
    for path in (
        "/moderate/",
        *(f"/moderate/?status={each}" for each in ("approved", "rejected", "spam")),
        "/moderate/log",
    ):
        page = desk.get(path)
        assert page.status_code == 200
        assert not re.search("First!|Hanako|Alice", page.text)
    assert press(desk, comment, "rejected").status_code == 404
    token = hidden(desk.get("/moderate/log"), "csrf_token")
    for id in ids:
        assert desk.post(f"/moderate/decisions/{id}/undo", data={"csrf_token": token}).status_code == 404
    assert desk.get(f"/moderate/log?moderator={alice_id}").status_code == 404
    assert status_of(db_session, comment) == Status.APPROVED


def test_charlie_without_a_role_has_no_access(app: Flask, comment: Comment, db_session: Session) -> None:
    charlie = app.test_client()
    decision = db_session.scalars(select(Decision)).one()
    paths = (f"/moderate/comments/{comment.id}/decisions", f"/moderate/decisions/{decision.id}/undo")
    fields = {"status": "approved", "seen": comment.version}
    let_go(comment)
    fields["csrf_token"] = hidden(charlie.get("/login"), "csrf_token")
    for path in paths:
        answer = charlie.post(path, data=fields)
        assert (answer.status_code, answer.location) == (303, "/login?next=/moderate/")
    assert status_of(db_session, comment) == Status.PENDING


@pytest.mark.parametrize("query", ["status=deleted", "status=x", "lane=0", "lane=6"])
def test_there_is_no_other_tab(app: Flask, alice: Moderator, query: str) -> None:
    assert at_the_desk(app).get(f"/moderate/?{query}").status_code == 404


def test_an_empty_queue_says_so(app: Flask, alice: Moderator) -> None:
    assert "You’re all caught up." in at_the_desk(app).get("/moderate/", headers=ENGLISH).text

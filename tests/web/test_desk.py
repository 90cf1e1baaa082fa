"""The desk without JavaScript: reasons, batches, snooze, notes, trust, blocks, context, search."""

import re

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.extensions import db
from app.models import Comment, Decision, Moderator, Note, Role, Rule, Site, Status
from app.search import query
from tests.cast import Reader, a_moderator, a_site, move, the_comment
from tests.statements import recorded
from tests.web.test_queue import (
    ENGLISH,
    HELD,
    at_the_desk,
    cards,
    comment,
    hidden,
    let_go,
    paper,
    press,
    status_of,
)

__all__ = ["comment", "paper"]


def sends(desk: FlaskClient, path: str, *, fetch: bool = False, **fields: object) -> TestResponse:
    token = hidden(desk.get("/moderate/log"), "csrf_token")
    headers = ENGLISH | ({"X-Requested-With": "fetch"} if fetch else {})
    return desk.post(path, data={"csrf_token": token} | fields, headers=headers)


def said(app: Flask, db_session: Session, *bodies: str, **more: str) -> list[Comment]:
    for body in bodies:
        assert Reader(app.test_client(), **more).post(body).status_code == 202
    return [the_comment(db_session, body) for body in bodies]


def newest(db_session: Session) -> Decision:
    db_session.expire_all()
    return db_session.scalars(select(Decision).order_by(Decision.id.desc()).limit(1)).one()


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({"reason": "hate"}, "rejected", "hate"),
        ({"status": "rejected"}, "rejected", "other"),
        ({"status": "spam"}, "spam", "spam"),
        ({"status": "approved"}, "approved", ""),
    ],
)
def test_a_decision_carries_its_coded_reason(
    app: Flask,
    alice: Moderator,
    comment: Comment,
    db_session: Session,
    fields: dict[str, str],
    status: str,
    reason: str,
) -> None:
    path, seen = f"/moderate/comments/{comment.id}/decisions", comment.version
    let_go(comment)
    assert sends(at_the_desk(app), path, seen=seen, **fields).status_code == 303
    made = newest(db_session)
    assert (made.to_status, made.reason) == (status, reason)


def test_a_reason_that_is_none_is_refused(app: Flask, alice: Moderator, comment: Comment, db_session: Session) -> None:
    assert press(at_the_desk(app), comment, "", reason="because").status_code == 422
    assert status_of(db_session, comment) == Status.PENDING


def test_an_override_is_logged_as_one(
    app: Flask, alice: Moderator, paper: Site, comment: Comment, db_session: Session
) -> None:
    bob, seen = a_moderator(db_session, paper, "bob"), comment.version
    let_go(comment)
    desk = at_the_desk(app)
    move(db_session, comment, Status.APPROVED, by=bob)
    page = press(desk, comment, "rejected", seen=str(seen))
    assert page.status_code == 409 and "Bob: Approved" in " ".join(page.text.split())
    form = BeautifulSoup(page.text, "html.parser").select_one("[data-conflict] form")
    assert form.select_one("a[data-accept]") and form.select_one('button[data-key="o"]')["value"] == "rejected"
    fields = {each["name"]: each["value"] for each in form.select("input")} | {"status": "rejected"}
    assert desk.post(form["action"], data=fields).status_code == 303
    made = newest(db_session)
    assert (made.to_status, made.overrides, made.moderator_id) == ("rejected", True, alice.id)
    assert "Override" in desk.get("/moderate/log", headers=ENGLISH).text


def test_marked_comments_are_decided_together_and_taken_back_together(
    app: Flask, alice: Moderator, paper: Site, db_session: Session
) -> None:
    comments = said(app, db_session, "one", "two", "three")
    desk = at_the_desk(app)
    page = BeautifulSoup(desk.get("/moderate/").text, "html.parser")
    marks = [each["value"] for each in page.select("[data-mark]")][:2]
    form = page.select_one("form#batch")
    fields = {each["name"]: each["value"] for each in form.select("input")}
    given = fields | {"comment": marks, "status": "spam"}
    answer = desk.post(form["action"], data=given, headers=ENGLISH)
    assert answer.status_code == 303
    assert [status_of(db_session, each) for each in comments].count("spam") == 2
    page = BeautifulSoup(desk.get(answer.location, headers=ENGLISH).text, "html.parser")
    assert "2 comments" in page.select_one(".decided").text
    back = page.select_one("form[data-undo]")
    fields: dict[str, list[str]] = {}
    for each in back.select("input"):
        fields.setdefault(each["name"], []).append(each["value"])
    assert desk.post(back["action"], data=fields).status_code == 303
    assert [status_of(db_session, each) for each in comments] == ["pending"] * 3


def test_a_batch_reports_skipped_comments_with_the_reason(
    app: Flask, alice: Moderator, paper: Site, db_session: Session
) -> None:
    one, two = said(app, db_session, "one", "two")
    given = [f"{one.id}.{one.version}", f"{two.id}.{two.version}", "99999.1"]
    move(db_session, two, Status.APPROVED, by=a_moderator(db_session, paper, "bob"))
    answer = sends(at_the_desk(app), "/moderate/decisions", fetch=True, status="rejected", comment=given)
    box = BeautifulSoup(answer.text, "html.parser").select_one(".decided")
    assert (box["data-decided"], box["data-gone"]) == (str(one.id), "99999")
    assert "already changed" in box.text and "no longer exists" in box.text
    assert [card["data-comment-id"] for card in cards(answer)] == [str(two.id)]


def test_the_answer_to_a_batch_asks_nothing_about_each_of_its_decisions(
    app: Flask, alice: Moderator, db_session: Session
) -> None:
    desk, comments = at_the_desk(app), said(app, db_session, *(f"Remark {number}" for number in range(8)))
    given = [f"{each.id}.{each.version}" for each in comments]
    db_session.commit()
    with recorded(db.engine) as asked:
        assert sends(desk, "/moderate/decisions", fetch=True, status="spam", comment=given).status_code == 200
    assert sum(each.startswith("SELECT decision.") for each in asked) < len(given)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"comment": ["x"], "status": "spam"}, 400),
        ({"comment": ["1.1"], "status": "deleted"}, 400),
        ({"status": "spam"}, 422),
        ({"comment": [f"{id}.1" for id in range(501)], "status": "spam"}, 422),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nonsense_in_a_batch_is_refused(app: Flask, alice: Moderator, fields: dict, status: int) -> None:
    assert sends(at_the_desk(app), "/moderate/decisions", **fields).status_code == status


def test_in_the_lane_of_the_probably_fine_the_rest_of_the_page_can_be_approved(
    app: Flask, alice: Moderator, paper: Site, db_session: Session
) -> None:
    comments = said(app, db_session, "one", "two")
    for each in comments:
        each.lane = 3
    db_session.commit()
    desk = at_the_desk(app)
    page = BeautifulSoup(desk.get("/moderate/?lane=3").text, "html.parser")
    shown = [each["value"] for each in page.select("[name=shown]")]
    assert sends(desk, "/moderate/decisions", status="approved", shown=shown).status_code == 303
    assert [status_of(db_session, each) for each in comments] == ["approved"] * 2


def test_a_snoozed_card_leaves_the_queue_for_an_hour_and_can_return(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    path = f"/moderate/comments/{comment.id}/defer"
    let_go(comment)
    desk = at_the_desk(app)
    assert sends(desk, path).status_code == 303
    page = desk.get("/moderate/", headers=ENGLISH)
    assert cards(page) == [] and "1 snoozed" in page.text
    assert len(cards(desk.get("/moderate/?deferred=1"))) == 1
    sends(desk, path, back="1")
    assert len(cards(desk.get("/moderate/"))) == 1
    assert status_of(db_session, comment) == Status.PENDING


def test_a_note_that_is_sent_again_is_kept_once(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    path = f"/moderate/comments/{comment.id}/notes"
    let_go(comment)
    desk = at_the_desk(app)
    for text in ("ask", "ask", "ask again"):
        assert sends(desk, path, fetch=True, text=text).status_code == 200
    assert [note.text for note in db_session.query(Note).order_by(Note.id)] == ["ask", "ask again"]


def test_notes_are_visible_to_moderators_only(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    path = f"/moderate/comments/{comment.id}/notes"
    let_go(comment)
    desk = at_the_desk(app)
    assert sends(desk, path, text="<i>ask</i> the editor").status_code == 303
    assert sends(desk, path, text="  ").status_code == 400
    (card,) = cards(desk.get("/moderate/"))
    assert "<i>ask</i> the editor" in card.select_one(".notes").text and "Alice" in card.select_one(".notes").text
    move(db_session, comment, Status.APPROVED)
    assert "the editor" not in Reader(app.test_client()).get_thread().text
    assert db_session.scalars(select(Note)).one().moderator_id == alice.id


@pytest.mark.parametrize("effect", ["allow", "hold"])
def test_trust_and_always_hold_become_rules_about_the_author(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session, effect: str
) -> None:
    path, author = f"/moderate/comments/{comment.id}/author", str(comment.author_id)
    let_go(comment)
    desk = at_the_desk(app)
    assert sends(desk, path, effect=effect).status_code == 303
    assert sends(desk, path, effect="spam").status_code == 400
    rule = db_session.scalars(select(Rule)).one()
    assert (rule.subject, rule.effect, rule.value, rule.made_by_id) == ("author", effect, author, alice.id)


@pytest.fixture
def owner(alice: Moderator, db_session: Session) -> Moderator:
    alice.memberships[0].role = Role.OWNER
    db_session.commit()
    return alice


def test_a_block_counts_its_comments_and_clears_pending_ones(
    app: Flask, owner: Moderator, paper: Site, db_session: Session
) -> None:
    one, two = said(app, db_session, "one https://casino.example", "two https://casino.example")
    (other,) = said(app, db_session, "harmless")
    path = f"/moderate/comments/{one.id}/block"
    db_session.commit()
    desk = at_the_desk(app)
    page = BeautifulSoup(desk.get(path, headers=ENGLISH).text, "html.parser")
    choices = {each["value"]: " ".join(each.parent.text.split()) for each in page.select("[name=what]")}
    assert "affects 2 comments" in choices["link_domain casino.example"]
    assert "affects 3 comments" in choices["email hanako@readers.example"]
    assert sends(desk, path, what="link_domain elsewhere.example").status_code == 400
    assert sends(desk, path, what="link_domain casino.example", days="7", clear="1").status_code == 303
    assert [status_of(db_session, each) for each in (one, two, other)] == ["spam", "spam", "pending"]
    rule = db_session.scalars(select(Rule)).one()
    assert (rule.subject, rule.effect, rule.value) == ("link_domain", "spam", "casino.example")
    assert rule.expires_at and (rule.expires_at - rule.made_at).days in (6, 7)


@pytest.mark.parametrize("fetch", [False, True])
@pytest.mark.parametrize("what", ["thread", "author", "block"])
def test_the_context_of_a_comment_opens_in_place_and_as_a_page(
    app: Flask, alice: Moderator, comment: Comment, fetch: bool, what: str
) -> None:
    path = f"/moderate/comments/{comment.id}/{what}"
    let_go(comment)
    answer = at_the_desk(app).get(path, headers={"X-Requested-With": "fetch"} if fetch else {})
    assert answer.status_code == 200
    assert ("<html" in answer.text) != fetch and "<section" in answer.text


def test_the_history_lists_comments_from_the_same_address_with_a_caveat(
    app: Flask, alice: Moderator, paper: Site, db_session: Session
) -> None:
    one, _two = said(app, db_session, "one", "two")
    said(app, db_session, "other", email="other@readers.example")
    id = one.id
    db_session.commit()
    text = at_the_desk(app).get(f"/moderate/comments/{id}/author", headers=ENGLISH).text
    assert "one" in text and "two" in text and "unverified" in text and ">other<" not in text


def test_two_moderators_see_each_other_and_share_the_queue(
    app: Flask, alice: Moderator, paper: Site, db_session: Session
) -> None:
    a_moderator(db_session, paper, "bob")
    said(app, db_session, "one", "two")
    db_session.commit()
    first, second = at_the_desk(app), at_the_desk(app, "bob")
    assert len(cards(first.get("/moderate/"))) == 2
    page = second.get("/moderate/", headers=ENGLISH)
    assert [card.select_one(".reviewer").text for card in cards(page)] == ["Alice is reviewing"] * 2
    ids = [card["data-comment-id"] for card in cards(page)]
    assert "Alice is reviewing" in sends(second, "/moderate/leases", comment=ids).text
    sends(first, "/moderate/leases", comment=ids, leave="1")
    assert "reviewing" not in second.get("/moderate/", headers=ENGLISH).text


# Search


@pytest.fixture
def archive(app: Flask, paper: Site, alice: Moderator, db_session: Session) -> FlaskClient:
    said(app, db_session, "大阪の天気は100%晴れ", "東京_a は雨", 'quote " and * NEAR(')
    said(app, db_session, "Ferry", name="Jiro", email="jiro@readers.example")
    move(db_session, the_comment(db_session, "Ferry"), Status.SPAM, by=alice)
    theirs = a_site(db_session, "other", **HELD)
    assert Reader(app.test_client(), site=theirs.key).post("大阪の秘密").status_code == 202
    db_session.commit()
    return at_the_desk(app)


def found(desk: FlaskClient, **query: object) -> set[str]:
    page = desk.get("/moderate/search", query_string=query)
    assert page.status_code == 200, page.text
    return {card.select_one(".body").text.strip() for card in cards(page)}


def test_search_finds_by_every_field(archive: FlaskClient) -> None:
    osaka, tokyo = "大阪の天気は100%晴れ", "東京_a は雨"
    assert found(archive, q="大阪") == {osaka}
    assert found(archive, q="大阪　晴れ") == {osaka}
    assert found(archive, q="雨") == {tokyo}
    assert found(archive, q="ＦＥＲＲＹ") == found(archive, q="ferry") == {"Ferry"}
    assert found(archive, name="jiro") == found(archive, email="JIRO@readers.example") == {"Ferry"}
    assert found(archive, email="jiro") == set()
    assert found(archive, status="spam") == {"Ferry"}
    assert found(archive, article="https://paper.example/story", status="spam") == {"Ferry"}
    assert found(archive, since="2020-01-01", until="2199-01-01", q="大阪") == {osaka}
    assert found(archive, until="2020-01-01") == set()


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("%", {"大阪の天気は100%晴れ"}),
        ("_", {"東京_a は雨"}),
        ('"', {'quote " and * NEAR('}),
        ("*", {'quote " and * NEAR('}),
        ("NEAR(", {'quote " and * NEAR('}),
        ("\\", set()),
        ("' OR 1=1 --", set()),
    ],
)
def test_input_is_shown_as_text(archive: FlaskClient, typed: str, shown: set[str]) -> None:
    assert found(archive, q=typed) == shown


def test_a_search_looks_only_so_far_back_and_offers_to_go_on(
    archive: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "MAX_SCANNED", 2)
    seen, path = [], "/moderate/search?status=pending&until=2199-01-01"
    while path:
        page = archive.get(path, headers=ENGLISH)
        soup = BeautifulSoup(page.text, "html.parser")
        further = soup.select_one("[data-further]")
        seen.append((len(cards(page)), bool(further), "Showing recent comments" in page.text))
        path = further["href"] if further else ""
    assert seen == [(0, True, True), (2, True, True), (1, False, False)]
    assert found(archive, email="jiro@readers.example") == {"Ferry"}


@pytest.mark.parametrize("query", [{"status": "x"}, {"since": "x"}, {"moderator": "99"}, {"q": "x" * 201}])
def test_a_search_that_cannot_be_is_refused(archive: FlaskClient, query: dict[str, str]) -> None:
    assert archive.get("/moderate/search", query_string=query).status_code == 400


def test_an_empty_search_shows_the_form(archive: FlaskClient) -> None:
    page = archive.get("/moderate/search", headers=ENGLISH)
    assert cards(page) == [] and "No results" not in page.text
    assert re.search(r'<input[^>]*name="q"', page.text)


def test_bob_of_another_site_can_do_nothing_at_alices_desk(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    a_moderator(db_session, a_site(db_session, "other", **HELD), "bob")
    id, version, before = comment.id, comment.version, newest(db_session).id
    db_session.commit()
    bob = at_the_desk(app, "bob")
    for what in ("thread", "author", "block"):
        assert bob.get(f"/moderate/comments/{id}/{what}").status_code == 404
    for what, fields in (
        ("decisions", {"status": "spam", "seen": version}),
        ("defer", {}),
        ("notes", {"text": "x"}),
        ("author", {"effect": "allow"}),
        ("block", {"what": "author 1", "clear": "1"}),
    ):
        assert sends(bob, f"/moderate/comments/{id}/{what}", **fields).status_code == 404
    left_out = sends(bob, "/moderate/decisions", fetch=True, status="spam", comment=f"{id}.{version}")
    assert f'data-gone="{id}"' in left_out.text and "First!" not in left_out.text
    sends(bob, "/moderate/decisions/undo", decision=str(before))
    sends(bob, "/moderate/leases", comment=str(id))
    assert found(bob, q="First") == found(bob, alike=id) == set()
    assert newest(db_session).id == before
    assert db_session.scalars(select(Rule)).all() == db_session.scalars(select(Note)).all() == []
    db_session.commit()
    assert len(cards(at_the_desk(app).get("/moderate/"))) == 1

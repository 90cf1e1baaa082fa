"""Care for moderators: covered texts, easier comments between difficult ones, breaks, and the hand-over note."""

import re
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.lib.clock import now
from app.models import AuditEvent, Comment, Handover, Lease, Moderator, Reason, Report, Site, Status
from app.models.audit import Event
from app.models.report import Reporter
from app.moderation.decide import decide
from app.moderation.reports import report
from app.web import pause
from tests.cast import Reader, a_moderator, a_site, the_comment
from tests.web.test_queue import ENGLISH, at_the_desk, hidden, press

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
THREAT = "I will kill you tonight."


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, hold_all=True, lang="en")


def post(app: Flask, *bodies: str) -> None:
    hanako = Reader(app.test_client())
    for body in bodies:
        assert hanako.post(body).status_code == 202


def queue_of(client: FlaskClient, **query: object) -> BeautifulSoup:
    answer = client.get("/moderate/", query_string=query, headers=ENGLISH)
    assert answer.status_code == 200
    return BeautifulSoup(answer.text, "html.parser")


def send(client: FlaskClient, path: str, **fields: object) -> int:
    token = hidden(client.get("/moderate/log"), "csrf_token")
    return client.post(path, data={"csrf_token": token} | fields, headers=ENGLISH).status_code


@ONE_DATABASE
def test_a_difficult_text_is_covered_until_it_is_opened(app: Flask, alice: Moderator, db_session: Session) -> None:
    post(app, THREAT, "A kind word.")
    client = at_the_desk(app)
    for view in ("", "list"):
        page = queue_of(client, view=view)
        card = page.find(id=f"card-{the_comment(db_session, THREAT).id}")
        veil = card.select_one("details.veil")
        assert veil and not veil.has_attr("open") and "kill" in veil.text
        assert "possible threat" in veil.summary.text and veil.summary["aria-keyshortcuts"] == "o"
        assert "kill" not in veil.summary.text and "kill" not in page.title.text
        veil.extract()
        assert "kill" not in card.text, "neither the text nor a reason that quotes it"
        labels = [
            page.find(id=card["aria-labelledby"]).text,
            *(each.get("aria-label", "") for each in card.select("*")),
        ]
        assert not any("kill" in label for label in labels)
        other = page.find(id=f"card-{the_comment(db_session, 'A kind word.').id}")
        assert not other.select("details.veil") and "A kind word." in other.text
    db_session.execute(update(Moderator).values(cover_hard=False))
    db_session.commit()
    assert not queue_of(client).select("details.veil")


@ONE_DATABASE
def test_easier_comments_come_between_difficult_ones(app: Flask, alice: Moderator, db_session: Session) -> None:
    post(app, *(f"I will kill you, number {number}." for number in range(7)), *(f"Kind word {n}." for n in range(2)))
    client = at_the_desk(app)
    alice.hard_in_a_row = 3
    db_session.commit()
    shape = ["kill" in card.text for card in queue_of(client).select("article")]
    assert shape == [True, True, True, False, True, True, True, False, True]
    page = queue_of(client, lane=1)
    assert len(page.select("article")) == 7, "a lane with difficult ones only shows them"
    assert "Only difficult comments are left here." in page.text and "Take a break" in page.text
    alice.hard_in_a_row = 0
    db_session.commit()
    shape = ["kill" in card.text for card in queue_of(client).select("article")]
    assert shape == [True] * 7 + [False] * 2


@ONE_DATABASE
def test_easier_comments_are_taken_from_further_on_and_the_next_page_counts_on(
    app: Flask, alice: Moderator, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.desk.queue.PAGE", 4)
    post(app, *(f"I will kill you, number {number}." for number in range(6)), *(f"Kind word {n}." for n in range(3)))
    client = at_the_desk(app)
    alice.hard_in_a_row = 3
    db_session.commit()
    page = queue_of(client)
    seen = [card["data-comment-id"] for card in page.select("article")]
    assert ["kill" in card.text for card in page.select("article")] == [True, True, True, False, True]
    more = page.select_one("a[data-more]")["href"]
    assert "run=1" in more
    following = BeautifulSoup(client.get(more, headers=ENGLISH).text, "html.parser").select("article")
    assert ["kill" in card.text for card in following][:3] == [True, True, False]
    shown = {*seen, *(card["data-comment-id"] for card in following)}
    db_session.rollback()
    hard = {str(id) for id in db_session.scalars(select(Comment.id).where(Comment.lane == 1))}
    assert hard <= shown, "none is left out"
    db_session.rollback()
    for odd in ("-1", "9" * 40, "x", ""):
        assert client.get("/moderate/", query_string={"run": odd}).status_code == 200


@ONE_DATABASE
def test_a_break_is_offered_after_the_chosen_time_and_not_again_at_once(
    app: Flask, alice: Moderator, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(app, *(f"Word {number}." for number in range(6)))
    client, ids, me = at_the_desk(app), [comment.id for comment in db_session.query(Comment)], alice.id
    db_session.rollback()
    moment = now()
    monkeypatch.setattr(pause, "now", lambda: moment)

    def decide_one() -> None:
        press(client, db_session.get_one(Comment, ids.pop()), "approved")

    def is_offered() -> bool:
        return "How about a break?" in queue_of(client).text

    decide_one()
    for _turn in range(4):
        moment += timedelta(minutes=9)
        assert not is_offered()
        decide_one()
    moment += timedelta(minutes=9)
    assert is_offered(), "45 minutes, never 10 without a decision"
    token = hidden(client.get("/moderate/log"), "csrf_token")
    renewed = client.post("/moderate/leases", data={"csrf_token": token}, headers=ENGLISH).text
    assert "How about a break?" in renewed, "also on a page that stays open"
    assert send(client, "/moderate/pause", later="1") == 303
    assert not is_offered()
    kept = client.get_cookie("kaiwa_deciding").value
    assert re.fullmatch(rf"{me}\.\d+\.\d+", kept), "two moments, and no count"
    moment += timedelta(minutes=11)
    assert not is_offered(), "that was a break"
    client.set_cookie("kaiwa_deciding", f"{me}.0.{int(moment.timestamp())}")
    assert is_offered()
    for other in (f"{me + 1}.0.{int(moment.timestamp())}", "x", f"{me}.0", "9" * 3_000):
        client.set_cookie("kaiwa_deciding", other)
        assert not is_offered(), "of another account, or changed"


@ONE_DATABASE
def test_a_late_answer_to_a_decision_brings_no_earlier_log_in_back(
    app: Flask, alice: Moderator, db_session: Session
) -> None:
    post(app, "A word.")
    client = at_the_desk(app)
    comment, token = the_comment(db_session, "A word."), hidden(client.get("/moderate/log"), "csrf_token")
    form = {"csrf_token": token, "status": "approved", "seen": comment.version}
    path, headers = f"/moderate/comments/{comment.id}/decisions", {"X-Requested-With": "fetch"}
    db_session.commit()
    answer = client.post(path, data=form, headers=headers)
    assert answer.status_code == 200
    assert [each.partition("=")[0] for each in answer.headers.getlist("Set-Cookie")] == ["kaiwa_deciding"]


@ONE_DATABASE
def test_o_in_a_conflict_overrides_and_opens_nothing(app: Flask, alice: Moderator, db_session: Session) -> None:
    """The card names one action for each key."""
    post(app, THREAT)
    comment = the_comment(db_session, THREAT)
    bob = a_moderator(db_session, alice.memberships[0].site, name="bob")
    client = at_the_desk(app)
    decide(comment, Status.SPAM, seen=comment.version, by=bob)
    db_session.commit()
    answer = press(client, comment, "approved", fetch=True, seen=str(comment.version - 1))
    assert answer.status_code == 409
    card = BeautifulSoup(answer.text, "html.parser").select_one("article")
    (key,) = card.select("[data-key=o]")
    assert key.find_parent(attrs={"data-conflict": True}) and key["value"] == "approved"
    veil = card.select_one("details.veil summary")
    assert veil and " O" not in veil.text


@ONE_DATABASE
def test_the_quoted_text_above_a_reply_is_covered_too(app: Flask, alice: Moderator, db_session: Session) -> None:
    hanako = Reader(app.test_client())
    hanako.post("You are vermin.")
    above = the_comment(db_session, "You are vermin.")
    decide(above, Status.APPROVED, seen=above.version, by=alice)
    db_session.commit()
    hanako.post("Please be kind.", parent=above.id)
    client = at_the_desk(app)
    reply = the_comment(db_session, "Please be kind.").id
    assert "vermin" in queue_of(client).find(id=f"card-{reply}").text
    report(above, reader=Reporter("r" * 43), reason=Reason.HATE)
    db_session.execute(update(Report).values(decision_id=None))
    db_session.commit()
    card = queue_of(client).find(id=f"card-{reply}")
    assert "vermin" not in card.text and "Text covered" in card.select_one(".parent").text


@ONE_DATABASE
def test_who_takes_a_break_gives_the_comments_to_others(app: Flask, alice: Moderator, db_session: Session) -> None:
    post(app, "One.", "Two.")
    client = at_the_desk(app)
    queue_of(client)
    assert db_session.query(Lease).count() == 2
    db_session.rollback()
    assert send(client, "/moderate/pause") == 303
    assert db_session.query(Lease).count() == 0
    db_session.rollback()
    assert "Back to the queue" in client.get("/moderate/pause", headers=ENGLISH).text


def test_a_hand_over_note_is_shown_replaced_cleared_and_logged(
    app: Flask, alice: Moderator, db_session: Session
) -> None:
    bob = a_moderator(db_session, alice.memberships[0].site, name="bob")
    other = a_site(db_session, "other")
    a_moderator(db_session, other, name="carol")
    client, bobs, carols = at_the_desk(app), at_the_desk(app, "bob"), at_the_desk(app, "carol")
    assert send(client, "/moderate/handover", site="paper", text="Watch the <b>ferry</b> thread.") == 303
    assert send(client, "/moderate/handover", site="paper", text="Watch the <b>ferry</b> thread.") == 303
    page = queue_of(bobs)
    (note,) = page.select(".handover")
    assert "Watch the <b>ferry</b> thread." in note.text and "Alice" in note.text
    assert not queue_of(carols).select(".handover"), "another site"
    assert send(carols, "/moderate/handover", site="paper", text="Hello") == 404
    assert send(carols, "/moderate/handover", site="paper", clear="1") == 404
    assert send(bobs, "/moderate/handover", site="paper", text="x" * 2001) == 422
    assert send(bobs, "/moderate/handover", site="paper", text=" ") == 422
    assert send(bobs, "/moderate/handover", site="paper", text="All quiet.") == 303
    page = queue_of(client)
    assert [note.p.text for note in page.select(".handover")] == ["All quiet."]
    assert "ferry" in page.select_one(".handing .notes").text, "kept for a while"
    assert send(client, "/moderate/handover", site="paper", clear="1") == 303
    assert not queue_of(client).select(".handover")
    logged = db_session.scalars(
        select(AuditEvent).where(AuditEvent.event.like("handover%")).order_by(AuditEvent.id)
    ).all()
    assert [(each.event, each.actor_name) for each in logged] == [
        (Event.HANDOVER_WRITTEN, "Alice"), (Event.HANDOVER_WRITTEN, bob.name), (Event.HANDOVER_CLEARED, "Alice"),
    ]  # fmt: skip
    assert not any("ferry" in each.details for each in logged)
    assert Handover.forget_before(now()) == 2 and not Handover.current([alice.memberships[0].site_id])


@ONE_DATABASE
def test_each_moderator_chooses_for_themselves(app: Flask, alice: Moderator, db_session: Session) -> None:
    client = at_the_desk(app)
    assert (alice.cover_hard, alice.hard_in_a_row, alice.pause_minutes) == (True, 5, 45), "sensible from the beginning"
    db_session.commit()
    assert send(client, "/account/care", hard_in_a_row="2", pause_minutes="0") == 303
    assert send(client, "/account/care", hard_in_a_row="-1", pause_minutes="0") == 422
    assert send(client, "/account/care", hard_in_a_row="2", pause_minutes="many") == 422
    db_session.refresh(alice)
    assert (alice.cover_hard, alice.hard_in_a_row, alice.pause_minutes) == (False, 2, 0)
    db_session.commit()
    page = BeautifulSoup(client.get("/account", headers=ENGLISH).text, "html.parser").find(id="care")
    assert page.select_one("#hard_in_a_row option[selected]").text == "2"


@ONE_DATABASE
def test_pages_of_the_desk_count_no_ones_decisions(app: Flask, alice: Moderator, db_session: Session) -> None:
    bodies = [f"Word {chr(97 + number // 6)}{chr(97 + number % 6)}." for number in range(13)]
    post(app, *bodies)
    client = at_the_desk(app)
    for body in bodies:
        press(client, the_comment(db_session, body), "approved")
    for path in (
        "/moderate/",
        "/moderate/?lane=1",
        "/moderate/?view=list",
        "/moderate/pause",
        "/moderate/search",
        "/account",
    ):
        page = BeautifulSoup(client.get(path, headers=ENGLISH).text, "html.parser")
        for each in page.select("script, style, option, .flashes, time"):
            each.extract()
        # The account page has the day and minute of the log-in.
        text = re.sub(r"[A-Z][a-z]{2} \d{1,2}, \d{4}|\d{1,2}:\d{2}", "", page.text)
        assert not re.search(r"\b13\b", text), path
        assert not re.search(r"streak|badge|level|goal|record of the day|in a row!", page.text, re.IGNORECASE), path

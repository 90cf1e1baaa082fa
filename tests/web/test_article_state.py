"""The comments of an article are opened, closed, held or hidden: what readers, moderators and programs see then."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.lib.clock import now
from app.models import Comment, Delivery, Moderator, Reason, Role, Site, State, Status, Thread, ThreadChange
from app.models.report import Reporter
from app.moderation import articles
from app.moderation.reports import report
from app.notify import outbox, replies
from app.transfer.archive import BY_NAME
from tests.cast import ORIGIN, PAGE, Reader, a_moderator, a_site, move, the_comment
from tests.services import MailServer
from tests.web.test_own_comment import link_in
from tests.web.test_queue import ENGLISH, at_the_desk, hidden

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
CANARY, NAME = "Kanarienvogel", "Vogelfreundin"
NAVIGATES = {"Sec-Fetch-Mode": "navigate", "Origin": "http://localhost"}


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return settings | {"UNDO_WINDOW": "0"}


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en")


@pytest.fixture
def hanako(client: FlaskClient, alice: Moderator) -> Reader:
    return Reader(client)


def the_thread(db_session: Session) -> Thread:
    db_session.expire_all()
    thread = db_session.query(Thread).one()
    db_session.commit()
    return thread


def put(db_session: Session, state: State, **more: Any) -> None:
    articles.set_state(the_thread(db_session), state, **more)
    db_session.commit()


def age(db_session: Session, column: str) -> None:
    """Put the time in this column 15 days back."""
    db_session.execute(update(Thread).values({column: now() - timedelta(days=15)}))
    db_session.commit()


def run(app: Flask, *words: str, code: int = 0) -> Any:
    done = app.test_cli_runner().invoke(args=["thread", *words, "--site", "paper", "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout.splitlines()[-1]) if code == 0 else done.stderr


def press(desk: FlaskClient, path: str, **fields: str) -> TestResponse:
    token = hidden(desk.get("/moderate/log"), "csrf_token")
    return desk.post(path, data=fields | {"csrf_token": token}, headers=ENGLISH)


def test_a_moderator_closes_an_article_and_undoes_it(
    app: Flask, hanako: Reader, db_session: Session, alice: Moderator
) -> None:
    hanako.post("First!")
    thread, desk = the_thread(db_session), at_the_desk(app)
    before = hanako.get_thread().headers["ETag"]
    path = f"/sites/paper/threads/{thread.id}"
    assert press(desk, f"{path}/state", state="closed", reason="Night", next=path).location == path
    closed = hanako.get_thread()
    assert closed.headers["ETag"] != before and "Comments are closed." in closed.text
    assert "First!" in closed.text and "<textarea" not in closed.text
    answer = hanako.post("too late")
    assert answer.status_code == 403 and "too late" in answer.text
    shown = desk.get(path, headers=ENGLISH).text
    assert "Night" in shown and "Alice" in shown
    log = desk.get("/moderate/log/articles", headers=ENGLISH).text
    assert "Night" in log and "Alice" in log and PAGE in log
    (change,) = db_session.query(ThreadChange)
    db_session.commit()
    assert press(desk, f"/sites/paper/threads/changes/{change.id}/undo").status_code == 303
    assert hanako.post("again").status_code == 201
    assert press(desk, f"/sites/paper/threads/changes/{change.id}/undo").status_code == 409
    assert [(each.from_state, each.to_state, each.undoes) for each in db_session.query(ThreadChange)] == [
        ("open", "closed", False),
        ("closed", "open", True),
    ]


def test_changes_of_articles_are_exported_batch_by_batch_for_the_own_sites_only(
    app: Flask, hanako: Reader, db_session: Session, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(articles, "BATCH", 2)
    hanako.post("First!")
    thread, desk = the_thread(db_session), at_the_desk(app)
    for state, reason in (("closed", "=1+1"), ("open", ""), ("hidden", "a\nb"), ("held", "")):
        assert press(desk, f"/sites/paper/threads/{thread.id}/state", state=state, reason=reason).status_code == 303
    other = a_site(db_session, "other")
    a_moderator(db_session, other, "bob", Role.OWNER)
    sheet = desk.get("/moderate/log/articles.csv", buffered=True)
    lines = desk.get("/moderate/log/articles.jsonl", buffered=True)
    found = [json.loads(line) for line in lines.text.splitlines()]
    assert [(row["from"], row["to"]) for row in found] == [
        ("hidden", "held"), ("open", "hidden"), ("closed", "open"), ("open", "closed"),
    ]  # fmt: skip
    first = found[-1]
    assert (first["site"], first["page"], first["moderator"], first["reason"]) == ("paper", PAGE, "Alice", "=1+1")
    rows = list(csv.DictReader(io.StringIO(sheet.text.removeprefix("\ufeff"), newline="")))
    assert [row["reason"] for row in rows] == ["", found[1]["reason"], "", "'=1+1"]
    for answer in (sheet, lines):
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["Cache-Control"] == "no-store"
    page = desk.get("/moderate/log/articles", headers=ENGLISH).text
    assert "/moderate/log/articles.csv" in page and "/moderate/log/articles.jsonl" in page
    assert at_the_desk(app, "bob").get("/moderate/log/articles.jsonl", buffered=True).text == ""


@ONE_DATABASE
def test_the_state_of_an_article_can_be_set_before_its_first_comment(
    app: Flask, client: FlaskClient, db_session: Session, paper: Site
) -> None:
    a_moderator(db_session, paper, "olga", Role.ADMIN)
    desk = at_the_desk(app, "olga")
    page = press(desk, "/sites/paper/threads/new", url="/story").location
    assert press(desk, f"{page}/state", state="held").status_code == 303
    assert Reader(client).post("First!").status_code == 202
    foreign = press(desk, "/sites/paper/threads/new", url="https://elsewhere.example/")
    assert foreign.status_code == 422 and "doesn’t belong" in foreign.text and "elsewhere.example" in foreign.text
    assert db_session.query(Thread).count() == 1


def test_the_command_sets_each_state(app: Flask, client: FlaskClient, db_session: Session, paper: Site) -> None:
    assert run(app, "close", "/story", "--reason", "Night")["changed"]
    assert Reader(client).post("no").status_code == 403
    assert run(app, "list")[0]["state"] == "closed"
    assert not run(app, "close", "/story")["changed"]
    assert run(app, "open", PAGE)["state"] == "open"
    assert Reader(client).post("yes").status_code == 201
    assert run(app, "hide", "/story")["state"] == "hidden"
    assert run(app, "hold", "/story")["state"] == "held"
    assert run(app, "open", "id:own")["key"] == "id:own"
    assert run(app, "close", "https://elsewhere.example/", code=1).startswith("Error: ")
    first = db_session.query(ThreadChange).order_by(ThreadChange.id).first()
    assert first and (first.to_state, first.actor, first.reason) == ("closed", "operator", "Night")


def test_a_held_article_holds_new_comments_and_edits_of_everybody(
    app: Flask, hanako: Reader, db_session: Session, alice: Moderator
) -> None:
    hanako.post("First!")
    put(db_session, State.HELD, by=alice)
    assert hanako.post("Second!").status_code == 202
    assert the_comment(db_session, "Second!").reasons == [{"check": "article", "verdict": "hold"}]
    here = {"site": "paper", "url": PAGE}
    tokens = hanako.client.post("/embed/comments", data=hanako.fields(body="Third!")).headers["Kaiwa-Token"]
    third = the_comment(db_session, "Third!")
    hanako.client.post(f"/embed/comments/{third.id}/edit", data=here | {"token": tokens, "body": "Third, edited"})
    assert the_comment(db_session, "Third, edited").status == Status.PENDING
    assert the_comment(db_session, "Third, edited").reasons == [{"check": "article", "verdict": "hold"}]
    page = hanako.get_thread().text
    assert "New comments on this article appear after review." in page and "<textarea" in page
    assert "all comments on this article are held" in at_the_desk(app).get("/moderate/", headers=ENGLISH).text
    # A moderator can still publish them.
    move(db_session, the_comment(db_session, "Second!"), Status.APPROVED, by=alice)
    assert "Second!" in hanako.get_thread().text


@ONE_DATABASE
def test_a_published_comment_that_is_edited_in_a_held_article_waits(hanako: Reader, db_session: Session) -> None:
    hanako.post("First!")
    id = the_comment(db_session, "First!").id
    put(db_session, State.HELD)
    given = {"site": "paper", "url": PAGE, "token": hanako.token, "body": "First, and more"}
    hanako.client.post(f"/embed/comments/{id}/edit", data=given)
    assert the_comment(db_session, "First, and more").status == Status.PENDING


@ONE_DATABASE
@pytest.mark.parametrize("state", [State.CLOSED, State.HIDDEN])
def test_what_a_reader_typed_into_a_closed_article_is_kept(hanako: Reader, db_session: Session, state: State) -> None:
    hanako.post("First!")
    put(db_session, state)
    for headers in ({}, NAVIGATES):
        answer = hanako.client.post("/embed/comments", data=hanako.fields(body="long thoughts"), headers=headers)
        assert answer.status_code == 403
        assert "long thoughts" in answer.text and "Comments are closed." in answer.text


def test_of_a_hidden_article_strangers_get_not_a_word(
    app: Flask, hanako: Reader, db_session: Session, alice: Moderator, smtp: MailServer
) -> None:
    writer = Reader(app.test_client(), NAME, "bird@readers.example")
    posted = writer.post(f"{CANARY} sings", notify="replies")
    comment = the_comment(db_session, f"{CANARY} sings")
    id = str(comment.id)
    comment.author.confirmed_index = comment.author.email_index
    db_session.commit()
    again = {"body": f"{CANARY} answers", "parent": id}
    assert hanako.post(**again, headers={"Idempotency-Key": "a key"}).status_code == 201
    while outbox.run_once(replies.carriers()):
        pass
    assert db_session.query(Delivery).filter_by(kind="replies").count() == 1, "there is an email to hold back"
    db_session.commit()
    report(the_comment(db_session, f"{CANARY} sings"), reader=Reporter("r"), reason=Reason.HATE)
    db_session.commit()
    put(db_session, State.HIDDEN, by=alice)
    page = {"site": "paper", "url": PAGE}
    stranger = app.test_client()
    gets = ["/embed/thread", "/thread", "/feeds/thread", "/api/v1/threads", "/embed/counts"]
    answers = [stranger.get(path, query_string=page) for path in gets]
    answers += [stranger.get(path, query_string=page | {"parent": id}) for path in gets[:2]]
    answers += [stranger.get(path, query_string=page | {"comment": id}) for path in gets[:2]]
    answers += [
        stranger.get("/feeds/site/paper.atom"),
        stranger.get(f"/embed/report/{id}"),
        # A reply, and a guessed request key.
        stranger.post("/embed/comments", data=writer.fields(body="x", name="S", author="", parent=id)),
        Reader(stranger, peer="198.51.100.7").post(**again, headers={"Idempotency-Key": "a key"}),
    ]
    for answer in answers:
        assert NAME not in answer.text, answer.request.path
        assert CANARY not in answer.text, answer.request.path
    assert answers[3].json["state"] == "hidden" and answers[3].json["comments"] == []
    assert answers[4].json["counts"] == {PAGE: 0}
    # Their author still finds the comment by its link, without those of others.
    own = app.test_client().get(link_in(posted)).text
    assert f"{CANARY} sings" in own and "the comments on this page are hidden" in own
    mine = app.test_client().post("/embed/own", data=page | {"token": [hanako.token, writer.token]}).text
    assert CANARY not in mine and NAME not in mine
    while outbox.run_once():
        pass
    assert all(each.subject.startswith("Confirm") for each in smtp.to("bird@readers.example"))
    put(db_session, State.OPEN, by=alice)
    assert CANARY in stranger.get("/embed/thread", query_string=page).text


@ONE_DATABASE
def test_an_article_that_was_too_old_can_be_opened_again(
    app: Flask, hanako: Reader, db_session: Session, alice: Moderator, paper: Site
) -> None:
    hanako.post("First!")
    db_session.get_one(Site, paper.id).change({"close_after_days": 14})
    age(db_session, "started_at")
    assert hanako.post("late").status_code == 403
    desk, id = at_the_desk(app), the_thread(db_session).id
    assert "older than the settings allow" in desk.get(f"/sites/paper/threads/{id}", headers=ENGLISH).text
    press(desk, f"/sites/paper/threads/{id}/state", state="open")
    assert hanako.post("welcome").status_code == 201
    age(db_session, "reopened_at")
    assert hanako.post("late again").status_code == 403, "the days have started again, and are over"


@ONE_DATABASE
def test_hidden_comments_stay_hidden_when_their_article_is_merged(
    app: Flask, client: FlaskClient, db_session: Session, paper: Site
) -> None:
    Reader(client, url=f"{ORIGIN}/old").post(CANARY)
    Reader(client, url=f"{ORIGIN}/new").post("there")
    run(app, "hide", "/old")
    run(app, "merge", "/old", "/new")
    assert CANARY not in Reader(client, url=f"{ORIGIN}/new").get_thread().text
    assert the_thread(db_session).state == State.HIDDEN
    assert [each.reason for each in db_session.query(ThreadChange).order_by(ThreadChange.id)] == ["", "merge"]


@ONE_DATABASE
def test_an_older_archives_flags_become_a_state(app: Flask, db_session: Session) -> None:
    converted = BY_NAME["thread"].converted
    assert converted({"open": True, "visible": True})["state"] == "open"
    assert converted({"open": False, "visible": True})["state"] == "closed"
    assert converted({"open": True, "visible": False})["state"] == "hidden"
    assert converted({"state": "held", "open": False})["state"] == "held"


@ONE_DATABASE
@pytest.mark.parametrize("state", ["", "ajar", "HIDDEN"])
def test_a_state_that_is_none_changes_nothing(app: Flask, hanako: Reader, db_session: Session, state: str) -> None:
    hanako.post("First!")
    id = the_thread(db_session).id
    assert press(at_the_desk(app), f"/sites/paper/threads/{id}/state", state=state).status_code == 400
    assert the_thread(db_session).state == State.OPEN and db_session.query(Comment).count() == 1

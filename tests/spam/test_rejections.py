"""The likelihood of a rejection: learnt from decisions, forgotten by undo, an order of a lane and nothing else."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.comments import amend, person_erasure
from app.comments.person import Person
from app.desk import queue
from app.extensions import db
from app.lib.clock import now
from app.models import Comment, Decision, Moderator, RejectionModel, Role, Site, Status
from app.moderation.decide import decide, undo
from app.moderation.lanes import Lane, lane_of
from app.spam import rejections
from app.spam.evaluate import evaluate
from app.spam.rejections import Rejections
from tests.cast import Reader, the_comment
from tests.desk.test_queue import thread_of, written
from tests.web.test_queue import ENGLISH, at_the_desk

RUDE, KIND = "You are all idiots, shut up", "Thank you for the article about the ferry"


@pytest.fixture
def decided(db_session: Session, paper: Site, alice: Moderator, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(rejections, "ENOUGH", 8)
    monkeypatch.setattr(rejections, "WARM_UP", 4)
    thread = thread_of(db_session, paper)
    for number in range(12):
        for body, status, reason in ((RUDE, Status.REJECTED, "attack"), (KIND, Status.APPROVED, "")):
            comment = written(db_session, thread, f"{body} {number}")
            decide(comment, status, seen=comment.version, by=alice, reason=reason)
    db_session.commit()
    return paper


def trained(db_session: Session, site: Site) -> RejectionModel:
    """The stored model after the worker's step, as if the last one was long ago."""
    db_session.execute(update(RejectionModel).values(trained_at=now() - timedelta(hours=1)))
    db_session.commit()
    for _site in rejections.train_outdated():
        db_session.commit()
    rejections.expire(site.id)
    db_session.expire_all()
    found = db_session.get(RejectionModel, site.id)
    assert found
    return found


def test_undone_and_erased_comments_are_forgotten(db_session: Session, decided: Site, alice: Moderator) -> None:
    before = trained(db_session, decided)
    counts = before.counts
    assert (before.fine, before.rejected, before.quality[""][0]) == (12, 12, 12)
    assert before.quality["attack"][1] > 0.9
    comment = written(db_session, db_session.query(Comment).first().thread, "Another one")  # type: ignore[union-attr]
    wrong = decide(comment, Status.REJECTED, seen=comment.version, by=alice, reason="hate")
    db_session.commit()
    assert trained(db_session, decided).counts != counts
    undo(wrong, by=alice)
    db_session.commit()
    assert trained(db_session, decided).counts == counts, "learn, undo, train: the same bytes"
    rude = db_session.query(Comment).filter_by(body=f"{RUDE} 3").one()
    rude.empty()
    decide(comment, Status.SPAM, seen=comment.version, by=alice)
    db_session.commit()
    assert trained(db_session, decided).rejected == 11
    comment = written(db_session, rude.thread, "Withdrawn by its author")
    decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    db_session.commit()
    assert trained(db_session, decided).fine == 13
    amend.withdraw(comment)
    db_session.commit()
    assert trained(db_session, decided).fine == 12
    kind = db_session.query(Comment).filter_by(body=f"{KIND} 3").one()
    whole = person_erasure.erase(Person("", [kind.author]), person_erasure.Receipt(), remove_text=True)
    for _step in whole:
        db_session.commit()
    assert trained(db_session, decided).fine == 11


def test_others_write_during_the_training_and_what_they_erase_is_not_stored(
    db_session: Session, decided: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = rejections.train

    def trained_while_erased(examples: list[tuple[Any, str]]) -> rejections.Trained:
        found = train(examples)
        with Session(db.engine) as other:
            other.execute(update(Comment).where(Comment.body == f"{RUDE} 5").values(name="", body=""))
            other.commit()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(rejections, "train", trained_while_erased)
        assert list(rejections.train_outdated()) == [], "it would know the erased text"
    assert trained(db_session, decided).rejected == 11


def test_replies_by_staff_are_no_examples(db_session: Session, decided: Site, alice: Moderator) -> None:
    for comment in db_session.query(Comment).filter(Comment.body.startswith(KIND)).limit(5):
        comment.badge = "Editors"
    db_session.commit()
    assert trained(db_session, decided).fine == 7


def test_it_is_trained_after_new_decisions_only(db_session: Session, decided: Site, alice: Moderator) -> None:
    trained(db_session, decided)
    assert RejectionModel.outdated(now() + timedelta(days=1)) == []
    comment = db_session.query(Comment).first()
    assert comment
    decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    db_session.commit()
    assert RejectionModel.outdated(now() - timedelta(minutes=10)) == []
    assert [id for id, _decision in RejectionModel.outdated(now() + timedelta(seconds=1))] == [decided.id]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_likelihood_orders_a_lane_and_decides_nothing(
    app: Flask, client: FlaskClient, db_session: Session, decided: Site, alice: Moderator
) -> None:
    trained(db_session, decided)
    db_session.commit()
    Reader(client).post("Shut up, idiots")
    comment = the_comment(db_session, "Shut up, idiots")
    assert comment.status == Status.APPROVED and comment.mildness < 40
    decided.hold_all = True
    db_session.commit()
    bodies = ["The ferry article, thank you", "idiots, all of you shut up", "Something else"]
    for number, body in enumerate(bodies):
        Reader(app.test_client(), email=f"{number}@readers.example").post(body)
    held = {body: the_comment(db_session, body) for body in bodies}
    lane = held[bodies[1]].lane
    db_session.query(Comment).filter(Comment.id.in_([each.id for each in held.values()])).update({"lane": Lane.REVIEW})
    db_session.commit()
    likely = queue.ids_in(alice, Lane.REVIEW, by_likelihood=True)
    assert likely[0] == held[bodies[1]].id and likely[-1] == held[bodies[0]].id
    first = queue.page_of(alice, Lane.REVIEW, likely[:2], size=1, by_likelihood=True)
    assert queue.ids_in(alice, Lane.REVIEW, first.after, by_likelihood=True) == likely[1:]
    held[bodies[1]].mildness = 100
    assert lane_of(held[bodies[1]]) == lane
    db_session.rollback()
    desk = at_the_desk(app, "alice")
    page = BeautifulSoup(desk.get("/moderate/?lane=2&sort=likelihood", headers=ENGLISH).text, "html.parser")
    assert [int(card["data-comment-id"]) for card in page.select("[data-comment-id]")][:3] == likely
    assert page.select_one("a[href*='lane=2']:-soup-contains('By article')")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_page_says_how_good_it_is_or_how_many_are_missing(
    app: Flask, db_session: Session, decided: Site, alice: Moderator
) -> None:
    alice.memberships[0].role = Role.ADMIN
    db_session.commit()
    desk = at_the_desk(app, "alice")

    def said() -> str:
        page = BeautifulSoup(desk.get("/sites/paper/screening", headers=ENGLISH).text, "html.parser")
        return " ".join(page.select_one("section[aria-labelledby=rejections]").text.split())

    assert "Not enough rejections yet: there are 0 rejected and 0 approved comments" in said()
    model = trained(db_session, decided)
    assert "Not enough rejections yet: there are 12 rejected and 12 approved comments, and 30" in said()
    model.fine = model.rejected = 40
    model.quality = {"": [40, 0.831], "attack": [36, 0.85], "hate": [4, None]}
    db_session.commit()
    assert "it finds the rejected one in 83 % of all cases" in said() and "85 %" in said()
    model.quality = {"": [40, 0.55]}
    db_session.commit()
    assert "too little to sort by" in said()


def test_a_model_that_cannot_be_read_is_as_none(client: FlaskClient, db_session: Session, decided: Site) -> None:
    trained(db_session, decided).counts = b"damaged"
    db_session.commit()
    assert rejections.recent_model(decided.id) is None
    db_session.commit()
    assert Reader(client).post("kept").status_code == 201


def test_frequent_words_count_less_than_telling_ones(app: Flask, tmp_path: Path) -> None:
    def rows() -> Iterator[dict[str, str]]:
        for number in range(300):
            rejected = number % 4 == 0
            text = f"the article of the day {number % 7} {'stupid' if rejected else 'good'}"
            yield {"text": text, "label": "reject" if rejected else "fine"}

    figures = evaluate(rows(), Rejections(), "reject")
    assert figures["reject"] == 75 and float(figures["auroc"] or 0) > 0.9
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows())))
    done = app.test_cli_runner().invoke(args=["upkeep", "evaluate", str(file), "--rejections", "reject", "--json"])
    assert json.loads(done.output)["auroc"] == figures["auroc"]


def test_decisions_of_others_than_moderators_teach_nothing(db_session: Session, paper: Site) -> None:
    comment = written(db_session, thread_of(db_session, paper), RUDE)
    decide(comment, Status.REJECTED, seen=comment.version)
    db_session.commit()
    assert RejectionModel.outdated(now()) == [] and db_session.query(Decision).count() == 1

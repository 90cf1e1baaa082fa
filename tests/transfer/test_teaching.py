"""Statuses of imported comments train the spam filter, as weaker examples than decisions."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.models import Comment, Decision, Site, Status
from app.moderation.decide import undo
from app.spam import filters, learning
from app.spam.features import Example
from app.transfer import staging
from tests.cast import a_moderator, a_site, move
from tests.transfer.exports import comment, page, wxr
from tests.transfer.test_bodies import imported

Save = Callable[[str | bytes], Path]
SPAM, FINE = "Cheap pills and watches, click here", "The ferry to the island leaves at nine"


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, origins=["https://example.com"])


def export(count: int = 12) -> str:
    spam = [comment(number, f"{SPAM} {number}", approved="spam") for number in range(1, count)]
    fine = [comment(number, f"{FINE} {number}") for number in range(100, 100 + count)]
    rest = [comment(300, SPAM, approved="trash"), comment(301, SPAM, approved="0")]
    return wxr(page(*spam, *fine, *rest))


def score(site: Site, text: str) -> float:
    filters.expire(site.id)
    return filters.model_of(site.id).score(Example(text))


def test_a_site_knows_its_spam_after_the_import(app: Flask, db_session: Session, paper: Site, save: Save) -> None:
    path = save(export())
    told = {"approved": 12, "spam": 11}
    assert imported(app, path, "wordpress", "--dry-run")["teaches"] == told
    assert imported(app, path, "wordpress")["teaches"] == told
    assert score(paper, "Click here for cheap watches") > 0.6 > 0.4 > score(paper, "Which ferry goes to the island?")
    # A second run teaches nothing again.
    before = filters.model_of(paper.id)
    assert imported(app, path, "wordpress")["teaches"] == {"approved": 0, "spam": 0}
    filters.expire(paper.id)
    assert filters.model_of(paper.id).dump() == before.dump()


def test_decisions_replace_what_an_import_taught_and_undo_restores_it(
    app: Flask, db_session: Session, paper: Site, save: Save
) -> None:
    imported(app, save(export()), "wordpress")
    alice = a_moderator(db_session, paper)
    before = counts_of(paper)
    one = db_session.query(Comment).filter_by(source_id="1").one()
    move(db_session, one, Status.APPROVED, alice)
    assert counts_of(paper) != before
    undo(db_session.query(Decision).filter_by(comment_id=one.id, moderator_id=alice.id).one(), by=alice)
    db_session.commit()
    assert counts_of(paper) == before
    assert learning.retrain(paper.id).dump() == before  # type: ignore[union-attr]


def counts_of(site: Site) -> bytes:
    filters.expire(site.id)
    return filters.model_of(site.id).dump()


def test_an_import_of_mostly_honest_comments_gives_sensible_scores(
    app: Flask, db_session: Session, paper: Site, save: Save
) -> None:
    """As a blog's export: one spam comment for 33 others; then the first decisions of its moderators."""
    topics = ["ferry", "island", "garden", "recipe", "camera", "river", "winter", "school", "market", "bridge"]
    fine = [comment(number, f"I like the {topics[number % 10]} near the {topics[number // 10 % 10]}, number {number}")
            for number in range(100, 430)]  # fmt: skip
    spam = [comment(number, f"{SPAM} {number}", approved="spam") for number in range(1, 11)]
    waiting = [comment(number, f"Best casino bonus, win {number}", approved="0") for number in range(20, 26)]
    imported(app, save(wxr(page(*fine, *spam, *waiting))), "wordpress")
    alice = a_moderator(db_session, paper)
    for one in db_session.query(Comment).filter_by(status=Status.PENDING).all():
        move(db_session, one, Status.SPAM, alice)
    assert score(paper, "A casino bonus for you") > 0.8
    assert score(paper, "Click here for cheap watches") > 0.8
    assert score(paper, "The ferry was late") < 0.4
    assert score(paper, "We walked over the bridge to the market") < 0.4


def test_only_the_newest_comments_of_an_import_teach(
    app: Flask, db_session: Session, paper: Site, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "EXAMPLES_OF_SPAM_FILTER", 2)
    imported(app, save(export()), "wordpress")
    taught = {each.source_id for each in db_session.query(Comment) if each.trained_as}
    assert len(taught) == 4 == db_session.query(Decision).filter_by(teaches=True).count()

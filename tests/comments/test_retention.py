"""Expired personal data is deleted after the site's retention time; the decision log stays complete."""

import json
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.comments import retention, votes
from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.models import Author, Comment, Decision, Report, Revision, Site, Status, Vote
from app.moderation.decide import decide
from bench.service import recorded_statements
from tests.cast import PAGE, Reader, a_moderator, a_site, move, the_comment


def prune(app: Flask, *words: str) -> dict[str, Any]:
    done = app.test_cli_runner().invoke(args=["upkeep", "prune", "--json", *words])
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


def days_pass(db_session: Session, days: int) -> None:
    """Move all timestamps back by this time."""
    for record, name in (
        (Comment, "created_at"), (Decision, "made_at"), (Revision, "replaced_at"), (Report, "made_at"),
        (Vote, "made_at"),
    ):  # fmt: skip
        for row in db_session.query(record):
            setattr(row, name, getattr(row, name) - timedelta(days=days))
    db_session.commit()


@pytest.fixture
def paper(app: Flask, db_session: Session) -> Site:
    """A site with a spammer, a published author, and a reader who reported a comment."""
    site = a_site(db_session)
    alice = a_moderator(db_session, site)
    Reader(app.test_client(), "Hanako").post("I am read")
    spammer = Reader(app.test_client(), "Pills", "pills@spam.example")
    spammer.post("cheap pills")
    spammer.post("more pills")
    for body in ("cheap pills", "more pills"):
        move(db_session, the_comment(db_session, body), Status.SPAM, by=alice)
    read = the_comment(db_session, "I am read")
    db_session.add(Revision(site_id=read.site_id, comment_id=read.id, body="I was read", html="<p>I was read</p>"))
    for number in range(2):
        report = {"reason": "hate", "reporter_index": f"r{number}", "comment_version": 1}
        db_session.add(Report(site_id=site.id, comment_id=read.id, **report))
    db_session.commit()
    return site


def test_nothing_is_forgotten_before_its_time(app: Flask, db_session: Session, paper: Site) -> None:
    days_pass(db_session, 29)
    gone = prune(app)
    assert not any(gone[name] for name in retention.KINDS)
    assert the_comment(db_session, "cheap pills").address


def test_spam_leaves_an_empty_row_and_a_whole_log(app: Flask, db_session: Session, paper: Site) -> None:
    log = db_session.query(Decision).count()
    days_pass(db_session, 31)
    assert prune(app, "--dry-run")["spam"] == 2
    assert the_comment(db_session, "cheap pills"), "a dry run forgets nothing"
    assert prune(app)["spam"] == 2
    db_session.expire_all()
    assert db_session.query(Decision).count() == log
    spam = db_session.query(Comment).filter_by(status=Status.SPAM).all()
    assert [(each.body, each.html, each.name, each.address) for each in spam] == [("", "", "", "")] * 2
    author = db_session.get_one(Author, spam[0].author_id)
    assert (author.name, author.email, author.email_index) == ("", "", None)
    assert db_session.query(Author).filter_by(name="Hanako").one().email, "who is read stays"
    with pytest.raises(Refused, match="emptied"):
        decide(spam[0], Status.APPROVED, seen=spam[0].version)
    db_session.rollback()
    assert prune(app)["spam"] == 0


def test_spam_that_was_just_decided_on_is_kept(app: Flask, db_session: Session, paper: Site) -> None:
    days_pass(db_session, 31)
    comment = the_comment(db_session, "cheap pills")
    move(db_session, comment, Status.PENDING)
    move(db_session, the_comment(db_session, "cheap pills"), Status.SPAM)
    assert prune(app)["spam"] == 1
    kept = the_comment(db_session, "cheap pills")
    assert db_session.get_one(Author, kept.author_id).email == "pills@spam.example", "another comment remains"


def test_networks_and_reporters_are_forgotten(app: Flask, db_session: Session, paper: Site) -> None:
    days_pass(db_session, 91)
    gone = prune(app)
    assert (gone["networks"], gone["reporters"]) == (3, 2)
    db_session.expire_all()
    for comment in db_session.query(Comment):
        assert not any((comment.address, comment.address_index, comment.typed_by, comment.fingerprint))
    assert the_comment(db_session, "I am read").name == "Hanako"
    assert {report.reporter_index for report in db_session.query(Report)} == {"-1", "-2"}
    assert prune(app)["networks"] == 0


def test_earlier_texts_are_forgotten_after_a_year(app: Flask, db_session: Session, paper: Site) -> None:
    days_pass(db_session, 366)
    assert prune(app)["earlier_texts"] == 1
    assert db_session.query(Revision).count() == 0


def test_votes_are_forgotten_and_their_number_stays(app: Flask, db_session: Session, paper: Site) -> None:
    read = the_comment(db_session, "I am read")
    for voter in ("one", "two"):
        Vote.add(read, voter)
    db_session.commit()
    days_pass(db_session, 31)
    assert prune(app)["votes"] == 0, "their number does not contain them yet"
    for _step in votes.count_all():
        db_session.commit()
    db_session.commit()
    assert prune(app)["votes"] == 2
    db_session.expire_all()
    assert db_session.query(Vote).count() == 0 and the_comment(db_session, "I am read").helpful == 2


def test_a_site_may_keep_all_of_it(app: Flask, db_session: Session, paper: Site) -> None:
    for name in ("keep_address_days", "keep_spam_days", "keep_revision_days", "keep_vote_days"):
        done = app.test_cli_runner().invoke(args=["site", "set", "paper", f"{name}=0"])
        assert done.exit_code == 0, done.output
    days_pass(db_session, 9999)
    assert prune(app) == prune(app, "--dry-run") and the_comment(db_session, "cheap pills").address


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_many_are_forgotten_step_by_step(app: Flask, db_session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    a_site(db_session)
    reader = Reader(app.test_client())
    for number in range(5):
        reader.post(f"words {number}", url=f"{PAGE}/{number}")
    days_pass(db_session, 91)
    steps = [sum(counted.values()) for counted in retention.forget_all()]
    db_session.commit()
    assert steps == [2, 2, 1, 1], "networks of five comments, and where their author was"
    assert now() > the_comment(db_session, "words 4").created_at


def test_what_expires_during_the_run_waits_for_the_next_one(
    app: Flask, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy site, a run that takes longer than the next comment would never end."""
    monkeypatch.setattr(retention, "BATCH", 1)
    site, reader = a_site(db_session), Reader(app.test_client())
    for number in range(4):
        reader.post(f"words {number}", url=f"{PAGE}/{number}")
    days_pass(db_session, 91)
    # Two at the same moment have expired; each step takes as long as until the next one does.
    comments = [the_comment(db_session, f"words {number}") for number in range(4)]
    for comment, age in zip(comments, (91, 91, 89, 88), strict=True):
        comment.created_at = comments[0].created_at + timedelta(days=91 - age)
    db_session.commit()
    moments = (now() + timedelta(days=step) for step in count())
    monkeypatch.setattr(retention, "now", lambda: next(moments))
    kind = retention.KINDS["networks"]
    assert [list(ids) for ids in kind.batches(site)] == [[comments[0].id], [comments[1].id]]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_batch_is_read_in_the_order_of_an_index(app: Flask, db_session: Session, paper: Site) -> None:
    """Not in the order of the rows' ids: the whole past would be read each night."""
    expected = {
        "networks": "ix_comment_traced", "browsers": "ix_author_recognized", "reporters": "ix_report_site",
        "spam": "ix_comment_spam", "earlier_texts": "ix_revision_site", "votes": "ix_vote_site",
    }  # fmt: skip
    days_pass(db_session, 400)
    for name, index in expected.items():
        with recorded_statements(app) as asked:
            assert sum(len(ids) for ids in retention.KINDS[name].batches(paper)) or name == "votes"
        for query, given in (each for each in asked if each[0].startswith("SELECT")):
            steps = [row[-1] for row in db_session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", given)]
            assert index in steps[0] and not any("ORDER BY" in step for step in steps), (name, steps, query)


def _approve(site_id: int) -> Any:
    return update(Comment.__table__).where(Comment.__table__.c.site_id == site_id).values(status=Status.APPROVED)


@pytest.mark.parametrize(
    "change",
    [
        _approve,
        lambda site_id: update(Site.__table__).where(Site.__table__.c.id == site_id).values(keep_spam_days=0),
        lambda site_id: delete(Site.__table__).where(Site.__table__.c.id == site_id),
    ],
    ids=["approved", "kept by the site", "with its site"],
)
def test_what_changes_after_it_was_read_is_not_erased(
    app: Flask, db_session: Session, paper: Site, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    days_pass(db_session, 31)
    site_id, read = paper.id, retention.Kind._next

    def read_then_change(kind: retention.Kind, *given: Any) -> Any:
        rows = read(kind, *given)
        if kind is retention.KINDS["spam"]:
            with db.engine.begin() as other:
                other.execute(change(site_id))
        return rows

    monkeypatch.setattr(retention.Kind, "_next", read_then_change)
    assert prune(app)["spam"] == 0
    db_session.rollback()
    assert all(db_session.scalars(select(Comment.body)))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_nothing_is_published_whose_text_was_just_deleted(app: Flask, db_session: Session, paper: Site) -> None:
    """On PostgreSQL the decision waits for the run, after it has read the comment; SQLite's writers read afterwards."""
    spam = the_comment(db_session, "cheap pills")
    with db.engine.begin() as other:
        gone = {"body": "", "html": "", "emptied_at": now()}
        other.execute(update(Comment.__table__).where(Comment.__table__.c.id == spam.id).values(gone))
    with pytest.raises(Refused, match="emptied"):
        decide(spam, Status.APPROVED, seen=spam.version)

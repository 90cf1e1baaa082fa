"""Each decision is in its site's hash chain, whatever made it; a change by hand is found."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from app.comments import amend, person, person_erasure, removal, retention
from app.comments.person_erasure import Receipt
from app.database import snapshot
from app.desk import batch, staff
from app.extensions import db
from app.lib.clock import now
from app.models import ChainDay, ChainEntry, ChainHead, Comment, Decision, Moderator, Reason, Site, Status
from app.models.chain_entry import name_of
from app.models.report import Reporter
from app.moderation import appeals, covers, decision_log, receipts
from app.moderation.decide import decide, undo
from app.moderation.reports import report
from app.transfer import archive
from app.transfer.restore import Restore
from tests.cast import Reader, a_site, move, the_comment
from tests.statements import recorded

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def verified(site: Site) -> decision_log.Verified:
    with snapshot():
        return decision_log.verify(db.session.get_one(Site, site.id))


@pytest.fixture
def five(app: Flask, db_session: Session, paper: Site, alice: Moderator) -> list[ChainEntry]:
    """Three comments, of which one was rejected and published again: five decisions."""
    hanako = Reader(app.test_client())
    for body in ("one", "two", "three"):
        assert hanako.post(body).status_code == 201
    move(db_session, the_comment(db_session, "two"), Status.REJECTED, alice)
    undo(db_session.query(Decision).order_by(Decision.id.desc()).first(), by=alice)
    db_session.commit()
    entries = list(db_session.scalars(select(ChainEntry).order_by(ChainEntry.number)))
    db_session.commit()
    return entries


def test_every_way_to_decide_adds_an_entry(app: Flask, db_session: Session, paper: Site, alice: Moderator) -> None:
    paper.edit_minutes, paper.reports_needed, paper.reports_hide = 60, 1, 1
    db_session.commit()
    hanako = Reader(app.test_client())
    for body in ("an edit", "a cover 0123", "a report", "withdrawn", "in a batch", "with an appeal"):
        assert hanako.post(body).status_code == 201
    amend.edit(the_comment(db_session, "an edit"), "edited")
    covers.cover(covered := the_comment(db_session, "a cover 0123"), ["0123"], seen=covered.version, by=alice)
    report(the_comment(db_session, "a report"), reader=Reporter("r" * 43), reason=Reason.ATTACK, note="")
    amend.withdraw(the_comment(db_session, "withdrawn"))
    several = {each.id: each.version for each in (the_comment(db_session, "in a batch"),)}
    batch.decide_all(several, Status.SPAM, by=alice)
    refused = the_comment(db_session, "with an appeal")
    appeals.appeal(decide(refused, Status.REJECTED, seen=refused.version, by=alice, reason="attack"), "Why?")
    db_session.commit()
    found = verified(paper)
    assert found.ok and found.chain.rows == db_session.scalar(select(func.count(Decision.id))) >= 13


CHANGED: list[tuple[list[str], int, str]] = [
    (["UPDATE decision SET to_status = 'approved' WHERE to_status = 'rejected'"], 4, "changed"),
    (["UPDATE decision SET reason = 'attack' WHERE reason = 'undo'"], 5, "changed"),
    (["UPDATE decision SET actor = 'import' WHERE actor = 'screening'"], 1, "changed"),
    (["UPDATE decision SET made_at = '2026-01-01 00:00:00+00:00'"], 1, "changed"),
    (["UPDATE decision SET comment_id = (SELECT max(id) FROM comment)"], 1, "changed"),
    (["UPDATE chain_entry SET salt = '' WHERE number = 2"], 2, "changed"),
    (["UPDATE chain_entry SET rules = 'none' WHERE number = 2"], 2, "changed"),
    (["UPDATE decision SET site_id = (SELECT max(id) FROM site) WHERE to_status = 'rejected'"], 4, "changed"),
    (["DELETE FROM decision WHERE to_status = 'rejected'"], 4, "changed"),
    (["DELETE FROM chain_entry WHERE number = 1"], 1, "missing"),
    (["DELETE FROM chain_entry WHERE number = 5"], 5, "missing"),
    (["UPDATE chain_entry SET number = 90 WHERE number = 2", "UPDATE chain_entry SET number = 2 WHERE number = 3",
      "UPDATE chain_entry SET number = 3 WHERE number = 90"], 2, "misplaced"),
    (["UPDATE chain_head SET number = 4"], 5, "added"),
    (["UPDATE chain_head SET chain_digest = 'x'"], 5, "changed"),
]  # fmt: skip


def test_the_first_wrong_row_is_named(db_session: Session, paper: Site, five: list[ChainEntry]) -> None:
    a_site(db_session, "other")
    assert verified(paper).ok and len(five) == 5
    for statements, wrong, problem in CHANGED:
        db_session.rollback()
        for statement in statements:
            db_session.execute(text(statement))
        found = decision_log.verify(paper).chain
        db_session.rollback()
        assert (found.wrong, found.problem) == (wrong, problem), statements
    assert verified(paper).ok


def test_the_command_names_site_and_row(app: Flask, db_session: Session, paper: Site, five: list[ChainEntry]) -> None:
    a_site(db_session, "quiet")
    run = app.test_cli_runner().invoke
    told = json.loads(run(args=["upkeep", "verify-log", "--json"]).output)
    assert told["ok"] and [(each["site"], each["rows"]) for each in told["decisions"]] == [("paper", 5), ("quiet", 0)]
    db_session.execute(text("UPDATE decision SET reason = 'hate' WHERE to_status = 'rejected'"))
    db_session.commit()
    done = run(args=["upkeep", "verify-log"])
    assert done.exit_code == 1 and "Decisions of paper: Row 4 was changed." in done.output


def test_a_decision_that_was_inserted_by_hand_is_found(app: Flask, db_session: Session, five: list[ChainEntry]) -> None:
    columns = "site_id, comment_id, from_status, to_status, version, actor, reason, note, made_at"
    copied = f"INSERT INTO decision ({columns}) SELECT {columns} FROM decision WHERE to_status = 'rejected'"  # noqa: S608
    db_session.execute(text(copied))
    db_session.commit()
    done = app.test_cli_runner().invoke(args=["upkeep", "verify-log"])
    assert done.exit_code == 1 and "1 without a row in the chain" in done.output


def test_rows_deleted_at_the_end_do_not_fit_the_head_of_their_day(
    app: Flask, db_session: Session, paper: Site, five: list[ChainEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    close_the_day(db_session, monkeypatch)
    published = db_session.query(ChainDay).one()
    run = app.test_cli_runner().invoke
    expected = f"paper:{published.day}:{published.head}"
    assert run(args=["upkeep", "verify-log", "--expect-day", expected]).exit_code == 0
    db_session.execute(text("DELETE FROM chain_entry WHERE number = 5"))
    db_session.execute(text("DELETE FROM decision WHERE reason = 'undo'"))
    ends = {"number": 4, "chain_digest": five[3].chain_digest}
    db_session.execute(update(ChainHead).where(ChainHead.name == name_of(paper.id)).values(ends))
    db_session.commit()
    done = run(args=["upkeep", "verify-log"])
    assert done.exit_code == 1 and f"The head of {published.day} is another one." in done.output
    # Also with a new head of the day in the database, the published one shows it.
    db_session.delete(published)
    db_session.commit()
    close_the_day(db_session, monkeypatch)
    assert run(args=["upkeep", "verify-log"]).exit_code == 0
    assert run(args=["upkeep", "verify-log", "--expect-day", expected]).exit_code == 1
    for nonsense in ("paper", "paper:today:abc", "nowhere:2026-01-01:abc"):
        assert run(args=["upkeep", "verify-log", "--expect-day", nonsense]).exit_code == 2


def close_the_day(db_session: Session, monkeypatch: pytest.MonkeyPatch, days: int = 1) -> list[str]:
    """As the worker does after midnight."""
    db_session.rollback()
    closed = []
    with monkeypatch.context() as patch:
        patch.setattr(receipts, "now", lambda: now() + timedelta(days=days))
        for day in receipts.close_days():
            db_session.commit()
            closed.append(day)
    db_session.expire_all()
    return closed


def test_deciders_of_one_site_are_one_chain(app: Flask, db_session: Session, paper: Site, alice: Moderator) -> None:
    hanako = Reader(app.test_client())
    for number in range(12):
        assert hanako.post(f"comment {number}").status_code == 201
    ids, me = [comment.id for comment in db_session.query(Comment)], alice.id
    db_session.rollback()

    def decide_them(share: list[int]) -> None:
        with app.app_context():
            by = db.session.get_one(Moderator, me)
            for id in share:
                comment = db.session.get_one(Comment, id)
                decide(comment, Status.REJECTED, seen=comment.version, by=by)
                db.session.commit()
            db.session.remove()

    with ThreadPoolExecutor(4) as crowd:
        list(crowd.map(decide_them, [ids[at::4] for at in range(4)]))
    assert verified(paper).ok and verified(paper).chain.rows == 24


def test_sites_do_not_wait_for_each_other(app: Flask, db_session: Session) -> None:
    first, second = a_site(db_session), a_site(db_session, "second")
    assert Reader(app.test_client()).post("here").status_code == 201
    assert Reader(app.test_client(), site="second").post("there").status_code == 201
    assert [verified(site).chain.rows for site in (first, second)] == [1, 1]
    assert len({entry.number for entry in db_session.query(ChainEntry)}) == 1, "each counts from 1"


def test_a_decision_that_is_rolled_back_leaves_no_gap(
    db_session: Session, paper: Site, five: list[ChainEntry], alice: Moderator
) -> None:
    comment = the_comment(db_session, "three")
    decide(comment, Status.SPAM, seen=comment.version, by=alice)
    db_session.rollback()
    nested = db_session.begin_nested()
    decide(comment, Status.SPAM, seen=comment.version, by=alice)
    nested.rollback()
    db_session.commit()
    assert verified(paper).ok and verified(paper).chain.rows == 5
    with db_session.begin_nested():
        decide(comment, Status.SPAM, seen=comment.version, by=alice)
    db_session.commit()
    assert verified(paper).ok and verified(paper).chain.rows == 6


def test_a_first_decision_that_is_rolled_back_leaves_no_gap(
    db_session: Session, paper: Site, five: list[ChainEntry], alice: Moderator
) -> None:
    above = the_comment(db_session, "three")
    nested = db_session.begin_nested()
    staff.reply(above, "taken back", name="Alice", by=alice, seen=above.version)
    nested.rollback()
    staff.reply(above, "kept", name="Alice", by=alice, seen=above.version)
    db_session.commit()
    assert verified(paper).ok and verified(paper).chain.rows == 6


@ONE_DATABASE
def test_a_batch_costs_a_fixed_number_of_statements(
    app: Flask, db_session: Session, paper: Site, alice: Moderator
) -> None:
    hanako = Reader(app.test_client())
    for number in range(6):
        assert hanako.post(f"comment {number}").status_code == 201
    comments = db_session.query(Comment).all()
    counted = []
    for some in (comments[:1], comments[1:]):
        batch.decide_all({each.id: each.version for each in some}, Status.SPAM, by=alice)
        with recorded(db.engine) as statements:
            db_session.commit()
        counted.append(len([each for each in statements if "chain_" in each]))
    assert counted == [3, 4]


def test_an_erased_person_leaves_digests_that_can_be_verified_but_not_guessed(
    app: Flask, db_session: Session, paper: Site, five: list[ChainEntry]
) -> None:
    carol = Reader(app.test_client(), "Carol", "carol@readers.example")
    assert carol.post("mine").status_code == 201
    before = [entry.content_digest for entry in five]
    for _step in person_erasure.erase(person.find("hanako@readers.example", paper), Receipt(), remove_text=True):
        db_session.commit()
    db_session.expire_all()
    found = verified(paper)
    assert found.ok and found.chain.erased == 8, "five decisions, and three that deleted the texts"
    kept = list(db_session.scalars(select(ChainEntry).order_by(ChainEntry.number)))
    assert [entry.content_digest for entry in kept[:5]] == before
    assert [bool(entry.salt) for entry in kept] == [False] * 5 + [True] + [False] * 3


def test_pruning_and_other_keys_leave_it_verifiable(
    app: Flask, db_session: Session, paper: Site, five: list[ChainEntry], alice: Moderator
) -> None:
    move(db_session, the_comment(db_session, "three"), Status.SPAM, alice)
    paper.keep_spam_days = paper.keep_address_days = 1
    db_session.execute(update(Comment).values(created_at=datetime(2026, 1, 1, tzinfo=UTC)))
    db_session.commit()
    for _counted in retention.forget_all():
        db_session.commit()
    assert verified(paper).ok
    app.config["SECRET_KEY"] = "another key" * 6
    assert verified(paper).ok


def test_an_archive_keeps_the_chain_and_continues_it_elsewhere(
    app: Flask,
    db_session: Session,
    paper: Site,
    five: list[ChainEntry],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    close_the_day(db_session, monkeypatch)
    head = db_session.query(ChainDay).one().head
    with snapshot():
        whole = "".join(archive.lines(Site.with_key("paper")))
    copy = restored("copy", whole, tmp_path)
    assert verified(copy).ok and verified(copy).chain.rows == 5
    assert [day.head for day in ChainDay.all_of(copy.id)] == [head]
    db_session.rollback()
    assert Reader(app.test_client(), site="copy").post("after the move").status_code == 201
    assert verified(copy).ok and verified(copy).chain.rows == 6
    # An archive of an earlier version has no entries.
    lines = [line for line in whole.splitlines(keepends=True) if '"type":"chain_' not in line]
    tables = json.loads(lines[0])
    for name in ("chain_entry", "chain_day"):
        tables["tables"].pop(name)
    older = restored("older", json.dumps(tables) + "\n" + "".join(lines[1:]), tmp_path)
    assert verified(older).ok and verified(older).chain.rows == 5


@ONE_DATABASE
def test_a_newer_archive_leaves_the_chain_of_a_copy_that_went_its_own_way(
    app: Flask,
    db_session: Session,
    paper: Site,
    five: list[ChainEntry],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with snapshot():
        first = "".join(archive.lines(Site.with_key("paper")))
    restored("copy", first, tmp_path)
    db_session.rollback()
    assert Reader(app.test_client(), site="copy").post("only here").status_code == 201
    assert Reader(app.test_client()).post("newer").status_code == 201
    close_the_day(db_session, monkeypatch)
    # The copy was made before the day was over.
    db_session.execute(delete(ChainDay).where(ChainDay.site_id != paper.id))
    db_session.commit()
    with snapshot():
        second = "".join(archive.lines(Site.with_key("paper")))
    copy = restored("copy", second, tmp_path)
    assert verified(copy).ok and verified(copy).chain.rows >= 6
    assert not ChainDay.all_of(copy.id), "its head has other decisions"


def restored(key: str, whole: str, folder: Path) -> Site:
    file = folder / f"{key}.jsonl"
    file.write_text(whole)
    db.session.rollback()
    for _step in Restore(key, file).steps():
        db.session.commit()
    site = Site.with_key(key)
    assert site
    return site


SPOILT: list[dict[str, Any]] = [
    {"blocks": "no JSON"}, {"blocks": "[]"}, {"blocks": "[" * 9_000}, {"blocks": '[{"a": 1}]'}, {"blocks": '["short"]'},
    {"head": "short"}, {"day": "soon"}, {"first": 0},
]  # fmt: skip


@ONE_DATABASE
def test_a_spoilt_chain_of_an_archive_is_refused_line_by_line(
    db_session: Session, paper: Site, five: list[ChainEntry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_the_day(db_session, monkeypatch)
    with snapshot():
        lines = "".join(archive.lines(Site.with_key("paper"))).splitlines()
    at = next(number for number, line in enumerate(lines) if json.loads(line).get("type") == "chain_day")
    for number, change in enumerate(SPOILT):
        spoilt = [*lines[:at], json.dumps(json.loads(lines[at]) | change), *lines[at + 1 :]]
        site = restored(f"copy{number}", "\n".join(spoilt) + "\n", tmp_path)
        assert verified(site).ok and not ChainDay.all_of(site.id), change


@ONE_DATABASE
def test_a_removed_site_leaves_no_head_for_the_next(
    app: Flask, db_session: Session, paper: Site, five: list[ChainEntry]
) -> None:
    for _rows in removal.remove(paper.id):
        db_session.commit()
        if Site.with_key("paper") is None:
            # The command is killed here, and cannot be repeated without the site.
            break
    db_session.expunge_all()
    again = a_site(db_session)
    assert Reader(app.test_client()).post("new here").status_code == 201
    assert verified(again).ok and verified(again).chain.rows == 1

"""The head of a day, and the receipt with which an author shows that a decision is in it, without us."""

import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.comments import amend
from app.lib import commitment, merkle
from app.lib.clock import now
from app.models import ChainDay, ChainEntry, Comment, Decision, Moderator, Reason, Site, Status
from app.models.report import Reporter
from app.moderation import decision_log
from app.moderation.decide import decide
from app.moderation.reports import report
from app.notify import signed_links
from tests.cast import Reader, a_site, the_comment
from tests.moderation.test_decision_log import close_the_day, verified
from tests.services import ROOT

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return settings | {"UNDO_WINDOW": "0"}


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, hold_all=True, lang="en", public_summary=True, timezone="Asia/Tokyo")


@pytest.fixture
def hanako(app: Flask, alice: Moderator) -> Reader:
    return Reader(app.test_client())


def link_of(app: Flask, comment: Comment) -> str:
    with app.test_request_context():
        return signed_links.own_link(comment).removeprefix("http://localhost")


def receipt_of(app: Flask, comment: Comment) -> dict[str, Any]:
    answer = app.test_client().get(f"{link_of(app, comment)}/receipt.json")
    assert answer.status_code == 200 and "attachment" in answer.headers["Content-Disposition"]
    found: dict[str, Any] = answer.json
    return found


def checked(receipt: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the program of docs/receipts.md."""
    (program,) = re.findall("```python\n(.+?)```", (ROOT / "docs" / "receipts.md").read_text(), flags=re.DOTALL)
    assert len(program.splitlines()) <= 30
    (folder / "check.py").write_text(program)
    (folder / "receipt.json").write_text(json.dumps(receipt))
    command = [sys.executable, "-I", str(folder / "check.py"), str(folder / "receipt.json")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def opened(receipt: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each["value"] for each in receipt["fields"] if "salt" in each}


@ONE_DATABASE
def test_an_author_checks_a_receipt_without_us(
    app: Flask, hanako: Reader, db_session: Session, alice: Moderator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        hanako.post(f"comment {number}")
    comment = the_comment(db_session, "comment 3")
    decide(comment, Status.REJECTED, seen=comment.version, by=alice, reason="attack", note="See rule 3.")
    db_session.commit()
    page = app.test_client().get(link_of(app, comment)).text
    assert "number 6 in this site’s log of decisions. Its receipt can be checked once the day is over." in page
    close_the_day(db_session, monkeypatch)
    receipt = receipt_of(app, comment)
    assert opened(receipt) == {
        "comment": comment.id, "status": "rejected", "reason": "attack", "rules": "",
        "made_at": opened(receipt)["made_at"],
    }  # fmt: skip
    page = app.test_client().get(link_of(app, comment)).text
    assert receipt["head"] in page and "Compare it with the published heads" in page
    assert receipt["head"] in app.test_client().get("/summary/paper").text
    done = checked(receipt, tmp_path)
    assert done.returncode == 0 and receipt["head"] in done.stdout and "rejected" in done.stdout
    for name, other in (("status", "approved"), ("reason", "hate"), ("comment", 1)):
        fields = [each | ({"value": other} if each["name"] == name else {}) for each in receipt["fields"]]
        assert checked(receipt | {"fields": fields}, tmp_path).returncode == 1, name
    assert checked(receipt | {"path": receipt["path"][:-1]}, tmp_path).returncode == 1
    assert checked(receipt | {"entry": receipt["entry"] - 1}, tmp_path).returncode == 1


@ONE_DATABASE
def test_a_receipt_says_nothing_that_its_author_was_not_told(
    app: Flask, hanako: Reader, db_session: Session, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanako.post("waiting")
    hanako.post("called spam")
    spam = the_comment(db_session, "called spam")
    decide(spam, Status.SPAM, seen=spam.version, by=alice, reason="noise")
    db_session.commit()
    close_the_day(db_session, monkeypatch)
    seen = [receipt_of(app, the_comment(db_session, body)) for body in ("waiting", "called spam")]
    assert [sorted(opened(receipt)) for receipt in seen] == [["comment", "made_at"]] * 2
    assert [receipt["entry"] for receipt in seen] == [1, 2], "the first decision on each, although there is a later one"
    for receipt in seen:
        assert "spam" not in json.dumps(receipt) and str(alice.id) not in opened(receipt).values()
        assert receipt.keys() == {"kaiwa", "version", "site", "entry", "fields", "day", "first", "last",
                                  "chain_digest", "before", "head", "root", "path"}  # fmt: skip
    hidden = [each for each in seen[0]["fields"] if "digest" in each]
    assert all(each.keys() == {"name", "digest"} for each in hidden)
    # The salts of shown values do not lead to those of hidden ones.
    salts = {each["salt"] for each in seen[0]["fields"] if "salt" in each}
    for each in hidden:
        guesses = [
            commitment.digest_of(salt, each["name"], guess) for salt in salts for guess in ("pending", "spam", None)
        ]
        assert each["digest"] not in guesses


@ONE_DATABASE
def test_reports_and_their_answer_do_not_show_in_a_receipt(
    app: Flask, hanako: Reader, db_session: Session, paper: Site, alice: Moderator
) -> None:
    """Their times would tell an author that, and when, readers complained."""
    paper.reports_needed = 1
    hanako.post("a word")
    comment = the_comment(db_session, "a word")
    decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    db_session.commit()
    before = receipt_of(app, comment)
    assert before["entry"] == 2 and opened(before)["status"] == "approved"
    report(comment, reader=Reporter("r" * 43), reason=Reason.ATTACK)
    db_session.commit()
    assert comment.lane == 1 and receipt_of(app, comment) == before
    decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    db_session.commit()
    assert receipt_of(app, comment) == before
    assert verified(paper).chain.rows == 4
    answer = app.test_client().get(f"{link_of(app, comment)}/receipt.json")
    assert answer.headers["Cache-Control"] == "no-store" and not answer.headers.getlist("Set-Cookie")
    # An edit is the author's own, and is decided on.
    paper.edit_minutes = 60
    amend.edit(comment, "another word")
    db_session.commit()
    assert receipt_of(app, comment)["entry"] == (5 if comment.status == Status.APPROVED else 1)
    amend.withdraw(comment)
    db_session.commit()
    assert opened(receipt_of(app, comment))["status"] == "deleted"


@ONE_DATABASE
def test_a_decision_that_a_wrong_clock_dated_ahead_does_not_stop_the_days(
    hanako: Reader, db_session: Session, paper: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanako.post("first")
    db_session.execute(update(Decision).values(made_at=now() + timedelta(days=1500)))
    db_session.commit()
    hanako.post("second")
    (day,) = close_the_day(db_session, monkeypatch)
    assert day == f"{now().astimezone(ZoneInfo(paper.timezone)).date()}"
    assert [(each.first, each.last) for each in ChainDay.all_of(paper.id)] == [(1, 2)]


@ONE_DATABASE
def test_each_day_has_a_head_that_continues_the_one_before(
    app: Flask, hanako: Reader, db_session: Session, paper: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for body in ("first", "second", "third"):
        hanako.post(body)
    entries = list(db_session.scalars(select(ChainEntry).order_by(ChainEntry.number)))
    assert close_the_day(db_session, monkeypatch, days=0) == [], "today is not over"
    # Made at 23:30 and 00:30 in Tokyo.
    days = [
        now().replace(hour=14, minute=30) - timedelta(days=4),
        now().replace(hour=15, minute=30) - timedelta(days=4),
    ]
    for entry, made_at in zip(entries[:2], days, strict=True):
        made = db_session.get_one(Decision, entry.decision_id)
        made.made_at = made_at
    db_session.commit()
    names = [f"{day.date() + timedelta(days=add)}" for day, add in zip(days, (0, 1), strict=True)]
    assert close_the_day(db_session, monkeypatch)[:2] == names
    assert close_the_day(db_session, monkeypatch) == [], "a second worker finds nothing left"
    listed = app.test_client().get("/summary/paper/heads.json").json
    assert listed["site"] == "paper" and [day["last"] for day in listed["days"]] == [3, 2, 1]
    assert [day["before"] for day in listed["days"]] == [*(day["head"] for day in listed["days"][1:]), ""]
    earlier = app.test_client().get(f"/summary/paper/heads.json?before={names[1]}").json
    assert [day["day"] for day in earlier["days"]] == names[:1]
    assert app.test_client().get("/summary/paper/heads.json?before=%00%00").json == listed
    paper.public_summary = False
    db_session.commit()
    assert app.test_client().get("/summary/paper/heads.json").status_code == 404


@ONE_DATABASE
def test_the_database_refuses_a_second_head_of_a_day(
    hanako: Reader, db_session: Session, paper: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanako.post("first")
    (day,) = close_the_day(db_session, monkeypatch)
    ChainDay.close(paper.id, day, 2, 2, "0" * 64, ["0" * 64])
    # A worker that looked before, when the site had another time zone.
    ChainDay.close(paper.id, "2999-01-01", 1, 1, "0" * 64, ["0" * 64])
    db_session.commit()
    assert [each.last for each in ChainDay.all_of(paper.id)] == [1] and verified(paper).ok


@ONE_DATABASE
def test_a_changed_head_or_block_of_a_day_is_found(
    hanako: Reader, db_session: Session, paper: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanako.post("first")
    close_the_day(db_session, monkeypatch)
    for change in ({"head": "0" * 64}, {"blocks": json.dumps(["0" * 64])}, {"first": 0}, {"before": "0" * 64}):
        db_session.execute(update(ChainDay).values(change))
        db_session.flush()
        found = decision_log.verify(paper)
        assert not found.ok and found.wrong_day == ChainDay.all_of(paper.id)[0].day, change
        db_session.rollback()


def test_a_path_leads_from_any_leaf_of_any_tree_to_its_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merkle, "BLOCK", 4)
    for size in range(1, 40):
        leaves = [f"{number:064x}" for number in range(size)]
        blocks = merkle.roots_of_blocks(leaves)
        assert merkle.root(blocks) == merkle.root(leaves), size
        for at in range(size):
            start = at // 4 * 4
            path = merkle.path(leaves[start : start + 4], at % 4) + merkle.path(blocks, at // 4)
            assert path == merkle.path(leaves, at), (size, at)

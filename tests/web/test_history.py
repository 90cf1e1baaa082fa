"""The decision log: every decision with moderator, status and time, undo, and export as a file."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Actor, Comment, Decision, Membership, Moderator, Reason, Role, Site, Status
from app.moderation import history
from app.moderation.decide import decide, undo
from app.web.history import BROKEN_OFF, to_the_end
from tests.cast import Reader, a_moderator, a_site, move, the_comment
from tests.web.test_queue import ENGLISH, at_the_desk, comment, paper, status_of

__all__ = ["comment", "paper"]


def rows(answer) -> list[str]:
    found = BeautifulSoup(answer.text, "html.parser").select("[data-decision-id]")
    return [" ".join(row.select_one(".what").text.split()) for row in found]


def test_the_log_has_every_decision_newest_first(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    decision = decide(comment, Status.REJECTED, seen=comment.version, by=alice)
    undo(decision, by=alice)
    db_session.commit()
    desk = at_the_desk(app)
    shown = rows(desk.get("/moderate/log?by=all", headers=ENGLISH))
    assert [row.split()[0] for row in shown] == ["Pending", "Rejected", "Pending"]
    assert shown[0].endswith("Undone") and "Alice" in shown[1] and "Automatic check" in shown[2]
    assert rows(desk.get("/moderate/log", headers=ENGLISH)) == shown[:2]
    assert rows(desk.get("/moderate/log?by=people", headers=ENGLISH)) == shown[:2]
    assert desk.get("/moderate/log?by=x").status_code == 404


def test_the_log_shows_what_authors_and_reports_did_and_files_have_everything(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    decide(comment, Status.PENDING, seen=comment.version, actor=Actor.SYSTEM, reason="reports")
    decide(comment, Status.DELETED, seen=comment.version, actor=Actor.AUTHOR, reason="withdrawn")
    db_session.commit()
    desk = at_the_desk(app)
    shown = rows(desk.get("/moderate/log", headers=ENGLISH))
    assert [row.split()[0] for row in shown] == ["Deleted", "Pending", "Approved"]
    for query, count in (("", 4), ("?by=all", 4), ("?by=people", 3)):
        assert len(desk.get(f"/moderate/log.jsonl{query}", buffered=True).text.splitlines()) == count
    page = BeautifulSoup(desk.get("/moderate/log?by=people", headers=ENGLISH).text, "html.parser")
    assert [link["href"] for link in page.select("a[download]")] == [
        "/moderate/log.csv?by=people", "/moderate/log.jsonl?by=people"
    ]  # fmt: skip


def test_days_of_the_log_are_those_of_the_time_zone_that_is_shown_and_named(
    app: Flask, alice: Moderator, paper: Site, comment: Comment, db_session: Session
) -> None:
    other = a_site(db_session, "other", timezone="America/New_York")
    db_session.add(Membership(moderator=alice, site=other, role=Role.MODERATOR))
    decision = decide(comment, Status.REJECTED, seen=comment.version, by=alice)
    # 1 March 08:30 in Tokyo.
    decision.made_at = datetime(2026, 2, 28, 23, 30, tzinfo=UTC)
    key, others = paper.id, other.id
    db_session.commit()
    desk = at_the_desk(app)
    for query, found in ((f"since=2026-03-01&until=2026-03-01&site={key}", 1), ("until=2026-02-28", 0)):
        answer = desk.get(f"/moderate/log?{query}", headers=ENGLISH)
        assert len(rows(answer)) == found and "Time zone: Asia/Tokyo" in answer.text
        assert not found or "Mar 1, 2026 8:30" in " ".join(answer.text.replace("\u202f", " ").split())
    answer = desk.get(f"/moderate/log?site={others}", headers=ENGLISH)
    assert "Time zone: America/New_York" in answer.text


def test_the_log_is_narrowed_by_status_and_by_moderator(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    bob = a_moderator(db_session, comment.site, "bob")
    move(db_session, comment, Status.SPAM, by=bob)
    move(db_session, comment, Status.APPROVED, by=alice)
    bobs = bob.id
    db_session.commit()
    desk = at_the_desk(app)
    for query, expected in (
        (f"moderator={bobs}", ["Spam"]),
        ("status=approved", ["Approved"]),
        (f"moderator={bobs}&status=approved", []),
        ("status=&moderator=", ["Approved", "Spam"]),
        ("status=&moderator=&by=all", ["Approved", "Spam", "Pending"]),
    ):
        shown = rows(desk.get(f"/moderate/log?{query}", headers=ENGLISH))
        assert [row.split()[0] for row in shown] == expected
    assert desk.get("/moderate/log?status=x").status_code == 404


def test_only_what_still_stands_can_be_taken_back_from_the_log(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session
) -> None:
    move(db_session, comment, Status.SPAM, by=alice)
    move(db_session, comment, Status.APPROVED, by=alice)
    desk = at_the_desk(app)
    (form,) = BeautifulSoup(desk.get("/moderate/log").text, "html.parser").select("ol form")
    desk.post(form["action"], data={each["name"]: each["value"] for each in form.select("input")})
    assert status_of(db_session, comment) == Status.SPAM


def test_the_log_goes_on_page_by_page(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PAGE", 2)
    for status in (Status.SPAM, Status.APPROVED, Status.REJECTED, Status.PENDING):
        move(db_session, comment, status, by=alice)
    desk, path, seen = at_the_desk(app), "/moderate/log?by=all", []
    while path:
        page = desk.get(path, headers=ENGLISH)
        seen += rows(page)
        link = BeautifulSoup(page.text, "html.parser").select_one("a[rel=next]")
        path = link and link["href"]
    assert [row.split()[0] for row in seen] == ["Pending", "Rejected", "Approved", "Spam", "Pending"]


def test_the_log_is_narrowed_by_reason_site_and_day(
    app: Flask, alice: Moderator, paper: Site, comment: Comment, db_session: Session
) -> None:
    decide(comment, Status.REJECTED, seen=comment.version, by=alice, reason=Reason.HATE)
    old = decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    old.made_at -= timedelta(days=10)
    # Days are those of the site's time zone: in the evening of UTC it is tomorrow there.
    day, key = f"{old.made_at.astimezone(ZoneInfo(paper.timezone)):%Y-%m-%d}", paper.id
    foreign = a_site(db_session, "other").id
    db_session.commit()
    desk = at_the_desk(app)
    for query, expected in (
        ("reason=hate", ["Rejected"]),
        (f"until={day}", ["Approved"]),
        (f"since={day}&until={day}&site={key}", ["Approved"]),
        (f"since={day}", ["Approved", "Rejected"]),
        (f"since={day}&by=all", ["Approved", "Rejected", "Pending"]),
    ):
        shown = rows(desk.get(f"/moderate/log?{query}", headers=ENGLISH))
        assert [row.split()[0] for row in shown] == expected, query
    for query in ("reason=none", "since=yesterday", f"site={foreign}"):
        for path in ("/moderate/log", "/moderate/log.csv", "/moderate/log.jsonl"):
            assert desk.get(f"{path}?{query}").status_code == 404, query


def test_the_exports_have_everything_batch_by_batch_and_nobodys_address(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "BATCH", 2)
    for status in (Status.SPAM, Status.APPROVED, Status.REJECTED, Status.PENDING):
        move(db_session, comment, status, by=alice)
    desk = at_the_desk(app)
    sheet, lines = desk.get("/moderate/log.csv", buffered=True), desk.get("/moderate/log.jsonl", buffered=True)
    found = list(csv.DictReader(io.StringIO(sheet.text.removeprefix("\ufeff"))))
    assert [row["to"] for row in found] == ["pending", "rejected", "approved", "spam", "pending"]
    assert [json.loads(line)["to"] for line in lines.text.splitlines()] == [row["to"] for row in found]
    assert (found[0]["moderator"], found[0]["text"], found[-1]["actor"]) == ("Alice", "First!", "screening")
    for answer in (sheet, lines):
        assert "readers.example" not in answer.text
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
    assert len(desk.get("/moderate/log.jsonl?status=spam", buffered=True).text.splitlines()) == 1


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝", " =", "\u3000=", "\u200b+", "\x1b@"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_formula_in_the_log_is_text_in_a_spreadsheet(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session, start: str
) -> None:
    formula = start + "HYPERLINK(0)"
    comment.name = comment.body = comment.thread.url = formula
    decide(comment, Status.SPAM, seen=comment.version, by=alice, note=formula)
    db_session.commit()
    sheet = at_the_desk(app).get("/moderate/log.csv", buffered=True).text
    (row, _first) = csv.DictReader(io.StringIO(sheet, newline=""))
    for name in ("name", "text", "page", "note"):
        assert row[name] == "'" + formula


def test_bob_exports_only_his_own_sites(app: Flask, alice: Moderator, comment: Comment, db_session: Session) -> None:
    other = a_site(db_session, "other", hold_all=True)
    a_moderator(db_session, other, "bob", Role.OWNER)
    Reader(app.test_client(), site="other").post("On the other site")
    assert the_comment(db_session, "On the other site").site_id == other.id
    db_session.commit()
    desk = at_the_desk(app, "bob")
    for path in ("/moderate/log.csv", "/moderate/log.jsonl"):
        answer = desk.get(path, buffered=True)
        assert "On the other site" in answer.text and "First!" not in answer.text


def test_a_page_of_the_log_looks_through_so_many_decisions_and_offers_to_look_on(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "SCANNED", 3)
    move(db_session, comment, Status.SPAM, by=alice)
    for status in (Status.APPROVED, Status.REJECTED) * 4:
        move(db_session, comment, status, by=alice)
    desk, path, seen, pages = at_the_desk(app), "/moderate/log?status=spam", [], 0
    while path:
        page = desk.get(path, headers=ENGLISH)
        seen, pages = seen + rows(page), pages + 1
        link = BeautifulSoup(page.text, "html.parser").select_one("a[rel=next]")
        path = str(link["href"]) if link else ""
    assert [row.split()[0] for row in seen] == ["Spam"]
    assert pages == 4
    lines = desk.get("/moderate/log.jsonl?status=spam", buffered=True).text.splitlines()
    assert [json.loads(line)["to"] for line in lines] == ["spam"]


def test_the_log_of_several_sites_is_one_list(
    app: Flask, alice: Moderator, comment: Comment, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PAGE", 2)
    monkeypatch.setattr(history, "BATCH", 3)
    other = a_site(db_session, "other")
    db_session.add(Membership(moderator=alice, site=other, role=Role.MODERATOR))
    db_session.commit()
    reader = Reader(app.test_client(), site="other")
    for number in range(5):
        reader.post(f"comment {number}")
        move(db_session, comment, (Status.SPAM, Status.APPROVED)[number % 2], by=alice)
    exported = [
        json.loads(line) for line in at_the_desk(app).get("/moderate/log.jsonl", buffered=True).text.splitlines()
    ]
    ids = db_session.scalars(select(Decision.id).order_by(Decision.id.desc())).all()
    db_session.commit()
    assert [row["id"] for row in exported] == list(ids) and {row["site"] for row in exported} == {"paper", "other"}
    desk, path, seen = at_the_desk(app), "/moderate/log?by=all", 0
    while path:
        page = desk.get(path, headers=ENGLISH)
        seen += len(rows(page))
        link = BeautifulSoup(page.text, "html.parser").select_one("a[rel=next]")
        path = str(link["href"]) if link else ""
    assert seen == len(ids)


def test_an_export_that_breaks_off_says_so_in_its_last_line() -> None:
    def broken() -> Iterator[str]:
        yield "a row"
        raise RuntimeError("the database went away")

    seen = []
    with pytest.raises(RuntimeError):
        for line in to_the_end(broken(), BROKEN_OFF):
            seen.append(line)
    assert seen == ["a row", BROKEN_OFF + "\n"]

"""`flask import` stores every comment once and reports the outcome of each."""

import gzip
import json
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import _NamedTextIOWrapper
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.cli import imports
from app.comments.submit import Draft, submit
from app.desk.statistics import statistics_of
from app.models import Actor, Author, Comment, Decision, Delivery, Site, Status, Thread
from app.models.path import ids_in
from app.transfer import load, source, staging
from tests.cast import Reader, a_moderator, a_site, move
from tests.transfer.exports import HEAD, comment, page, wxr
from tests.transfer.test_other_formats import INSERT, commento_export, isso_database

ORIGIN = "https://example.com"
Save = Callable[[str | bytes], Path]


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, origins=[ORIGIN])


def bring(app: Flask, file: Path, *options: str, code: int = 0) -> dict[str, Any]:
    """The report of `flask import`."""
    words = ["import", str(file), "--site", "paper", "--json", *options]
    done = app.test_cli_runner().invoke(args=words)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout.splitlines()[-1])


def comments(db_session: Session) -> dict[str, Comment]:
    db_session.expire_all()
    found = {each.source_id or "": each for each in db_session.query(Comment)}
    db_session.commit()
    return found


HIDDEN_STATES = {
    "private": "<wp:status>private</wp:status>",
    "private in CDATA": "<wp:status><![CDATA[private]]></wp:status>",
    "draft": "<wp:status>draft</wp:status>",
    "pending": "<wp:status>pending</wp:status>",
    "future": "<wp:status>future</wp:status>",
    "trash": "<wp:status>trash</wp:status>",
    "auto-draft": "<wp:status>auto-draft</wp:status>",
    "a plugin's status": "<wp:status>archived</wp:status>",
    "password": "<wp:status>publish</wp:status><wp:post_password><![CDATA[secret]]></wp:post_password>",
}
PUBLIC_STATES = {
    "none": "",
    "publish": "<wp:status>publish</wp:status><wp:post_password></wp:post_password>",
    "attachment": "<wp:status>inherit</wp:status>",
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("state", HIDDEN_STATES.values(), ids=HIDDEN_STATES)
def test_comments_of_a_page_that_was_not_public_are_held_in_a_hidden_thread(
    app: Flask, client: FlaskClient, db_session: Session, paper: Site, save: Save, state: str
) -> None:
    hidden = page(comment(1, "said among us"), comment(2, approved="spam"), state=state)
    report = bring(app, save(wxr(hidden, page(comment(3, "said in public"), number=2))))
    assert (report["imported"], report["held"], report["by_status"]["approved"]) == (3, 1, 2)
    assert [each["ids"] for each in report["notes"] if "not public" in each["note"]] == [["1"]]
    found = comments(db_session)
    assert [found[id].status for id in "123"] == [Status.PENDING, Status.SPAM, Status.APPROVED]
    assert [found[id].thread.visible for id in "13"] == [False, True]
    db_session.commit()
    for path in public_paths(1):
        assert b"said among us" not in client.get(path).data
    assert b"said in public" in client.get(public_paths(2)[0]).data
    again = bring(app, save(wxr(hidden)))
    assert (again["imported"], again["unchanged"]) == (0, 2)


def public_paths(number: int) -> list[str]:
    about = f"site=paper&url={ORIGIN}/{number}/"
    by_page = [f"{path}?{about}" for path in ("/embed/thread", "/thread", "/feeds/thread", "/api/v1/threads")]
    return [*by_page, "/feeds/site/paper.atom"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("state", PUBLIC_STATES.values(), ids=PUBLIC_STATES)
def test_comments_of_a_public_page_stay_public(
    app: Flask, db_session: Session, paper: Site, save: Save, state: str
) -> None:
    report = bring(app, save(wxr(page(comment(1), state=state))))
    assert (report["held"], report["notes"]) == (0, [])
    assert comments(db_session)["1"].status == Status.APPROVED


def test_a_status_behind_the_comments_and_a_second_item_for_the_page_count_too(
    app: Flask, db_session: Session, paper: Site, save: Save
) -> None:
    late = page(comment(1)).replace("</item>", "<wp:status>private</wp:status></item>")
    twin = page(comment(2), number=2) + page(comment(3), number=3, state=HIDDEN_STATES["draft"]).replace("/3/", "/2/")
    report = bring(app, save(wxr(late, twin)))
    assert report["held"] == 2
    found = comments(db_session)
    assert [found[id].status for id in "123"] == [Status.PENDING, Status.APPROVED, Status.PENDING]
    assert [found[id].thread.visible for id in "123"] == [False, True, True]


def test_comments_of_hidden_pages_can_be_left_out(app: Flask, db_session: Session, paper: Site, save: Save) -> None:
    hidden = page(comment(1), comment(2, parent="1"), state=HIDDEN_STATES["private"])
    file = save(wxr(hidden, page(comment(3), number=2)))
    for options in (["--dry-run"], []):
        report = bring(app, file, "--only-public", *options)
        assert (report["read"], report["imported"], report["skipped"], report["held"]) == (3, 1, 2, 0)
        assert {each["id"] for each in report["skips"]} == {"1", "2"}
    assert set(comments(db_session)) == {"3"}


def test_every_comment_comes_along_and_is_accounted_for(
    app: Flask, db_session: Session, paper: Site, save: Save
) -> None:
    file = save(
        wxr(
            page(comment(1), comment(2, parent="1"), comment(3, approved="spam"), comment(4, approved="0")),
            page(comment(5, approved="trash"), comment(6, type="pingback"), number=2),
        )
    )
    report = bring(app, file)
    assert {name: report[name] for name in ("format", "threads", "read", "imported", "unchanged", "skipped")} == {
        "format": "wordpress",
        "threads": 2,
        "read": 6,
        "imported": 5,
        "unchanged": 0,
        "skipped": 1,
    }
    assert (report["roots"], report["replies"], report["max_depth"]) == (4, 1, 1)
    assert report["by_status"] == {"pending": 1, "approved": 2, "rejected": 1, "spam": 1, "deleted": 0}
    assert [skip["id"] for skip in report["skips"]] == ["6"]
    assert [(each["imported"], each["skipped"]) for each in report["by_thread"]] == [(4, 0), (1, 1)]
    found = comments(db_session)
    assert {key: each.status for key, each in found.items()} == {
        "1": "approved",
        "2": "approved",
        "3": "spam",
        "4": "pending",
        "5": "rejected",
    }
    assert found["2"].parent_id == found["1"].id


def test_a_second_run_changes_nothing_even_what_a_moderator_has_decided_since(
    app: Flask, db_session: Session, paper: Site, save: Save
) -> None:
    file = save(wxr(page(comment(1), comment(2, parent="1"))))
    bring(app, file)
    alice = a_moderator(db_session, paper)
    move(db_session, comments(db_session)["2"], Status.SPAM, by=alice)
    before = _everything(db_session)
    report = bring(app, file)
    assert (report["imported"], report["unchanged"], report["roots"], report["replies"]) == (0, 2, 1, 1)
    assert _everything(db_session) == before


def test_a_dry_run_reports_the_same_and_writes_nothing(
    app: Flask, db_session: Session, paper: Site, save: Save
) -> None:
    file = save(wxr(page(comment(1), comment(2, parent="9"), comment(2))))
    before = _everything(db_session)
    dry = bring(app, file, "--dry-run")
    assert _everything(db_session) == before
    wet = bring(app, file)
    assert dry.pop("dry_run") and not wet.pop("dry_run")
    assert dry == wet
    assert wet["imported"] == 2


def _everything(db_session: Session) -> dict[str, list[Any]]:
    db_session.expire_all()
    tables = (Site, Thread, Author, Comment, Decision, Delivery)
    found = {each.__tablename__: db_session.execute(select(each.__table__)).fetchall() for each in tables}
    db_session.commit()
    return found


def test_an_import_sends_no_email_and_logs_its_moderator(
    app: Flask, db_session: Session, paper: Site, save: Save
) -> None:
    a_moderator(db_session, paper)
    bring(app, save(wxr(page(comment(1, approved="0"), comment(2)))))
    decisions = db_session.query(Decision).all()
    assert [(each.actor, each.reason, each.from_status) for each in decisions] == [(Actor.IMPORT, "import", None)] * 2
    assert db_session.query(Delivery).count() == 0


def test_a_moderator_undoes_an_imported_decision(
    app: Flask, client: FlaskClient, db_session: Session, paper: Site, save: Save
) -> None:
    bring(app, save(wxr(page(comment(1), comment(2, parent="1")))))
    alice = a_moderator(db_session, paper)
    move(db_session, comments(db_session)["2"], Status.REJECTED, by=alice)
    thread = db_session.query(Thread).one()
    assert thread.approved_count == 1
    assert {id: each.approved_descendants for id, each in comments(db_session).items()} == {"1": 1, "2": 0}


def test_an_answer_before_its_parent_finds_it(app: Flask, db_session: Session, paper: Site, save: Save) -> None:
    first, later = "2019-03-04 01:00:00", "2019-03-05 01:00:00"
    bring(app, save(wxr(page(comment(7, parent="9", date_gmt=later), comment(9, date_gmt=first)))))
    found = comments(db_session)
    assert found["7"].parent_id == found["9"].id
    assert found["7"].path.startswith(found["9"].path)


def test_comments_stand_in_the_order_in_which_they_were_spoken(
    app: Flask, client: FlaskClient, db_session: Session, paper: Site, save: Save
) -> None:
    days = {1: "2021-01-03", 2: "2021-01-01", 3: "2021-01-02"}
    text = (comment(n, f"<![CDATA[on {day}]]>", date_gmt=f"{day} 00:00:00") for n, day in days.items())
    bring(app, save(wxr(page(*text))))
    shown = Reader(client, url=f"{ORIGIN}/1/").get_thread().text
    assert shown.index("on 2021-01-01") < shown.index("on 2021-01-02") < shown.index("on 2021-01-03")
    assert comments(db_session)["2"].created_at == datetime(2021, 1, 1, tzinfo=UTC)


def test_a_reply_without_a_parent_becomes_a_root_with_a_note(
    app: Flask, db_session: Session, paper: Site, save: Save
) -> None:
    text = wxr(page(comment(1, parent="99"), comment(2)), page(comment(3, parent="2"), number=2))
    report = bring(app, save(text))
    assert (report["imported"], report["roots"], report["replies"]) == (3, 3, 0)
    assert [(each["count"], each["ids"]) for each in report["notes"]] == [(1, ["3"]), (1, ["1"])]
    assert {each.parent_id for each in comments(db_session).values()} == {None}


def test_an_answer_whose_parent_came_with_an_older_file_finds_it(
    app: Flask, db_session: Session, paper: Site, save: Save
) -> None:
    bring(app, save(wxr(page(comment(1)))))
    report = bring(app, save(wxr(page(comment(2, parent="1")))))
    found = comments(db_session)
    assert (report["replies"], found["2"].parent_id, found["1"].approved_descendants) == (1, found["1"].id, 2)


@pytest.mark.parametrize("parents", [{1: 1}, {1: 2, 2: 1}, {1: 2, 2: 3, 3: 4, 4: 2, 5: 1}])
def test_those_who_answer_each_other_in_a_circle_all_come_in(
    app: Flask, db_session: Session, paper: Site, save: Save, parents: dict[int, int]
) -> None:
    report = bring(app, save(wxr(page(*(comment(n, parent=str(up)) for n, up in parents.items())))))
    assert (report["imported"], report["roots"]) == (len(parents), 1)
    assert len(comments(db_session)) == len(parents)


def test_a_chain_of_answers_is_as_deep_as_the_site_allows_and_the_report_tells_the_truth(
    app: Flask, db_session: Session, paper: Site, save: Save
) -> None:
    report = bring(app, save(wxr(page(*(comment(n, parent=str(n - 1)) for n in range(1, 41))))))
    found = comments(db_session)
    assert report["max_depth"] == 39
    assert max(each.depth for each in found.values()) == paper.max_depth
    assert found["40"].parent_id == found["39"].id


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_chain_of_10_000_answers_comes_in(app: Flask, paper: Site, save: Save) -> None:
    report = bring(app, save(wxr(page(*(comment(n, parent=str(n - 1)) for n in range(1, 10_001))))))
    assert (report["imported"], report["max_depth"]) == (10_000, 9_999)


def test_authors_are_merged_by_email_only(
    app: Flask, client: FlaskClient, db_session: Session, paper: Site, save: Save
) -> None:
    hers = {"author_email": "Hanako@example.com", "author": "Hanako"}
    bring(app, save(wxr(page(comment(1, **hers), comment(2, author_email="", author="Hanako")))))
    bring(app, save(wxr(page(comment(3, **(hers | {"author_email": "hanako@EXAMPLE.com"}))))))
    found = comments(db_session)
    assert found["1"].author_id == found["3"].author_id != found["2"].author_id
    assert found["1"].author.email == "Hanako@example.com"
    db_session.commit()
    # A typed address alone proves nothing.
    Reader(client, "Hanako", "hanako@example.com", url=f"{ORIGIN}/1/").post("me again")
    typed = db_session.query(Comment).filter_by(body="me again").one()
    assert typed.author_id != found["1"].author_id


def test_addresses_are_cut_and_nothing_private_is_readable_in_the_database(
    app: Flask, db_session: Session, paper: Site, save: Save
) -> None:
    bring(app, save(wxr(page(comment(1, author_IP="203.0.113.77", author_email="hanako@secret.example")))))
    found = comments(db_session)["1"]
    assert (found.address, found.address_index) == ("203.0.113.0/24", Comment.network_index(paper, "203.0.113.0/24"))
    raw = str(_raw(db_session))
    assert "203.0.113" not in raw and "secret.example" not in raw and "Reader 1" in raw


def _raw(db_session: Session) -> list[Any]:
    connection = db_session.connection()
    queries = ("SELECT * FROM author", "SELECT * FROM comment", "SELECT * FROM decision")
    return [connection.exec_driver_sql(query).fetchall() for query in queries]


def test_a_body_looks_as_it_looked_and_does_no_harm(
    app: Flask, client: FlaskClient, db_session: Session, paper: Site, save: Save
) -> None:
    body = "<![CDATA[one\ntwo\n\n<blockquote>said</blockquote> <code>x &lt; y</code><script>alert(1)</script>]]>"
    bring(app, save(wxr(page(comment(1, body, author_url="javascript:alert(1)")))))
    shown = Reader(client, url=f"{ORIGIN}/1/").get_thread().text
    for seen in ("<p>one<br>\ntwo</p>", "<blockquote>", "<code>x &lt; y</code>"):
        assert seen in shown
    assert "alert" not in shown
    assert comments(db_session)["1"].body == "one\ntwo\n\n> said\n\nx < y"


def test_a_date_without_a_zone_is_of_the_site_s_place(app: Flask, db_session: Session, save: Save) -> None:
    a_site(db_session, origins=[ORIGIN], timezone="America/New_York")
    report = bring(app, save(wxr(page(comment(1, date_gmt="0000-00-00 00:00:00", date="2019-11-03 01:30:00")))))
    assert comments(db_session)["1"].created_at == datetime(2019, 11, 3, 5, 30, tzinfo=UTC)
    assert [each["ids"] for each in report["notes"]] == [["1"]]


def test_timestamps_from_the_future_count_as_today(app: Flask, db_session: Session, paper: Site, save: Save) -> None:
    report = bring(app, save(wxr(page(comment(1, date_gmt="2199-01-01 00:00:00")))))
    assert comments(db_session)["1"].created_at.year < 2199
    assert report["notes"][0]["ids"] == ["1"]


def test_a_page_that_moved_takes_its_comments_along(
    app: Flask, client: FlaskClient, db_session: Session, paper: Site, save: Save
) -> None:
    text = wxr(page(comment(1)), page(comment(2), number=2)).replace(
        "https://example.com/2/", "http://old.example/?p=2"
    )
    moves = ("--map", "old.example=/new", "--map", "http://old.example/?p=2=/two/")
    report = bring(app, save(text), *moves)
    assert report["notes"] == []
    assert [each["url"] for each in report["by_thread"]] == [f"{ORIGIN}/1/", f"{ORIGIN}/two"]
    assert "Reader 2" in Reader(client, url=f"{ORIGIN}/two/?utm_source=x").get_thread().text


def test_a_page_of_another_host_or_none_is_kept_and_named(
    app: Flask, db_session: Session, paper: Site, save: Save
) -> None:
    text = wxr(page(comment(1)), page(comment(2), number=2), page(comment(3), number=3))
    text = text.replace("https://example.com/2/", "http://elsewhere.example/").replace(
        "https://example.com/3/", "javascript:x"
    )
    report = bring(app, save(text))
    assert (report["imported"], [each["ids"] for each in report["notes"]]) == (3, [["2"], ["3"]])
    keys = {each.source_id: each.thread.key for each in comments(db_session).values()}
    assert keys == {"1": "https://example.com/1", "2": "https://elsewhere.example/", "3": "id:wordpress-3"}


def test_pages_that_are_closed_stay_closed_and_all_may_be(
    app: Flask, db_session: Session, paper: Site, save: Save
) -> None:
    text = wxr(page(comment(1)), page(comment(2), number=2))
    before, after = text.split("<wp:post_id>2")
    bring(app, save(f"{before}<wp:post_id>2" + after.replace("open</wp:comment_status>", "closed</wp:comment_status>")))
    assert {each.key[-1]: each.state for each in db_session.query(Thread)} == {"1": "open", "2": "closed"}
    db_session.commit()
    bring(app, save(text), "--close-threads")
    db_session.expire_all()
    assert all(each.state == "closed" for each in db_session.query(Thread))


def test_pingbacks_come_when_they_are_asked_for(app: Flask, paper: Site, save: Save) -> None:
    file = save(wxr(page(comment(1, type="pingback"), comment(2, type="trackback"))))
    assert bring(app, file)["skipped"] == 2
    assert bring(app, file, "--pingbacks")["imported"] == 2


def test_a_file_that_is_cut_gives_what_it_has_and_ends_with_1(app: Flask, paper: Site, save: Save) -> None:
    text = wxr(page(comment(1), comment(2)))
    report = bring(app, save(text[: text.index("<wp:comment_id>2") + 30]), code=1)
    assert (report["imported"], report["skipped"]) == (1, 1)
    assert "truncated" in report["trouble"]


@pytest.mark.parametrize("content", ["", "no export", "<!DOCTYPE rss [<!ENTITY a 'b'>]>" + HEAD])
def test_a_file_that_is_none_is_refused_in_a_sentence(app: Flask, paper: Site, save: Save, content: str) -> None:
    report = bring(app, save(content), code=1)
    assert (report["read"], report["imported"], report["skips"]) == (0, 0, [])
    assert report["trouble"]


def test_invalid_input_gets_a_helpful_error(app: Flask, paper: Site, save: Save) -> None:
    file = str(save(wxr(page(comment(1)))))
    run = app.test_cli_runner().invoke
    assert run(args=["import", "movabletype", file, "--site", "paper"]).exit_code == 2
    assert run(args=["import", file, "--site", "paper", "--map", "x"]).exit_code == 2
    assert "No site" in run(args=["import", file, "--site", "other"]).output
    assert run(args=["import", file + "x", "--site", "paper"]).exit_code == 1


def test_a_person_reads_the_report_too(app: Flask, paper: Site, save: Save) -> None:
    file = save(wxr(page(comment(1, parent="9"), comment(1))))
    said = app.test_cli_runner().invoke(args=["import", "wordpress", str(file), "--site", "paper"]).output
    assert "1 imported, 0 unchanged, 1 skipped." in said
    assert "1 (line" in said and "as a top-level comment. (1)" in said
    assert "https://example.com/1/" in said


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output is a terminal, so progress is shown."""
    monkeypatch.setattr(_NamedTextIOWrapper, "isatty", lambda _stream: True)
    monkeypatch.setattr(imports, "REDRAWN", -1)
    monkeypatch.setattr(staging, "PROGRESS_EVERY", 10)
    monkeypatch.setattr(load, "BATCH", 10)
    monkeypatch.setattr(source, "CHUNK", 2_000)


def on_terminal(app: Flask, file: Path, *options: str) -> str:
    done = app.test_cli_runner().invoke(args=["import", str(file), "--site", "paper", *options])
    assert done.exit_code == 0, done.output
    return done.stderr


def forty(kind: str) -> bytes:
    if kind == "commento":
        said = [{"commentHex": f"{n:x}", "html": f"<p>{n}"} for n in range(40)]
        return commento_export(*said).encode()
    text = wxr(page(*(comment(n, random.Random(n).randbytes(200).hex()) for n in range(1, 41)))).encode()
    return gzip.compress(text) if kind == "gzip" else text


@pytest.mark.parametrize("kind", ["plain", "gzip", "commento", "isso"])
@pytest.mark.usefixtures("watched")
def test_progress_shows_rate_and_remaining_time(app: Flask, paper: Site, save: Save, tmp_path: Path, kind: str) -> None:
    rows = ",".join(f"(1, {n}, NULL, 1, 1, 'said')" for n in range(2, 41))
    file = isso_database(tmp_path / "isso", INSERT + rows) if kind == "isso" else save(forty(kind))
    shown = on_terminal(app, file)
    for phase in ("Reading", "Writing"):
        drawn = re.findall(rf"\r{phase} (\d+)%: ([\d,]+) comments, [\d,]+ a second, \d:\d\d:\d\d left", shown)
        shares, counts = ([int(each[at]) for each in drawn] for at in (0, 1))
        assert len(drawn) > 2 and shares == sorted(shares) and counts == sorted(counts), shown
        assert shares[0] < 80 and shares[-1] <= 100 and counts[-1] <= 40, shown
    assert shown.endswith("\r")


@pytest.mark.usefixtures("watched")
def test_a_program_that_reads_the_report_sees_no_progress(app: Flask, paper: Site, save: Save) -> None:
    assert on_terminal(app, save(forty("plain")), "--json") == ""


@pytest.mark.usefixtures("watched")
def test_a_forged_last_id_does_not_make_the_time_left_endless(app: Flask, paper: Site, tmp_path: Path) -> None:
    rows = ",".join(f"(1, {n}, NULL, 1, 1, 'said')" for n in (*range(-20, 0), *range(2, 20), (1 << 63) - 1))
    shown = on_terminal(app, isso_database(tmp_path / "isso", INSERT + rows))
    assert "\rReading 9 comments" in shown and "Reading -" not in shown


def test_no_progress_bar_without_a_terminal(
    app: Flask, paper: Site, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "REDRAWN", -1)
    assert on_terminal(app, save(forty("plain"))) == ""


def test_the_report_by_page_is_of_the_fullest_until_all_are_asked_for(
    app: Flask, paper: Site, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "PAGES", 2)
    pages = [page(*(comment(number * 100 + n) for n in range(number)), number=number) for number in range(1, 24)]
    file = save(wxr(*pages, page(comment(1, type="order_note"), comment(2, type="pingback"), number=23)))
    report, whole = bring(app, file), bring(app, file, "--per-thread")
    assert [each["comments"] for each in report["by_thread"]] == [23, 22]
    assert len(whole["by_thread"]) == 24 and whole["by_thread"][0]["skipped"] == 1
    assert whole["by_thread"][-1] == {
        "key": None, "url": None, "comments": 0, "imported": 0, "unchanged": 0, "skipped": 1
    }  # fmt: skip
    for name in ("imported", "unchanged", "skipped"):
        assert sum(each[name] for each in whole["by_thread"]) == whole[name]
    words = ["import", str(file), "--site", "paper"]
    said, all_said = (app.test_cli_runner().invoke(args=[*words, *more]).output for more in ([], ["--per-thread"]))
    assert "0 new, 23 unchanged, 1 skipped: https://example.com/23/" in said
    assert "and 4 more; --per-thread lists all" in said and "https://example.com/1/" not in said
    assert "0 new, 1 unchanged, 0 skipped: https://example.com/1/" in all_said


def test_an_interrupted_import_keeps_its_rows_and_can_resume(
    app: Flask, db_session: Session, paper: Site, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "BATCH", 3)
    file = save(wxr(page(*(comment(n, parent=str(n - 1)) for n in range(1, 11)))))
    steps = iter(range(100))

    def impatient(steps_: Any, *rest: Any, **more: Any) -> Any:
        for step in steps_:
            yield step
            if step.count >= 3 and next(steps) == 1:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(imports, "_shown", impatient)
        report = bring(app, file, code=1)
    stored = db_session.scalar(select(func.count()).select_from(Comment))
    assert 0 < report["imported"] <= stored < 10
    db_session.commit()
    again = bring(app, file)
    assert (again["imported"], again["unchanged"]) == (10 - stored, stored)
    found = comments(db_session)
    assert found["10"].parent_id == found["9"].id and db_session.query(Thread).one().approved_count == 10


@pytest.mark.parametrize("seed", range(2))
def test_an_imported_tree_is_what_posting_would_have_made(
    app: Flask, db_session: Session, paper: Site, save: Save, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "BATCH", 7)
    dice = random.Random(seed)
    parents: dict[int, int | None] = {n: dice.choice([None, *range(1, n)]) for n in range(1, 31)}
    hidden = {n for n in parents if dice.random() < 0.3}
    posted = _posted(db_session, a_site(db_session, "posted", origins=[ORIGIN]), parents, hidden)
    order = list(parents)
    dice.shuffle(order)
    text = (
        comment(
            n,
            parent=str(parents[n] or 0),
            approved="spam" if n in hidden else "1",
            date_gmt=f"2020-01-01 00:{n:02}:00",
        )
        for n in order
    )
    bring(app, save(wxr(page(*text))))
    imported = {int(key): each for key, each in comments(db_session).items() if key}
    assert _shape(imported) == _shape(posted)
    threads = {each.site_id: each for each in db_session.query(Thread)}
    counts = {each.approved_count for each in threads.values()}
    assert counts == {len(parents) - len(hidden)}
    assert threads[paper.id].version == 1 + len(parents) - len(hidden)


def _posted(db_session: Session, site: Site, parents: dict[int, int | None], hidden: set[int]) -> dict[int, Comment]:
    made: dict[int, Comment] = {}
    thread = Thread.obtain(site, key="https://example.com/1", url=f"{ORIGIN}/1/", title="")
    for n, parent in parents.items():
        above = made[parent].id if parent else None
        made[n] = submit(thread, Draft(body=f"said {n}", name="R", email="", website="", parent_id=above)).comment
    for n in hidden:
        move(db_session, made[n], Status.SPAM)
    db_session.commit()
    return made


def _shape(found: dict[int, Comment]) -> dict[int, tuple[Any, ...]]:
    numbers = {each.id: n for n, each in found.items()}
    order = sorted(found, key=lambda n: (found[n].root_id, found[n].path))
    return {
        n: (
            order.index(n),
            [numbers[id] for id in ids_in(each.path)],
            numbers[each.root_id],
            each.depth,
            each.approved_descendants,
            numbers.get(each.parent_id),
            each.status,
        )
        for n, each in found.items()
    }


def test_a_link_with_the_old_number_lands_on_its_comment(
    app: Flask, client: FlaskClient, db_session: Session, paper: Site, save: Save
) -> None:
    dates = {3: "2021-01-03", 5: "2021-01-01", 9: "2021-01-02"}
    said = (comment(n, f"<![CDATA[said {n}]]>", date_gmt=f"{day} 00:00:00") for n, day in dates.items())
    bring(app, save(wxr(page(*said, comment(7, approved="0")))))
    found = comments(db_session)
    assert min(each.id for each in found.values()) > 9
    for number in dates:
        shown = Reader(client, url=f"{ORIGIN}/1/").get_thread(comment=str(number)).text
        target = shown[shown.index(f'id="comment-{number}"') :]
        assert target.index(f'data-id="{found[str(number)].id}"') < target.index("</article>")
        assert target.index(f"said {number}") < target.index("</article>")
    # Kaiwa's id works too; pending comments are shown under neither.
    own = found["5"].id
    assert f'id="comment-{own}"' in Reader(client, url=f"{ORIGIN}/1/").get_thread(comment=str(own)).text
    assert 'id="comment-7"' not in Reader(client, url=f"{ORIGIN}/1/").get_thread(comment="7").text
    assert 'id="comment-5"' not in Reader(client, url=f"{ORIGIN}/1/").get_thread().text


def test_new_comments_stand_above_the_old_numbers_too(
    app: Flask, client: FlaskClient, db_session: Session, paper: Site, save: Save
) -> None:
    bring(app, save(wxr(page(comment(5000), comment("99999999999999999999"), comment("9223372036854775000")))))
    Reader(client, url=f"{ORIGIN}/1/").post("new")
    ids = [each.id for each in comments(db_session).values()]
    assert min(ids) > 5000 and max(ids) < 5010


def test_imported_waiting_times_do_not_count(app: Flask, db_session: Session, paper: Site, save: Save) -> None:
    bring(app, save(wxr(page(comment(1, approved="0")))))
    alice = a_moderator(db_session, paper)
    move(db_session, comments(db_session)["1"], Status.APPROVED, by=alice)
    figures = statistics_of(paper, 7)
    assert (figures.all.decided, figures.all.waits) == (1, [])


@pytest.mark.parametrize(
    ("content", "looks"),
    [
        ("<!DOCTYPE html><html><body>Log in</body></html>", "a web page"),
        ("", "an empty file"),
        ('{"comments": [{"comment": {"id": "1", "text": "Hi"}, "replies": []}], "info": {}}', 'JSON that begins with "comments"'),  # noqa: E501
        ('<?xml version="1.0"?><urlset></urlset>', "XML that begins with <urlset>"),
        ("-- MySQL dump 10.13\nCREATE TABLE wp_comments (id int);", "a dump of a MySQL database"),
        ("id,name,comment\n1,A,Hello\n", "a table (CSV)"),
        (b"PK\x03\x04aaaa", "a zip archive"),
        (b"%PDF-1.4", "a PDF document"),
        (b"SQLite format 3\0aaaa", "a SQLite database of an unknown program"),
    ],
)  # fmt: skip
def test_a_refusal_names_what_the_file_looks_like(
    app: Flask, paper: Site, save: Save, content: str | bytes, looks: str
) -> None:
    path = save(content)
    trouble = bring(app, path, code=1)["trouble"]
    if not trouble.startswith("The file is damaged."):
        assert f"It looks like {looks}" in trouble and "Formats: wordpress, disqus," in trouble
        assert f"flask import FORMAT {path} --site paper" in trouble


@pytest.mark.parametrize("form", ["disqus", "isso", "commento", "remark42", "kaiwa"])
def test_a_refusal_names_the_command_that_would_take_the_file(app: Flask, paper: Site, save: Save, form: str) -> None:
    path = save(wxr(page(comment(1))))
    done = app.test_cli_runner().invoke(args=["import", form, str(path), "--site", "paper", "--json"])
    assert done.exit_code == 1
    assert f"flask import wordpress {path} --site paper" in json.loads(done.stdout)["trouble"]
    assert "Traceback" not in done.output


def test_a_tree_of_remark42_is_not_read_as_commento(app: Flask, paper: Site, save: Save) -> None:
    path = save('{"comments": [{"comment": {"id": "1", "text": "Hi"}, "replies": []}], "info": {}}')
    done = app.test_cli_runner().invoke(args=["import", "commento", str(path), "--site", "paper", "--json"])
    report = json.loads(done.stdout)
    assert done.exit_code == 1 and report["imported"] == 0
    assert 'It looks like JSON that begins with "comments"' in report["trouble"]

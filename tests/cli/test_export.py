"""`flask export` writes a site's comments in three formats, to a file that only its owner can read."""

import csv
import io
import json
import stat
from pathlib import Path
from xml.etree import ElementTree

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.models import Status, Thread
from app.transfer import wordpress
from app.transfer.record import HiddenPage
from tests.cast import PAGE, Reader, a_moderator, a_site, move, the_comment
from tests.transfer.counting import count

FORMULAE = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1+1", '=HYPERLINK("http://evil.example";"x")', "|calc", "%0A=1"]


def a_talk(app: Flask, db_session: Session) -> None:
    site = a_site(db_session, email_required=False)
    alice = a_moderator(db_session, site)
    hanako = Reader(app.test_client())
    hanako.post("a ]]> b & <c> 会話 \U0001d49e\x0b", name="Ha]]>na")
    first = the_comment(db_session, "a ]]> b & <c> 会話 \U0001d49e")
    hanako.post("answer", parent=str(first.id))
    for number, (body, status) in enumerate(
        (("pending", Status.PENDING), ("bad", Status.REJECTED), ("ads", Status.SPAM), ("gone", Status.DELETED))
    ):
        hanako.post(body, url=f"{PAGE}/{number % 2}")
        move(db_session, the_comment(db_session, body), status, by=alice)


def export(app: Flask, *words: str) -> bytes:
    done = app.test_cli_runner().invoke(args=["export", "--site", "paper", *words])
    assert done.exit_code == 0, done.stderr
    assert "email addresses" in done.stderr
    return done.stdout_bytes


def test_a_file_is_for_its_owner_only_and_replaces_an_earlier_one(
    app: Flask, db_session: Session, tmp_path: Path
) -> None:
    a_talk(app, db_session)
    file = tmp_path / "paper.jsonl"
    file.write_text("earlier")
    export(app, "--output", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert rows[0]["version"] == 1 and rows[1]["type"] == "site"
    assert [path.name for path in tmp_path.iterdir() if "paper" in path.name] == ["paper.jsonl"]
    assert file.read_bytes() == export(app), "on standard output it is the same"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_unwritable_path_is_reported_in_a_sentence(app: Flask, db_session: Session, tmp_path: Path) -> None:
    runner = app.test_cli_runner()
    done = runner.invoke(args=["export", "--site", "nope"])
    assert done.exit_code == 1 and "No site" in done.stderr
    a_site(db_session)
    done = runner.invoke(args=["export", "--site", "paper", "--output", str(tmp_path / "no" / "file")])
    assert done.exit_code == 1 and "Could not write" in done.stderr


def test_wordpress_would_read_all_of_it(app: Flask, db_session: Session, tmp_path: Path) -> None:
    a_talk(app, db_session)
    file = tmp_path / "paper.xml"
    export(app, "--format", "wxr", "--output", str(file))
    ElementTree.parse(file)  # noqa: S314 - our own
    records = list(wordpress.read(file))
    found = count(records)
    assert (found["comments"], found["roots"], found["replies"], found["threads"]) == (6, 5, 1, 3)
    assert (found["skipped"], found["orphans"], found["max_depth"]) == (0, 0, 1)
    assert found["status"] == {"approved": 2, "pending": 1, "rejected": 1, "spam": 1, "deleted": 1}
    first = next(record for record in records if getattr(record, "name", "") == "Ha]]>na")
    assert "a ]]&gt; b &amp; &lt;c&gt; 会話 \U0001d49e" in first.body
    assert (first.email, first.ip) == ("hanako@readers.example", "127.0.0.0")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_wxr_export_marks_hidden_pages(app: Flask, db_session: Session, tmp_path: Path) -> None:
    a_talk(app, db_session)
    hidden = db_session.query(Thread).order_by(Thread.id).first()
    assert hidden
    hidden.state = "hidden"
    db_session.commit()
    export(app, "--format", "wxr", "--output", str(tmp_path / "paper.xml"))
    records = list(wordpress.read(tmp_path / "paper.xml"))
    assert [record for record in records if isinstance(record, HiddenPage)] == [HiddenPage(str(hidden.id))]


def test_a_spreadsheet_sees_no_formula(app: Flask, db_session: Session) -> None:
    a_site(db_session)
    for number, formula in enumerate(FORMULAE):
        body = f"{formula} {number}" if formula.strip() == formula else formula + f" {number}"
        assert Reader(app.test_client(), name=formula).post(body).status_code == 201
    text = export(app, "--format", "csv").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == len(FORMULAE)
    for row in rows:
        for value in row.values():
            assert not value.startswith(("=", "+", "-", "@", "\t", "\r", "＝", "|", "%"))
    assert rows[0]["name"] == "'=1+1" and rows[0]["email"] == "hanako@readers.example"


def test_an_archive_comes_back_by_the_command(app: Flask, db_session: Session, tmp_path: Path) -> None:
    a_talk(app, db_session)
    file = tmp_path / "paper.jsonl"
    export(app, "--output", str(file))
    runner = app.test_cli_runner()
    dry = runner.invoke(args=["import", str(file), "--site", "copy", "--dry-run", "--json"])
    assert dry.exit_code == 0, dry.output
    assert runner.invoke(args=["export", "--site", "copy"]).exit_code == 1, "nothing was written"
    done = runner.invoke(args=["import", "kaiwa", str(file), "--site", "copy", "--json"])
    report = json.loads(done.stdout)
    assert report == json.loads(dry.stdout) | {"dry_run": False}
    assert (done.exit_code, report["format"], report["imported"], report["replies"]) == (0, "kaiwa", 6, 1)
    again = runner.invoke(args=["export", "--site", "copy"])
    assert again.stdout_bytes == file.read_bytes()
    assert "comment" in runner.invoke(args=["import", "kaiwa", str(file), "--site", "copy"]).stdout
    file.write_bytes(file.read_bytes()[:-30])
    cut = runner.invoke(args=["import", "kaiwa", str(file), "--site", "copy", "--json"])
    assert cut.exit_code == 1 and json.loads(cut.stdout)["trouble"]
    refused = runner.invoke(args=["import", "kaiwa", str(file), "--site", "copy", "--map", "/a=/b"])
    assert refused.exit_code == 2 and "restored unchanged" in refused.output

"""Imports and exports in the browser: upload, check, start, stop, go on after a restart, download, expiry."""

import gzip
import json
import os
import re
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.lib.clock import now
from app.models import Comment, Job, JobState, Role, Site, Status
from app.models.job import CLAIM_LEASE, MOST_ATTEMPTS
from app.transfer import exports, files, job_runner, jobs, load
from app.transfer.job_runner import run_next
from app.transfer.record import Note, Reason, Trouble
from app.transfer.run import Phase
from app.web import transfer_words
from tests.cast import ORIGIN, Reader, a_moderator, a_site
from tests.transfer.exports import comment, page, wxr
from tests.web.test_queue import ENGLISH, at_the_desk, hidden

FETCH = ENGLISH | {"X-Requested-With": "fetch"}
OLD = "https://old.example"


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return settings | {"TRANSFER_FILE_MB": "1"}


@pytest.fixture
def paper(db_session: Session) -> Site:
    site = a_site(db_session, lang="en")
    a_moderator(db_session, site, "alice", Role.ADMIN)
    return site


@pytest.fixture
def desk(app: Flask, paper: Site) -> FlaskClient:
    return at_the_desk(app)


@pytest.fixture
def folder(settings: dict[str, str]) -> Iterator[Path]:
    return Path(settings["TRANSFER_FOLDER"])


def an_export(comments: int = 3, origin: str = ORIGIN) -> bytes:
    text = page(*(comment(n, f"said {n}") for n in range(1, comments + 1)))
    return wxr(text).replace("https://example.com", origin).encode()


def press(desk: FlaskClient, job: int, action: str, **fields: str | list[str]) -> TestResponse:
    token = hidden(desk.get("/sites/paper/import"), "csrf_token")
    return desk.post(f"/sites/paper/transfers/{job}/{action}", data=fields | {"csrf_token": token}, headers=ENGLISH)


def begin(desk: FlaskClient, size: int, name: str = "my export.xml") -> TestResponse:
    fields = {"csrf_token": hidden(desk.get("/sites/paper/import"), "csrf_token"), "name": name, "size": size}
    return desk.post("/sites/paper/import", data=fields, headers=FETCH)


def send(desk: FlaskClient, to: str, at: int, data: bytes) -> TestResponse:
    token = hidden(desk.get("/sites/paper/import"), "csrf_token")
    headers = FETCH | {"X-CSRFToken": token, "Content-Type": "application/octet-stream"}
    return desk.post(f"{to}?at={at}", data=data, headers=headers)


def upload(desk: FlaskClient, data: bytes, name: str = "my export.xml") -> int:
    begun = begin(desk, len(data), name)
    assert begun.status_code == 201, begun.text
    assert send(desk, begun.json["part"], 0, data).json == {"received": len(data)}
    return int(begun.json["page"].rpartition("/")[2])


def export(desk: FlaskClient, form: str) -> int:
    fields = {"csrf_token": hidden(desk.get("/sites/paper/import"), "csrf_token"), "format": form}
    answer = desk.post("/sites/paper/export", data=fields, headers=ENGLISH)
    assert answer.status_code == 303, answer.text
    return int(answer.location.rpartition("/")[2])


def shown(desk: FlaskClient, job: int) -> str:
    answer = desk.get(f"/sites/paper/transfers/{job}", headers=ENGLISH)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def state_of(db_session: Session, id: int) -> Job:
    db_session.expire_all()
    job = db_session.get_one(Job, id)
    db_session.commit()
    return job


def bodies(db_session: Session) -> list[str]:
    found = sorted(each.body for each in db_session.query(Comment))
    db_session.commit()
    return found


def test_an_export_is_uploaded_checked_mapped_and_imported(
    desk: FlaskClient, db_session: Session, folder: Path, app: Flask
) -> None:
    data = gzip.compress(an_export(origin=OLD))
    begun = begin(desk, len(data)).json
    job = int(begun["page"].rpartition("/")[2])
    assert send(desk, begun["part"], 0, data[:100]).json == {"received": 100}
    # After a break the service says from where to go on; the same bytes are not added twice.
    again = send(desk, begun["part"], 0, data[:100])
    assert (again.status_code, again.json["received"]) == (409, 100)
    assert send(desk, begun["part"], 100, data[100:] + b"x").status_code == 409
    assert "100" not in state_of(db_session, job).file and "my export" not in next(folder.iterdir()).name
    assert send(desk, begun["part"], 100, data[100:]).json == {"received": len(data)}
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and file.read_bytes() == data
    assert (
        state_of(db_session, job).state == JobState.CHECKING and 'http-equiv="refresh"' in desk.get(begun["page"]).text
    )

    assert run_next()
    said = shown(desk, job)
    assert "Checked, ready to import" in said and "Pages 1" in said and "Number of people 3" in said and OLD in said
    assert bodies(db_session) == []
    assert press(desk, job, "check", old=[OLD], new=[ORIGIN]).status_code == 303
    assert run_next()
    assert OLD not in shown(desk, job).replace(f"{OLD}={ORIGIN}", "")
    assert press(desk, job, "start").status_code == 303
    assert press(desk, job, "start").status_code == 409
    assert run_next() and not run_next()
    assert bodies(db_session) == ["said 1", "said 2", "said 3"]
    assert {each.thread.key for each in db_session.query(Comment)} == {f"{ORIGIN}/1"}
    db_session.commit()
    done = state_of(db_session, job)
    assert (done.state, done.file, done.report["counts"]["imported"]) == (JobState.DONE, "", 3)
    assert not list(folder.iterdir())
    assert "Finished" in shown(desk, job) and "Started · Alice" in shown(desk, job)
    counts = done.report["counts"] | {"held": 2000, "teaches": {"approved": 2001, "spam": 2002}}
    done.report = done.report | {"counts": counts, "pages": [{"url": ORIGIN, "comments": 2003}]}
    db_session.commit()
    told = shown(desk, job)
    assert (
        "2,000 approved comments are held" in told and "2,001 approved and 2,002 spam" in told and "2,003 comm" in told
    )


def test_a_small_file_needs_no_script(desk: FlaskClient, db_session: Session, tmp_path: Path) -> None:
    file = tmp_path / "export.xml"
    file.write_bytes(an_export())
    token = hidden(desk.get("/sites/paper/import"), "csrf_token")
    answer = desk.post("/sites/paper/import", data={"csrf_token": token, "file": (file.open("rb"), "../../x.xml")})
    assert answer.status_code == 303 and run_next()
    job = int(answer.location.rpartition("/")[2])
    assert state_of(db_session, job).state == JobState.CHECKED


class Killed(BaseException):
    """The end of a worker's process."""


def interrupted(monkeypatch: pytest.MonkeyPatch, error: type[BaseException] | BaseException, after: int = 2) -> None:
    monkeypatch.setattr(load, "BATCH", 2)
    monkeypatch.setattr(job_runner, "SAVE_EVERY", 0.0)
    step = job_runner.Claimed.step

    def limited(self: job_runner.Claimed, progress: job_runner.Step) -> None:
        step(self, progress)
        if progress.phase == "writing" and progress.count >= after:
            raise error

    monkeypatch.setattr(job_runner.Claimed, "step", limited)


def started(desk: FlaskClient, comments: int = 5) -> int:
    job = upload(desk, an_export(comments))
    assert run_next()
    press(desk, job, "start")
    return job


def test_a_killed_workers_job_goes_on_in_another_one_and_adds_nothing_twice(
    desk: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = started(desk)
    with monkeypatch.context() as patch:
        interrupted(patch, Killed)
        with pytest.raises(Killed):
            run_next()
    db_session.rollback()
    assert len(bodies(db_session)) == 2 and not run_next(), "the claim still holds"
    state_of(db_session, job).claimed_at = now() - CLAIM_LEASE - timedelta(seconds=1)
    db_session.commit()
    assert run_next()
    assert len(bodies(db_session)) == 5
    counts = state_of(db_session, job).report["counts"]
    assert (counts["imported"], counts["unchanged"]) == (3, 2)


def test_a_worker_that_stops_gives_its_job_back(
    desk: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = started(desk)
    with monkeypatch.context() as patch:
        interrupted(patch, job_runner.WorkerStops)
        assert run_next()
    waiting = state_of(db_session, job)
    assert (waiting.state, waiting.claim, waiting.attempts) == (JobState.RUNNING, None, 0)
    assert run_next() and len(bodies(db_session)) == 5


def test_an_import_stops_at_the_next_step_and_can_go_on(
    desk: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = started(desk)
    step, pressed = job_runner.Claimed.step, []

    def pressing(self: job_runner.Claimed, progress: job_runner.Step) -> None:
        if progress.phase == "writing" and progress.count >= 2 and not pressed:
            pressed.append(press(desk, job, "stop").status_code)
        step(self, progress)

    with monkeypatch.context() as patch:
        patch.setattr(load, "BATCH", 2)
        patch.setattr(job_runner, "SAVE_EVERY", 0.0)
        patch.setattr(job_runner.Claimed, "step", pressing)
        assert run_next()
    assert pressed == [303] and state_of(db_session, job).state == JobState.STOPPED
    assert len(bodies(db_session)) == 2 and "nothing is added twice" in shown(desk, job)
    press(desk, job, "check")
    run_next()
    press(desk, job, "start")
    run_next()
    assert len(bodies(db_session)) == 5 and state_of(db_session, job).state == JobState.DONE


def test_a_job_that_ends_every_worker_is_given_up(desk: FlaskClient, db_session: Session) -> None:
    job = started(desk)
    state_of(db_session, job).attempts = MOST_ATTEMPTS
    db_session.commit()
    assert run_next()
    assert state_of(db_session, job).state == JobState.FAILED and "interrupted too often" in shown(desk, job)


def test_an_import_waits_for_another_one_of_the_same_comments(
    desk: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`flask import` may be at work; the page says so, and the import continues as often as needed."""
    job = started(desk)
    with monkeypatch.context() as patch:
        interrupted(patch, IntegrityError("INSERT", {}, Exception("duplicate key")))
        for _attempt in range(MOST_ATTEMPTS + 2):
            assert not run_next()
            waiting = state_of(db_session, job)
            assert (waiting.state, waiting.claim, waiting.attempts) == (JobState.RUNNING, None, 0)
            assert "Another import is writing the same comments" in shown(desk, job)
            assert not Job.claim_next("too early")
            waiting.claimed_at = now() - CLAIM_LEASE - timedelta(seconds=1)
            db_session.commit()
    assert run_next() and len(bodies(db_session)) == 5
    assert state_of(db_session, job).state == JobState.DONE


def test_a_waiting_import_stops_at_once_and_does_not_wait_forever(
    desk: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped, failed = started(desk), upload(desk, an_export(5))
    with monkeypatch.context() as patch:
        interrupted(patch, IntegrityError("INSERT", {}, Exception("duplicate key")))
        run_next()
        press(desk, stopped, "stop")
        assert state_of(db_session, stopped).state == JobState.STOPPED
        assert run_next()
        press(desk, failed, "start")
        state_of(db_session, failed).changed_at = now() - job_runner.LONGEST_WAIT - timedelta(seconds=1)
        db_session.commit()
        run_next()
    assert state_of(db_session, failed).state == JobState.FAILED and "for a day" in shown(desk, failed)


@pytest.mark.parametrize("form", sorted(exports.FORMATS))
def test_an_export_shows_its_share(
    app: Flask, desk: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """The number of lines is known before, so share, rate and time left can be shown."""
    reader, shares = Reader(app.test_client()), []
    for number in range(3):
        reader.post(f"said {number}")
    job = export(desk, form)
    monkeypatch.setattr(job_runner, "LINES", 1)
    monkeypatch.setattr(job_runner.Claimed, "step", lambda _self, step: shares.append(step.share))
    assert run_next() and state_of(db_session, job).state == JobState.DONE
    assert shares == sorted(shares) and shares[0] == 0 and 0.7 < shares[-1] < 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_wrong_mapping_is_shown_beside_its_field_and_everything_typed_stays(
    desk: FlaskClient, db_session: Session
) -> None:
    job = upload(desk, an_export(origin=OLD))
    run_next()
    typed = {"moves": "/a=/b\n<nonsense>", "old": [OLD], "new": ["https://new.example/?a=b"], "pingbacks": "1"}
    answer = press(desk, job, "check", **typed)
    assert answer.status_code == 422 and state_of(db_session, job).state == JobState.CHECKED
    page = answer.text
    field = page[page.index('id="moves"') :].partition("</p>")[0]
    assert 'aria-invalid="true"' in field and 'id="moves-error"' in field and "“&lt;nonsense&gt;” is not" in field
    assert "/a=/b\n&lt;nonsense&gt;</textarea>" in page and 'value="https://new.example/?a=b"' in page
    assert 'name="pingbacks" value="1" checked' in page and 'name="only_public" value="1" checked' not in page
    for changed in ({"new": ["a=b"]}, {"moves": "\n".join(["/a=/b"] * 51)}, {"moves": f"/a=/{'b' * 2_000}"}):
        fields = {"moves": "/a=/b", "old": [OLD], "new": [""]} | changed
        assert press(desk, job, "check", **fields).status_code == 422, changed
    assert "begins with https://" in press(desk, job, "check", old=[OLD], new=["a=b"]).text
    assert press(desk, job, "check", moves="/a=/b").status_code == 303
    assert press(desk, job, "check", moves="nonsense").status_code == 409, "it is being checked"


def test_a_second_worker_that_took_over_is_not_disturbed(
    desk: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = started(desk)
    step = job_runner.Claimed.step

    def lost(self: job_runner.Claimed, progress: job_runner.Step) -> None:
        self.claim = "another"
        step(self, progress)

    with monkeypatch.context() as patch:
        patch.setattr(job_runner.Claimed, "step", lost)
        assert run_next()
    assert state_of(db_session, job).state == JobState.RUNNING and bodies(db_session) == []


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"<!doctype html><title>Log in</title>", "a web page"),
        (b'{"format":"kaiwa","version":1,"tables":{}}\n', "restore it into a new site"),
        (b'<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><rss></rss>', "document type"),
        (gzip.compress(b"<rss>" + b" " * (150 << 20), 9), "suspiciously large"),
    ],
    ids=["a page", "an archive", "a document type", "a bomb"],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_refused_file_says_how_to_go_on(desk: FlaskClient, db_session: Session, data: bytes, sentence: str) -> None:
    job = upload(desk, data, name="<script>alert(1)</script>")
    assert run_next()
    assert state_of(db_session, job).state == JobState.FAILED
    assert sentence in shown(desk, job) and "<script>alert" not in desk.get(f"/sites/paper/transfers/{job}").text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_uploads_are_bounded(
    app: Flask, desk: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [begin(desk, size).status_code for size in ((1 << 20) + 1, 0)] == [413, 422]
    assert begin(desk, 1 << 19).status_code == 201
    monkeypatch.setitem(app.config, "TRANSFER_TOTAL_MB", 1)
    full = begin(desk, 1 << 20)
    assert full.status_code == 409 and "not enough space" in full.json["title"]
    assert [begin(desk, 10).status_code for _ in range(jobs.MOST_FILES)] == [201] * 4 + [409]


def test_the_archive_the_wxr_and_the_table_are_made_and_downloaded(
    app: Flask, desk: FlaskClient, db_session: Session, folder: Path, tmp_path: Path
) -> None:
    Reader(app.test_client()).post("to be exported")
    texts = {}
    for form in ("kaiwa", "wxr", "csv"):
        job = export(desk, form)
        assert press(desk, job, "download").status_code == 409 and run_next()
        answer = press(desk, job, "download")
        assert answer.status_code == 200 and "attachment" in answer.headers["Content-Disposition"]
        assert answer.headers["Cache-Control"] == "no-store" and int(answer.headers["Content-Length"]) == len(
            answer.data
        )
        assert "Downloaded · Alice" in shown(desk, job)
        texts[form] = answer.data
    assert all(b"to be exported" in each for each in texts.values())
    assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o600}
    archive = tmp_path / "paper.jsonl"
    archive.write_bytes(texts["kaiwa"])
    done = app.test_cli_runner().invoke(args=["import", str(archive), "--site", "copy", "--json"])
    assert done.exit_code == 0 and json.loads(done.stdout)["tables"]["comment"]["imported"] == 1
    assert press(desk, job, "discard").status_code == 303
    assert press(desk, job, "download").status_code == 409 and len(list(folder.iterdir())) == 2


def test_an_export_larger_than_the_space_fails_and_leaves_nothing(
    app: Flask, desk: FlaskClient, db_session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = export(desk, "kaiwa")
    monkeypatch.setattr(jobs, "free_bytes", lambda: 100)
    assert run_next()
    assert state_of(db_session, job).state == JobState.FAILED and "more space" in shown(desk, job)
    assert not list(folder.iterdir())


def test_files_expire_and_those_without_a_row_are_deleted(
    app: Flask, desk: FlaskClient, db_session: Session, folder: Path
) -> None:
    old, fresh = upload(desk, an_export()), upload(desk, an_export())
    run_next()
    half = int(begin(desk, 10).json["page"].rpartition("/")[2])
    for id in (old, half):
        state_of(db_session, id).changed_at = now() - timedelta(days=8)
        db_session.commit()
    orphan = folder / files.new_name()
    other = folder / "of another program"
    for each in (orphan, other):
        each.write_text("x")
        os.utime(each, (0, 0))
    db_session.commit()
    run_next()
    assert app.test_cli_runner().invoke(args=["upkeep", "prune"]).exit_code == 0
    assert [state_of(db_session, id).file != "" for id in (old, half, fresh)] == [False, False, True]
    assert state_of(db_session, half).state == JobState.STOPPED
    assert not orphan.exists() and other.exists() and len(list(folder.iterdir())) == 2
    assert "Delete file" not in shown(desk, old) and press(desk, old, "start").status_code == 409


def test_administrators_of_another_site_and_moderators_get_nothing(
    app: Flask, desk: FlaskClient, db_session: Session, paper: Site
) -> None:
    job = export(desk, "csv")
    run_next()
    other = a_site(db_session, "other")
    a_moderator(db_session, other, "olga", Role.OWNER)
    a_moderator(db_session, paper, "mia", Role.MODERATOR)
    for name, status in (("olga", 404), ("mia", 403)):
        colleague = at_the_desk(app, name)
        token = hidden(colleague.get("/moderate/log"), "csrf_token")
        for action in ("download", "discard", "start", "stop", "check", "part?at=0"):
            path = f"/sites/paper/transfers/{job}/{action}"
            assert colleague.post(path, data={"csrf_token": token}).status_code == status, action
        assert colleague.get(f"/sites/paper/transfers/{job}").status_code == status
        if name == "olga":
            assert (
                colleague.post(f"/sites/other/transfers/{job}/download", data={"csrf_token": token}).status_code == 404
            )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_of_the_file_is_logged(
    desk: FlaskClient, db_session: Session, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    job = upload(desk, an_export(), name="geheim-export.xml")
    run_next()
    press(desk, job, "start")
    run_next()
    logged = capfd.readouterr().err
    lines = [json.loads(line) for line in logged.splitlines() if '"transfer"' in line]
    assert [each["action"] for each in lines] == ["upload", "start"] and all(each["moderator"] for each in lines)
    assert "geheim" not in logged and "said 1" not in logged


def test_no_path_outside_the_folder_can_be_named(app: Flask) -> None:
    with app.app_context():
        for name in ("", "x", "../x", "/etc/passwd", files.new_name() + "/x", files.new_name() + "\n"):
            with pytest.raises(ValueError, match="not the name"):
                files.path_of(name)


def test_each_note_reason_and_refusal_has_its_words() -> None:
    assert {each.name for each in Note} == set(transfer_words.NOTES)
    assert {each.name for each in Reason} == set(transfer_words.REASONS)
    assert {each.name for each in Trouble} - {"NEWER", "SITE_IN_USE"} <= set(transfer_words.TROUBLES)
    assert set(JobState) == set(transfer_words.STATES) and set(Phase) < set(transfer_words.PHASES)


def test_approved_comments_of_the_import_are_public(app: Flask, desk: FlaskClient, db_session: Session) -> None:
    started(desk, 1)
    run_next()
    assert db_session.query(Comment).one().status == Status.APPROVED

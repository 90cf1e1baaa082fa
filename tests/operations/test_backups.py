"""Backups of both databases: encryption, retention, upload, restore drills, and their age."""

import json
import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.extensions import db
from app.lib.clock import now
from app.models import AuditEvent
from app.operations import age, backup_age, postgresql_dump
from tests.cast import Reader, a_site
from tests.services import Postgres

PASSWORD = "pass word'\\ü"


@pytest.fixture(autouse=True)
def _programs(app: Flask, postgres: Postgres) -> None:
    app.config["PG_BIN"] = str(postgres.binaries)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


def run(app: Flask, *words: object, code: int = 0) -> Result:
    done = app.test_cli_runner().invoke(args=["upkeep", *map(str, words)])
    assert done.exit_code == code, done.output
    return done


def told(app: Flask, *words: object) -> dict:
    return json.loads(run(app, *words, "--json").stdout)


def events(db_session: Session) -> list[str]:
    db_session.rollback()
    return [each.event for each in db_session.query(AuditEvent).order_by(AuditEvent.id) if "backup" in each.event]


def test_a_backup_is_made_checked_and_restored(app: Flask, db_session: Session, folder: Path) -> None:
    a_site(db_session)
    Reader(app.test_client()).post("Hello")
    kind = db.engine.dialect.name
    made = told(app, "backup", folder)
    file = Path(made["file"])
    assert file.suffix == {"sqlite": ".sqlite3", "postgresql": ".dump"}[kind] and made["kind"] == kind
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and [*folder.iterdir()] == [file]
    assert made["counts"] == {"site": 1, "thread": 1, "comment": 1, "author": 1, "decision": made["counts"]["decision"]}
    checked = told(app, "restore-check", file)
    assert checked["sha256"] == made["sha256"] and checked["current"] and checked["counts"] == made["counts"]
    said = run(app, "drill", folder).stdout
    assert said.startswith(f"Restored {file}: 1 comments, newest ") and said.rstrip().endswith(" seconds ago")
    drilled = told(app, "drill", file)
    assert drilled["counts"] == made["counts"] and drilled["current"] and drilled["newest_seconds"] < 600
    assert [*folder.iterdir()] == [file], "nothing temporary is left"
    assert events(db_session) == ["backup_made", "backup_checked", "backup_restored", "backup_restored"]
    if kind == "postgresql":
        query = text("SELECT count(*) FROM pg_database WHERE datname LIKE 'kaiwa_drill%'")
        assert db_session.scalar(query) == 0


def test_an_encrypted_backup_is_read_with_its_key_only(app: Flask, db_session: Session, folder: Path) -> None:
    a_site(db_session, "secret-site-key")
    key, other = folder / "key", folder / "other key"
    public = run(app, "backup-key", key).stdout.strip()
    run(app, "backup-key", other)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    app.config["BACKUP_RECIPIENTS"] = public
    made = told(app, "backup", folder / "one.age")
    file = Path(made["file"])
    assert made["encrypted"] and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"secret-site-key" not in file.read_bytes() and file.read_bytes().startswith(age.START)
    assert told(app, "restore-check", file, "--identity", key)["counts"] == made["counts"]
    assert told(app, "drill", file, "--identity", key)["counts"]["site"] == 1
    plain = folder / "plain"
    run(app, "decrypt", file, plain, "--identity", key)
    assert stat.S_IMODE(plain.stat().st_mode) == 0o600
    assert told(app, "restore-check", plain)["counts"] == made["counts"]
    assert "--identity" in run(app, "drill", file, code=1).output
    assert "Could not decrypt" in run(app, "drill", file, "--identity", other, code=1).output
    assert "no secret key" in run(app, "drill", file, "--identity", plain, code=1).output
    assert "not encrypted" in run(app, "decrypt", plain, folder / "x", "--identity", key, code=1).output
    assert "already exists" in run(app, "decrypt", file, plain, "--identity", key, code=1).output
    assert {path.name for path in folder.iterdir()} == {"key", "other key", "one.age", "plain"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_other_programs_read_the_encrypted_backup(app: Flask, folder: Path) -> None:
    program = shutil.which("age")
    if not program:
        pytest.skip("the program age is not installed: apt install age")
    app.config["BACKUP_RECIPIENTS"] = run(app, "backup-key", folder / "key").stdout.strip()
    run(app, "backup", folder / "one.age")
    command = [program, "--decrypt", "--identity", folder / "key", "--output", folder / "one", folder / "one.age"]
    subprocess.run(command, check=True)
    assert told(app, "restore-check", folder / "one")["current"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_changed_encrypted_backup_is_refused(app: Flask, folder: Path) -> None:
    app.config["BACKUP_RECIPIENTS"] = run(app, "backup-key", folder / "key").stdout.strip()
    run(app, "backup", folder / "one.age")
    whole = (folder / "one.age").read_bytes()
    for spoiled in (whole[:-1], whole[:300], whole[:-9] + b"x" + whole[-8:]):
        (folder / "one.age").write_bytes(spoiled)
        assert "Could not decrypt" in run(app, "drill", folder / "one.age", "--identity", folder / "key", code=1).output
    assert {path.name for path in folder.iterdir()} == {"key", "one.age"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_retention_deletes_old_backups_and_nothing_else(
    app: Flask, db_session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = ["notes.txt", "kaiwa-2026.sqlite3", "kaiwa-20260101T000000Z.sqlite3.txt", "xkaiwa-20260101T000000Z.dump"]
    ours = [f"kaiwa-2026010{day}T000000Z.{end}" for day, end in ((1, "dump"), (2, "sqlite3"), (3, "sqlite3.age"))]
    for name in (*others, *ours):
        (folder / name).write_text("x")
    (folder / "kaiwa-20260104T000000Z.dump").mkdir()
    made = told(app, "backup", folder, "--keep", 2)
    assert made["deleted"] == [str(folder / name) for name in ours[:2]]
    left = {path.name for path in folder.iterdir()}
    assert left == {*others, ours[2], "kaiwa-20260104T000000Z.dump", Path(made["file"]).name}
    app.config["BACKUP_KEEP"] = 1
    monkeypatch.setattr("app.operations.backup_folder.now", lambda: now() + timedelta(seconds=1))
    assert len(told(app, "backup", folder)["deleted"]) == 2
    assert "needs a folder" in run(app, "backup", folder / "file", "--keep", 2, code=2).output
    # Made before the clock was set back.
    (folder / "kaiwa-20990101T000000Z.sqlite3").write_text("x")
    monkeypatch.setattr("app.operations.backup_folder.now", lambda: now() + timedelta(seconds=2))
    assert Path(told(app, "backup", folder, "--keep", 1)["file"]).exists()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_a_killed_run_has_left_is_deleted_after_a_day(app: Flask, folder: Path) -> None:
    name = "kaiwa-20260101T000000Z.sqlite3"
    ours = [f".{name}.copy.7", f".{name}.encrypted.7", f".{name}.age.plain.7", ".kaiwa-drill-abc_1"]
    others = [".notes.plain.7", f"{name}.copy.7", f".{name}.copy.7x", ".kaiwa-drill"]
    (folder / ours[-1]).mkdir()
    for each in (*ours, *others):
        if not (folder / each).is_dir():
            (folder / each).write_text("x")
        os.utime(folder / each, (0, 0))
    (folder / f".{name}.copy.8").write_text("of a run that goes on")
    run(app, "backup", folder / "one")
    assert (folder / ours[0]).exists(), "only in a folder of backups"
    run(app, "backup", folder)
    left = {path.name for path in folder.iterdir() if path.suffix != ".sqlite3"}
    assert left == {*others, f".{name}.copy.8", "one"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_upload_gets_the_path_without_a_shell_and_its_failure_is_told(
    app: Flask, db_session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "canary")
    script = "import sys, os, pathlib; pathlib.Path(sys.argv[1]).write_text(repr(sys.argv[2:]) + str(dict(os.environ)))"
    seen = folder.parent / "seen; touch pwned $(id)"
    app.config["BACKUP_COMMAND"] = [sys.executable, "-c", script, str(seen), "a b"]
    odd = folder / "$(touch pwned) 'x'.sqlite3"
    run(app, "backup", odd)
    assert seen.read_text().startswith(repr(["a b", str(odd)])) and "canary" not in seen.read_text()
    assert not (folder.parent / "pwned").exists() and not Path("pwned").exists()
    for command, sentence in (
        (["false"], "ended with exit code 1"),
        (shlex.split("sh -c 'exit 7'"), "ended with exit code 7"),
        (["/no/such/program"], "could not be run"),
    ):
        (folder / "kaiwa-20260101T000000Z.dump").write_text("x")
        app.config["BACKUP_COMMAND"] = command
        file = folder / f"{len(sentence)}-{len(command)}.sqlite3"
        output = run(app, "backup", file, code=1).output
        assert sentence in output and file.exists()
    assert (folder / "kaiwa-20260101T000000Z.dump").exists(), "nothing is deleted if the upload failed"
    assert events(db_session) == ["backup_made", *["backup_failed"] * 3]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_password_is_no_argument(app: Flask, db_session: Session, folder: Path, tmp_path: Path) -> None:
    """A pg_dump that tells how it was called."""
    seen, programs = tmp_path / "seen", tmp_path / "programs"
    programs.mkdir()
    fake = programs / "pg_dump"
    fake.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump (PostgreSQL) 99.1" && exit\n'
        f'{{ echo "$@"; env; }} > {seen}\nexit 3\n'
    )
    fake.chmod(0o755)
    app.config["PG_BIN"] = str(programs)
    url = db.engine.url.set(password=PASSWORD)
    arguments = postgresql_dump._connection(url)
    assert PASSWORD not in arguments and "pass" not in arguments
    assert postgresql_dump._environment(url)["PGPASSWORD"] == PASSWORD
    assert "PGPASSWORD" not in postgresql_dump._environment()
    assert "exit code 3" in run(app, "backup", folder / "one", code=1).output
    assert "SECRET_KEY" not in seen.read_text() and "--format=custom" in seen.read_text()
    assert not [*folder.iterdir()]


def test_a_dump_is_restored_on_another_server(
    app: Flask, db_session: Session, folder: Path, postgres: Postgres
) -> None:
    """Also from an installation with SQLite."""
    a_site(db_session)
    db_session.commit()
    server = postgres.url("postgres").replace("postgresql+psycopg://", "postgresql://")
    file = folder / "one.dump"
    if db.engine.dialect.name == "postgresql":
        run(app, "backup", file)
        assert told(app, "drill", file, "--into", server)["counts"]["site"] == 1
    else:
        file.write_bytes(b"PGDMP")
        assert "pg_restore failed" in run(app, "drill", file, "--into", server, code=1).output
    for wrong, sentence in (("nonsense", "no address"), ("sqlite:///x", "must be a PostgreSQL server")):
        assert sentence in run(app, "drill", file, "--into", wrong, code=1).output
    assert "temporary database" in run(app, "drill", file, "--into", server + "&port=1", code=1).output


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_backup_that_is_stopped_leaves_no_copy(
    app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def stopped(*_words: object) -> None:
        assert [*folder.iterdir()]
        os.kill(os.getpid(), number)

    monkeypatch.setattr("app.operations.age.encrypt", stopped)
    app.config["BACKUP_RECIPIENTS"] = "age1" + "q" * 58
    # Below `nohup`, SIGHUP would be ignored.
    before = signal.signal(number, signal.SIG_DFL)
    try:
        run(app, "backup", folder, code=128 + number)
        assert not [*folder.iterdir()] and signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_dump_that_is_stopped_ends_its_program(app: Flask, folder: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    fake = tmp_path / "pg_dump"
    fake.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump (PostgreSQL) 99.1" && exit\n'
        f"echo $$ > {seen}; sleep 0.3; kill -TERM $PPID; exec sleep 60\n"
    )
    fake.chmod(0o755)
    app.config["PG_BIN"] = str(tmp_path)
    run(app, "backup", folder, code=143)
    with pytest.raises(ProcessLookupError):
        os.kill(int(seen.read_text()), 0)
    assert not [*folder.iterdir()]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_missing_database_is_not_made(app: Flask, folder: Path) -> None:
    with app.app_context():
        file = Path(str(db.engine.url.database))
        db.engine.dispose()
    file.rename(folder / "away")
    assert "Could not copy" in run(app, "backup", folder / "one", code=1).output
    assert not (folder / "one").exists()
    (folder / "away").rename(file)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_older_pg_dump_and_a_missing_one_are_named(app: Flask, folder: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    app.config["PG_BIN"] = str(old)
    assert "pg_dump was not found" in run(app, "backup", folder / "one", code=1).output
    (old / "pg_dump").write_text('#!/bin/sh\necho "pg_dump (PostgreSQL) 9.6.24"\n')
    (old / "pg_dump").chmod(0o755)
    output = run(app, "backup", folder / "one", code=1).output
    assert "pg_dump 9 cannot" in output and "postgresql-client-" in output
    assert not [*folder.iterdir()]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_that_is_away_is_named(app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    monkeypatch.setattr("app.models.keyring.trouble", away)
    assert "does not answer: connection refused" in run(app, "backup", folder, code=1).output


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_damaged_dump_is_named(app: Flask, db_session: Session, folder: Path) -> None:
    a_site(db_session)
    db_session.commit()
    run(app, "backup", folder / "one")
    whole = (folder / "one").read_bytes()
    for spoiled in (whole[: len(whole) // 2], whole[:100], b"PGDMP", b"hello", b"", os.urandom(4096)):
        (folder / "one").write_bytes(spoiled)
        for command in ("restore-check", "drill"):
            output = run(app, command, folder / "one", code=1).output
            assert "pg_restore failed" in output or "not a Kaiwa backup" in output


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_dump_needs_a_server_for_its_drill(app: Flask, folder: Path) -> None:
    (folder / "one").write_bytes(b"PGDMP")
    assert "--into" in run(app, "drill", folder / "one", code=1).output
    assert "no backup" in run(app, "drill", folder, code=1).output
    assert "does not exist" in run(app, "drill", folder / "nothing", code=1).output
    for words in (["backup"], ["restore-check"], ["drill"]):
        assert "File name too long" in run(app, *words, folder / ("x" * 300), code=1).output


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_age_of_backup_and_drill_is_checked(
    app: Flask, db_session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def codes() -> set[str]:
        found = json.loads(app.test_cli_runner().invoke(args=["check", "--json"]).output)["findings"]
        return {each["code"] for each in found} & {"backup", "restore-drill"}

    def later(**time: int) -> None:
        moment = now() + timedelta(**time)
        monkeypatch.setattr("app.operations.backup_age.now", lambda: moment)

    a_site(db_session)
    db_session.commit()
    run(app, "restore-check", folder / "nothing", code=1)
    app.test_cli_runner().invoke(args=["site", "set", "paper", "timezone=UTC"])
    assert codes() == set(), "a new installation"
    later(hours=49)
    assert codes() == {"backup"}
    run(app, "backup", folder)
    later(hours=47)
    assert codes() == set()
    later(days=91)
    assert codes() == {"backup"}
    app.config["BACKUP_MAX_HOURS"] = 0
    assert codes() == set(), "another program makes the backups"
    app.config["BACKUP_MAX_HOURS"] = 8760
    assert codes() == {"restore-drill"}
    run(app, "drill", folder)
    later(days=89)
    assert codes() == set()
    with app.app_context():
        assert backup_age.ages().tried_at is not None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_recount_tells_its_result_in_words_too(app: Flask) -> None:
    assert run(app, "recount").output == "corrected  0\n"

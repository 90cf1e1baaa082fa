"""The operator asks what is set up wrong, and clears away what is done with."""

import ipaddress
import json
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.lib.clock import now
from app.models import Heartbeat, Knowledge, LoginAttempt, Site
from tests.cast import a_moderator, a_site
from tests.services import ROOT, _clean_environment, free_port


def codes(app: Flask) -> set[str]:
    done = app.test_cli_runner().invoke(args=["check", "--json"])
    answer = json.loads(done.output)
    assert done.exit_code == (0 if answer["ok"] else 1)
    assert answer["ok"] == (not answer["findings"])
    assert all(finding["mend"] for finding in answer["findings"])
    return {finding["code"] for finding in answer["findings"]}


@pytest.fixture
def healthy(app: Flask, db_session: Session, tmp_path: Path) -> Site:
    # The checkout's own instance folder is as its developer left it.
    app.instance_path = str(tmp_path / "instance")
    app.config["SECRET_KEY"] = "0123456789abcdef" * 4
    site = a_site(db_session)
    a_moderator(db_session, site)
    Heartbeat.beat("worker")
    db_session.commit()
    return site


def test_nothing_is_found_where_all_is_well(app: Flask, healthy: Site) -> None:
    assert codes(app) == set()


def test_each_mistake_is_found(app: Flask, healthy: Site, db_session: Session) -> None:
    settings = dict(app.config)
    for name, value, code in (
        ("SECRET_KEY", "k" * 64, "secret-key"),
        ("PUBLIC_URL", "http://comments.example", "public-url"),
        ("PUBLIC_URL", "https://comments.example", "proxies"),
        ("TRUSTED_PROXIES", [ipaddress.ip_network("0.0.0.0/0")], "proxies-everybody"),
        ("MAIL_URL", "", "mail-unset"),
        ("MAIL_URL", f"smtp://127.0.0.1:{free_port()}", "mail-server"),
    ):
        app.config[name] = value
        assert codes(app) == {code}
        app.config[name] = settings[name]
    healthy.origins = []
    a_site(db_session, "empty")
    db_session.execute(text("DELETE FROM heartbeat"))
    db_session.commit()
    assert codes(app) == {"site-origins", "site-moderators", "worker"}


def test_a_filter_that_cannot_be_read_is_found_and_its_mend_mends_it(
    app: Flask, healthy: Site, db_session: Session
) -> None:
    Knowledge.replace(healthy.id, b"damaged", seen=0)
    db_session.commit()
    (found,) = json.loads(app.test_cli_runner().invoke(args=["check", "--json"]).output)["findings"]
    assert (found["code"], found["mend"]) == ("filter", "flask upkeep retrain --site paper")
    assert app.test_cli_runner().invoke(args=found["mend"].split()[1:]).exit_code == 0
    assert codes(app) == set()


def test_a_database_without_its_tables_is_found(app: Flask, healthy: Site, db_session: Session) -> None:
    db_session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    db_session.commit()
    assert codes(app) == {"migrations"}


def test_pruning_forgets_the_old_and_keeps_the_new(app: Flask, db_session: Session) -> None:
    for days in (0, 1, 3, 9):
        db_session.add(LoginAttempt(subject="s", made_at=now() - timedelta(days=days)))
    db_session.commit()
    done = app.test_cli_runner().invoke(args=["upkeep", "prune", "--json"])
    assert json.loads(done.output)["login_attempts"] == 2
    assert db_session.query(LoginAttempt).count() == 2


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_stops_cleanly_and_is_seen_until_then(app: Flask, db_session: Session, how: signal.Signals) -> None:
    given = {name: app.config[name] for name in ("DATABASE_URL", "SECRET_KEY", "MAIL_URL")}
    command = [sys.executable, "-m", "flask", "worker"]
    worker = subprocess.Popen(command, cwd=ROOT, env=_clean_environment() | given, stderr=subprocess.PIPE)
    end = time.monotonic() + 20
    while Heartbeat.is_late():
        assert time.monotonic() < end
        db_session.rollback()
        time.sleep(0.1)
    db_session.rollback()
    worker.send_signal(how)
    _, log = worker.communicate(timeout=20)
    assert worker.returncode == 0, log
    assert [json.loads(line)["event"] for line in log.splitlines()] == ["worker started", "worker stopped"]
    assert Heartbeat.last_seen() is None


def test_a_file_that_cannot_be_evaluated_is_refused_with_its_line(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"

    def evaluate(content: bytes):
        file.write_bytes(content)
        return app.test_cli_runner().invoke(args=["upkeep", "evaluate", str(file), "--json"])

    fine = b'{"text": "", "label": "ok"}\n\n{"text": "win \\ud800", "label": "spam"}\n'
    told = json.loads(evaluate(b"\xef\xbb\xbf" + fine).output)
    assert (told["rows"], told["spam"], told["auroc_after_500"]) == (2, 1, None)
    assert json.loads(evaluate(b"").output)["rows"] == 0
    for bad in (
        b"[]",
        b"7",
        b'"text"',
        b"{}",
        b'{"text": null, "label": "spam"}',
        b'{"text": "a", "label": 1}',
        b"{",
        b"\xff",
    ):
        answer = evaluate(fine + bad + b"\n")
        assert answer.exit_code == 1 and "Line" in answer.output, bad

"""`flask check` reports configuration errors; `flask prune` deletes expired rows."""

import ipaddress
import json
import signal
import subprocess
import sys
import time
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import create_app
from app.cli import worker
from app.cli.tasks import LONGEST_PAUSE_S, Task
from app.extensions import db
from app.lib.clock import now
from app.models import Heartbeat, Moderator, RateLimit, Site, SpamModel
from app.version import VERSION
from tests.cast import a_moderator, a_site
from tests.services import ROOT, START_LIMIT, _clean_environment, free_port


def codes(app: Flask) -> set[str]:
    done = app.test_cli_runner().invoke(args=["check", "--json"])
    answer = json.loads(done.output)
    assert done.exit_code == (0 if answer["ok"] else 1)
    assert answer["ok"] == (not answer["findings"])
    assert answer["version"] == VERSION
    assert all(finding["fix"] for finding in answer["findings"])
    return {finding["code"] for finding in answer["findings"]}


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return settings | {"SECRET_KEY": "0123456789abcdef" * 4}


@pytest.fixture
def healthy(app: Flask, db_session: Session, tmp_path: Path) -> Site:
    # The developer's own instance folder may be in any state.
    app.instance_path = str(tmp_path / "instance")
    app.config["PUBLIC_URL"] = "https://comments.paper.example"
    app.config["TRUSTED_PROXIES"] = [ipaddress.ip_network("127.0.0.1/32")]
    app.config["MAIL_FROM"] = "Paper <comments@mail.paper-press.jp>"
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
        ("PUBLIC_URL", "http://comments.example", "public-url"),
        ("PUBLIC_URL", "http://127.0.0.1:8000", "public-url-unset"),
        ("TRUSTED_PROXIES", [], "proxies"),
        ("MAIL_FROM", "kaiwa@localhost", "mail-from"),
        ("MAIL_FROM", "comments@example.org", "mail-from"),
        ("MAIL_FROM", "Paper <paper.jp>", "mail-from"),
        ("MAIL_FROM", "", "mail-from"),
        ("TRUSTED_PROXIES", [ipaddress.ip_network("0.0.0.0/0")], "proxies-everybody"),
        ("MAIL_URL", "", "mail-unset"),
        ("MAIL_URL", f"smtp://127.0.0.1:{free_port()}", "mail-server"),
    ):
        app.config[name] = value
        assert codes(app) == {code}
        app.config[name] = settings[name]
    app.config["SECRET_KEY"] = "k" * 64
    assert codes(app) == {"secret-key", "keys", "unreadable"}
    app.config["SECRET_KEY"] = settings["SECRET_KEY"]
    healthy.origins = []
    a_site(db_session, "empty")
    db_session.execute(text("DELETE FROM heartbeat"))
    db_session.commit()
    assert codes(app) == {"site-origins", "site-moderators", "worker"}


def test_a_default_time_zone_is_reported(app: Flask, healthy: Site) -> None:
    runner = app.test_cli_runner()
    added = ["site", "add", "blog", "--name", "Blog", "--origin", "https://b.example", "--lang", "en"]
    assert "UTC" in runner.invoke(args=added).output
    assert codes(app) == {"site-moderators", "timezone"}
    runner.invoke(args=["site", "set", "blog", "timezone=UTC"])
    assert codes(app) == {"site-moderators"}
    for more in (["--lang", "ja"], ["--lang", "en", "--timezone", "Europe/London"]):
        key = f"blog-{more[1]}"
        done = runner.invoke(args=["site", "add", key, "--name", "B", "--origin", "https://b.example", *more])
        assert done.exit_code == 0 and "UTC" not in done.output
    assert codes(app) == {"site-moderators"}


def test_a_host_that_public_url_does_not_know_is_found(tmp_path: Path, settings: dict[str, str]) -> None:
    forgotten = create_app(settings | {"PUBLIC_URL": "http://127.0.0.1:8000"}, instance=tmp_path / "instance")
    client = forgotten.test_client()
    for host in ("127.0.0.1:8000", "localhost", "bad host/", "x" * 300, ""):
        client.get("/healthz", headers={"Host": host})
    assert "public-url-host" not in codes(forgotten)
    client.get("/healthz", headers={"Host": "Comments.Paper.example"})
    client.get("/healthz", headers={"Host": "later.example"})  # one note a minute
    assert "public-url-host" in codes(forgotten)
    assert (tmp_path / "instance" / "seen_host").read_text() == "comments.paper.example"
    with forgotten.app_context():
        db.engine.dispose()


def test_a_demo_in_production_is_found_and_its_mend_mends_it(app: Flask, healthy: Site, db_session: Session) -> None:
    """As earlier versions did, with one database for both."""
    demo = a_site(db_session, "demo")
    account = a_moderator(db_session, demo, "demo")
    account.email, account.email_index = "demo@example.org", Moderator.index_of("demo@example.org")
    db_session.commit()
    assert codes(app) == {"demo"}
    assert app.test_cli_runner().invoke(args=["site", "remove", "demo", "--yes"]).exit_code == 0
    assert codes(app) == set()


def test_the_demo_does_not_get_into_a_database_that_serves_others(
    app: Flask, healthy: Site, db_session: Session
) -> None:
    done = app.test_cli_runner().invoke(args=["demo", "seed"])
    assert done.exit_code == 1 and "DEMO_DATABASE_URL" in done.output
    assert db_session.query(Moderator).filter_by(email_index=Moderator.index_of("demo@example.org")).count() == 0


def test_make_run_and_make_serve_have_databases_of_their_own() -> None:
    def database(target: str, **given: str) -> str:
        printed = (
            "-f",
            "Makefile",
            "-f",
            "-",
            "--no-print-directory",
            "-s",
            "-o",
            ".venv/.run",
            "-o",
            ".venv/bin/python",
        )
        show = "FLASK := @echo $$DATABASE_URL \\\\#\n"
        done = subprocess.run(
            ["make", *printed, target], input=show, capture_output=True, text=True, cwd=ROOT,
            env=_clean_environment() | given,
        )  # fmt: skip
        return done.stdout.splitlines()[0] if done.stdout else done.stderr

    own = f"sqlite:///{ROOT}/instance/demo.sqlite3"
    assert own in database("run") and own in database("run", DATABASE_URL="postgresql://production/kaiwa")
    assert "demo" not in database("serve") and "production" in database(
        "serve", DATABASE_URL="postgresql://production/k"
    )


def test_a_filter_that_cannot_be_read_is_found_and_its_mend_mends_it(
    app: Flask, healthy: Site, db_session: Session
) -> None:
    SpamModel.replace(healthy.id, b"damaged", seen=0)
    db_session.commit()
    (found,) = json.loads(app.test_cli_runner().invoke(args=["check", "--json"]).output)["findings"]
    assert (found["code"], found["fix"]) == ("filter", "flask upkeep retrain --site paper")
    assert app.test_cli_runner().invoke(args=found["fix"].split()[1:]).exit_code == 0
    assert codes(app) == set()


def test_a_database_without_its_tables_is_found(app: Flask, healthy: Site, db_session: Session) -> None:
    db_session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    db_session.commit()
    assert codes(app) == {"migrations"}


def test_pruning_forgets_the_old_and_keeps_the_new(app: Flask, db_session: Session) -> None:
    for minutes in (-30, -5, 5, 30):
        due = now() + timedelta(minutes=minutes)
        db_session.add(RateLimit(subject=f"s{minutes}", due_ms=int(due.timestamp() * 1000)))
    db_session.commit()
    done = app.test_cli_runner().invoke(args=["upkeep", "prune", "--json"])
    assert json.loads(done.output)["limits"] == 2
    assert db_session.query(RateLimit).count() == 2


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_stops_cleanly_and_is_seen_until_then(app: Flask, db_session: Session, how: signal.Signals) -> None:
    given = {name: app.config[name] for name in ("DATABASE_URL", "SECRET_KEY", "MAIL_URL")}
    command = [sys.executable, "-m", "flask", "worker"]
    process = subprocess.Popen(command, cwd=ROOT, env=_clean_environment() | given, stderr=subprocess.PIPE)
    end = time.monotonic() + START_LIMIT
    while Heartbeat.is_late():
        assert time.monotonic() < end
        db_session.rollback()
        time.sleep(0.1)
    db_session.rollback()
    process.send_signal(how)
    _, log = process.communicate(timeout=START_LIMIT)
    assert process.returncode == 0, log
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


def test_a_task_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch, app: Flask, db_session: Session) -> None:
    ran: list[str] = []

    def broken() -> bool:
        raise RuntimeError("broken")

    tasks = [Task("broken", broken), Task("fine", lambda: bool(ran.append("fine")))]
    beat = Task("heartbeat", worker._heartbeat("worker 1", tasks))
    monkeypatch.setattr("app.cli.tasks.FIRST_PAUSE_S", 0.0)
    assert worker._turn([*tasks, beat]) == worker._turn(tasks) == worker.PAUSE
    assert ran == ["fine", "fine"] and tasks[0].failures == 2
    assert (Heartbeat.state(), Heartbeat.failing_tasks()) == ("failing", ["broken"])
    assert app.test_client().get("/readyz").json["worker"] == "failing"
    assert "worker-failing" in codes(app)
    tasks[0].run = lambda: False
    worker._turn(tasks)
    assert tasks[0].failures == 0


def test_the_worker_deletes_restored_rate_limits(app: Flask, db_session: Session) -> None:
    due = {"restored": now() - timedelta(seconds=1), "used": now() + timedelta(hours=1)}
    rows = [RateLimit(subject=name, due_ms=int(moment.timestamp() * 1000)) for name, moment in due.items()]
    db_session.add_all(rows)
    db_session.commit()
    assert worker._limits_cleaner()() is False
    assert [*db_session.scalars(select(RateLimit.subject))] == ["used"]


def test_a_task_that_fails_is_tried_more_and_more_rarely(monkeypatch: pytest.MonkeyPatch, app: Flask) -> None:
    clock, tries = [100.0], []

    def broken() -> bool:
        tries.append(clock[0])
        raise RuntimeError("broken")

    monkeypatch.setattr(worker.time, "monotonic", lambda: clock[0])
    task = Task("broken", broken)
    with app.app_context():
        while clock[0] < 300:
            task.try_now()
            clock[0] += 1
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert pauses == sorted(pauses) and pauses[0] == 1 and pauses[-1] == LONGEST_PAUSE_S


def test_a_worker_that_keeps_dying_is_seen(app: Flask, db_session: Session) -> None:
    for number in range(4):
        # Workers that started and were killed.
        then = now() - timedelta(minutes=number)
        db_session.add(Heartbeat(worker=f"worker {number}", started_at=then, seen_at=then))
    db_session.commit()
    assert Heartbeat.state() == "restarting"
    assert app.test_client().get("/readyz").json["worker"] == "restarting"
    assert "kaiwa_worker_deaths 3.0" in app.test_client().get("/metrics").text
    assert "worker-deaths" in codes(app)
    for number in range(1, 4):
        Heartbeat.stop(f"worker {number}")
    db_session.commit()
    assert Heartbeat.state() == "ok"

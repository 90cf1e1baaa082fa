"""Metrics: conventional names, bounded labels, counters that only grow, and figures of the whole installation."""

import json
import re
import struct
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.desk import gauges
from app.extensions import db
from app.lib import metrics
from app.lib.clock import now
from app.models import Delivery, Heartbeat, Moderator, Webhook, WebhookDelivery, audit
from app.models.audit import Event, Who
from app.models.delivery import TO_CHECKER
from app.models.unsent import WEBHOOKS
from app.models.webhook_delivery import About
from app.notify import outbox, webhook_sender
from bench import service
from tests.cast import Reader, a_site
from tests.services import ROOT, START_LIMIT, Live, _clean_environment
from tests.statements import recorded

CANARY = "canary-1f2e"
FEW = 24  # statements of one scrape


def figures(client: FlaskClient) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels."""
    families = list(text_string_to_metric_families(client.get("/metrics").text))
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def grown(before: dict[tuple[str, ...], float], client: FlaskClient) -> dict[tuple[str, ...], float]:
    """Changes since then."""
    return {name: value - before.get(name, 0) for name, value in figures(client).items() if value != before.get(name)}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_names_and_types_are_conventional(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    Reader(client).post("Hello")
    families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}
    assert len(families) > 30
    for name, family in families.items():
        assert re.fullmatch(r"kaiwa_[a-z_]+", name) and family.documentation.endswith("."), name
        assert family.type in ("counter", "gauge", "histogram"), name
        endings = {sample.name.removeprefix(name) for sample in family.samples}
        assert endings <= {"counter": {"_total"}, "gauge": {""}}.get(family.type, {"_bucket", "_count", "_sum"}), name
        assert family.type == "counter" or not name.endswith("_total"), name


def test_requests_posts_and_statements_are_counted(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    before = figures(client)
    hanako = Reader(client)
    hanako.post("one")
    hanako.post("one")
    hanako.get_thread()
    now_seen = grown(before, client)
    assert now_seen["kaiwa_http_requests_total", "POST", "/embed/comments", "201"] == 2
    assert now_seen["kaiwa_http_request_duration_seconds_count", "/embed/comments"] == 2
    assert now_seen["kaiwa_http_requests_total", "GET", "/embed/thread", "200"] == 1
    assert (now_seen["kaiwa_posts_total", "approved"], now_seen["kaiwa_posts_total", "repeated"]) == (1, 1)
    assert now_seen["kaiwa_screening_duration_seconds_count",] == 2
    assert len([name for name, *_check in now_seen if name == "kaiwa_check_seconds_total"]) > 5
    assert now_seen["kaiwa_database_statement_duration_seconds_count",] > 5
    assert now_seen["kaiwa_comments", "approved"] == 1
    assert all(value >= 0 for (name, *_labels), value in now_seen.items() if name.endswith(("_total", "_count")))
    db_session.rollback()
    with db.engine.connect():
        in_use = figures(client)["kaiwa_database_connections_in_use",]
    assert in_use == figures(client)["kaiwa_database_connections_in_use",] + 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_paths_and_methods_of_strangers_make_no_series(client: FlaskClient) -> None:
    for number in range(20):
        client.get(f"/{CANARY}/{number}?{CANARY}=1")
        client.get(f"/act/{CANARY}{number}")
        client.open("/embed/thread", method=f"{CANARY}{number}".upper())
    shown = client.get("/metrics").text
    assert CANARY not in shown.lower()
    assert re.search(r'kaiwa_http_requests_total{method="GET",route="unknown",status="404"} \d\d', shown)
    assert 'method="other"' in shown and 'route="/act/<token>"' in shown


def test_the_queue_is_counted_by_lane_with_the_oldest(
    client: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_site(db_session, hold_all=True)
    hanako = Reader(client)
    for number in range(3):
        hanako.post(f"comment {number}")
    found = figures(client)
    assert sum(value for (name, *_lane), value in found.items() if name == "kaiwa_queue_comments") == 3
    assert max(value for (name, *_lane), value in found.items() if name == "kaiwa_queue_oldest_seconds") > 0
    lanes = {lane for name, *labels in found for lane in labels if name == "kaiwa_queue_comments"}
    assert lanes == {"urgent", "review", "fine", "spam"}
    monkeypatch.setattr(gauges, "MOST", 2)
    counted = figures(client)
    assert sum(value for (name, *_lane), value in counted.items() if name == "kaiwa_queue_comments") == 2


def test_the_outbox_is_counted_by_kind(app: Flask, client: FlaskClient, db_session: Session) -> None:
    due = now() - timedelta(seconds=60)
    for number, kind in enumerate(("answer", "answer", "invitation")):
        db_session.add(Delivery(kind=kind, message_id=f"<{number}@x>", due_at=due))
    db_session.add(Delivery(kind="flood", message_id="<9@x>", due_at=now() + timedelta(hours=1)))
    db_session.commit()
    before = figures(client)
    assert all(("kaiwa_outbox_deliveries_total", kind, "gave_up") in before for kind in (*outbox.COMPOSE, "checkers"))
    assert (before["kaiwa_outbox_waiting", "answer"], before["kaiwa_outbox_waiting", "flood"]) == (2, 1)
    assert 60 <= before["kaiwa_outbox_lag_seconds", "answer"] < 120 and before["kaiwa_outbox_lag_seconds", "flood"] == 0
    first = db_session.query(Delivery).filter_by(kind="invitation").one()
    outbox._try_again(first, "421 try later", outbox.TRIES)
    for number in (17, 18):
        asked = Delivery(kind=f"{TO_CHECKER}{number}", message_id=f"<{number}@x>", due_at=due, attempts=1)
        db_session.add(asked)
        db_session.flush()
        outbox._try_again(asked, "503", outbox.TRIES)
    db_session.commit()
    after = grown(before, client)
    assert after["kaiwa_outbox_failing", "invitation"] == 1
    assert after["kaiwa_outbox_deliveries_total", "invitation", "failed"] == 1
    assert after["kaiwa_outbox_deliveries_total", "checkers", "failed"] == 2
    assert not any(TO_CHECKER in label for _name, *labels in after for label in labels)
    assert figures(client)["kaiwa_outbox_lag_seconds", "invitation"] >= 60


def test_deliveries_to_webhooks_are_counted_as_one_kind(client: FlaskClient, db_session: Session) -> None:
    site, due = a_site(db_session), now() - timedelta(seconds=60)
    webhooks = [Webhook(site_id=site.id, name=name, address="", secret="") for name in ("well", "away")]
    db_session.add_all(webhooks)
    db_session.flush()
    for webhook, attempts, since in zip(webhooks, (0, 3), (due, due - timedelta(hours=1)), strict=True):
        webhook.failures = attempts
        db_session.add(
            WebhookDelivery(
                site_id=site.id, webhook_id=webhook.id, event="ping", message_id=webhook.name, about=About.SITE,
                about_id=site.id, attempts=attempts, due_at=since,
            )
        )  # fmt: skip
    db_session.commit()
    before = figures(client)
    assert (before["kaiwa_outbox_waiting", WEBHOOKS], before["kaiwa_outbox_failing", WEBHOOKS]) == (2, 1)
    assert 60 <= before["kaiwa_outbox_lag_seconds", WEBHOOKS] < 120, "that of a receiver which is away does not count"
    assert ("kaiwa_outbox_deliveries_total", WEBHOOKS, "gave_up") in before
    for webhook in webhooks:
        webhook_sender.run_once(webhook.id)
    assert grown(before, client)["kaiwa_outbox_deliveries_total", WEBHOOKS, "failed"] >= 1


def test_failed_log_ins_are_counted(client: FlaskClient, alice: Moderator, app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    before = figures(client)
    for _ in range(7):
        client.post("/login", data={"email": "stranger@paper.example", "password": "wrong horse battery"})
    counted = grown(before, client)
    assert counted["kaiwa_login_failures_total", "password"] == 5
    assert counted["kaiwa_login_failures_total", "limited"] == 2


def test_workers_and_backups_are_told(client: FlaskClient, db_session: Session) -> None:
    before = figures(client)
    assert before["kaiwa_backup_timestamp_seconds",] == before["kaiwa_workers",] == before["kaiwa_backup_due",] == 0
    Heartbeat.beat("worker", ["search"])
    audit.record(Event.BACKUP_MADE, by=Who.OPERATOR)
    audit.record(Event.BACKUP_RESTORED, by=Who.OPERATOR)
    db_session.commit()
    found = figures(client)
    assert (found["kaiwa_workers",], found["kaiwa_worker_task_failing", "search"]) == (1, 1)
    for name in ("backup", "restore_drill"):
        assert abs(found[f"kaiwa_{name}_timestamp_seconds",] - now().timestamp()) < 60
    assert found["kaiwa_backup_max_age_seconds",] == 48 * 3600
    assert found["kaiwa_restore_drill_max_age_seconds",] == 90 * 86_400
    client.application.config["BACKUP_MAX_HOURS"] = 0
    assert figures(client)["kaiwa_restore_drill_max_age_seconds",] == 0, "another program makes the backups"
    assert found["kaiwa_database_size_bytes",] > 0 and found["kaiwa_disk_free_bytes",] > 0
    assert found["kaiwa_database_up",] == found["kaiwa_database_writable",] == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_the_database_the_rest_is_told(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down() -> None:
        raise OperationalError("SELECT", {}, Exception("away"))

    monkeypatch.setattr(gauges, "_PARTS", (down,))
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert "kaiwa_database_up 0.0\n" in answer.text and "kaiwa_http_requests_total{" in answer.text
    assert "kaiwa_disk_free_bytes" in answer.text


def test_a_scrape_has_few_statements(app: Flask, client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    db_session.commit()
    with recorded(db.engine) as asked:
        assert client.get("/metrics").status_code == 200
    assert 10 < len(asked) <= FEW


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_counts_of_a_long_queue_and_outbox_read_their_indexes(client: FlaskClient, db_session: Session) -> None:
    """SQLite has no statistics: the plan is the same at any size."""
    with service.recorded_statements(client.application) as asked:
        client.get("/metrics")
    connection = db_session.connection()
    plans = {
        query: [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", given)]
        for query, given in asked
        if query.startswith("SELECT")
    }
    read = {step for steps in plans.values() for step in steps if re.match(r"(SCAN|SEARCH) (comment|delivery)\b", step)}
    small = re.compile(r"INDEX ix_(comment_waiting|delivery_(due|failed|finished)) ?")
    assert [step for step in read if not small.search(step)] == []
    assert any("ix_delivery_failed" in step for step in read)
    assert all("LIMIT" in query or "min(" in query for query, steps in plans.items() if read.intersection(steps))


# Without the rest of the application, which takes seconds to import.
METRICS = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("metrics", "app/lib/metrics.py")
metrics = module_from_spec(spec)
spec.loader.exec_module(metrics)
"""
COUNT = """
metrics.UNCOUNTED.inc()
metrics.IN_USE.inc()
print(metrics._Slot.number, flush=True)
sys.stdin.read()
"""


def test_processes_share_a_folder_and_a_successor_continues_the_counters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = _clean_environment() | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")}

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", METRICS + COUNT]
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def number(process: subprocess.Popen[str]) -> int:
        assert process.stdout
        return int(process.stdout.readline())

    first, second = start(), start()
    assert {number(first), number(second)} == {0, 1}
    first.kill()
    first.communicate(timeout=START_LIMIT)
    third = start()
    assert number(third) in (0, 1)
    shown = subprocess.run(
        [sys.executable, "-c", METRICS + "print(metrics.exposition(()).decode())"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for process in (second, third):
        process.communicate("", timeout=START_LIMIT)
    assert "kaiwa_uncounted_requests_total 3.0\n" in shown, "also that of the killed process"
    assert "kaiwa_database_connections_in_use 2.0\n" in shown, "not that of the killed process"
    assert len(list((tmp_path / "metrics").glob("counter_*.db"))) == 3
    monkeypatch.setattr(metrics, "FOLDER", str(tmp_path / "metrics"))
    ended = metrics.exposition(()).decode()
    assert "kaiwa_uncounted_requests_total 3.0\n" in ended and "connections_in_use" not in ended


def test_files_that_cannot_be_read_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another user, new, or cut off. This user may be root, who may read all files: a folder cannot be read."""
    environment = _clean_environment() | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    (tmp_path / "counter_0.db").write_bytes(struct.pack("iixxxx", 4096, 9999))
    command = [sys.executable, "-c", METRICS + "metrics.UNCOUNTED.inc()"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    (tmp_path / "counter_1.db").mkdir()
    (tmp_path / "counter_2.db").touch()
    (tmp_path / "histogram_3.db").write_bytes(struct.pack("iixxxx", 4096, 9999))
    (tmp_path / "gauge_sum_4.db").write_bytes(bytes(100))
    monkeypatch.setattr(metrics, "FOLDER", str(tmp_path))
    assert "kaiwa_uncounted_requests_total 1.0\n" in metrics.exposition(()).decode()


@pytest.mark.torture
def test_all_processes_of_a_service_are_in_one_scrape(start_kaiwa: Callable[..., Live]) -> None:
    live = start_kaiwa(workers=2)
    end = now() + timedelta(seconds=START_LIMIT)
    shown = ""
    while 'kaiwa_worker_runs_total{result="ok",task="heartbeat"}' not in shown:
        assert now() < end, shown
        shown = _read(f"{live.url}/metrics")
    for _ in range(40):
        _read(f"{live.url}/embed.js")
    before = _counted(_read(f"{live.url}/metrics"), "kaiwa_page_cache_requests_total")
    assert before >= 1
    # New connections go to both processes.
    for _ in range(200):
        _read(f"{live.url}/embed.js")
    assert _counted(_read(f"{live.url}/metrics"), "kaiwa_page_cache_requests_total") > before


def _read(url: str) -> str:
    with urllib.request.urlopen(url) as answer:  # noqa: S310
        return str(answer.read().decode())


def _counted(text: str, name: str) -> float:
    return sum(float(value) for value in re.findall(rf"^{name}{{[^}}]*}} (\S+)$", text, re.MULTILINE))


# What the dashboard and the alerts use


def queries() -> dict[str, str]:
    dashboard = json.loads((ROOT / "deploy/grafana/kaiwa.json").read_text())
    rules = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"][0]["rules"]
    shown = {
        f"{panel['title']} {each['refId']}": each["expr"]
        for panel in dashboard["panels"]
        for each in panel.get("targets", [])
    }
    return shown | {rule["alert"]: rule["expr"] for rule in rules}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_each_metric_of_the_dashboard_and_the_alerts_exists(
    client: FlaskClient, db_session: Session, sqlite_url: str
) -> None:
    del sqlite_url
    named = {name for query in queries().values() for name in re.findall(r"\bkaiwa_[a-z_]+", query)}
    assert len(named) > 30
    known = {name for name, *_labels in _all_samples(client, db_session)}
    assert named - known - ONLY_SQLITE - ONLY_WITH_A_REPLICA == set()


ONLY_SQLITE = {"kaiwa_database_wal_bytes"}
# tests/test_replica.py reads them.
ONLY_WITH_A_REPLICA = {"kaiwa_replica_up", "kaiwa_replica_lag_seconds"}


def _all_samples(client: FlaskClient, db_session: Session) -> dict[tuple[str, ...], float]:
    """A scrape after something of each kind has happened."""
    a_site(db_session, hold_all=True)
    Reader(client).post("Hello")
    metrics.note_run("counts", 0.1, failed=True)
    metrics.note_delivery("answer", "gave up")
    metrics.BUSY.labels("read")
    Heartbeat.beat("worker", ["counts"])
    db_session.add(Delivery(kind="answer", message_id="<1@x>"))
    db_session.commit()
    return figures(client)


def test_each_alert_has_a_runbook() -> None:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"][0]["rules"]
    page = (ROOT / "docs/observability.md").read_text()
    headings = set(re.findall(r"^### (Kaiwa\w+)$", page, re.MULTILINE))
    assert headings == {rule["alert"] for rule in rules}
    for rule in rules:
        assert rule["annotations"]["runbook"] == f"docs/observability.md#{rule['alert'].lower()}"


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = _clean_environment() | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "file")}
    done = subprocess.run([sys.executable, "-c", METRICS], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and f"PROMETHEUS_MULTIPROC_DIR={tmp_path / 'file'} cannot be used" in done.stderr

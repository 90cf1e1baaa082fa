"""The alert rules and the queries of the dashboard, in Prometheus itself."""

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cast import a_site
from tests.inside import database_of
from tests.services import ROOT, START_LIMIT, Live, _stop, free_port, wait_until

RULES = ROOT / "deploy/prometheus/alerts.yml"
HOURS = 5  # minutes of the series: 60 times so many
# Series that fire an alert; values as promtool writes them.
FIRING = {
    "KaiwaDown": {'up{job="kaiwa"}': "0x300"},
    "KaiwaDatabaseDown": {"kaiwa_database_up": "0x300"},
    "KaiwaDatabaseNotWritable": {"kaiwa_database_writable": "0x300"},
    "KaiwaErrors": {
        'kaiwa_http_requests_total{status="200"}': "0+10x300", 'kaiwa_http_requests_total{status="503"}': "0+1x300",
    },
    "KaiwaBusy": {'kaiwa_http_busy_total{pool="read"}': "0+30x300"},
    "KaiwaSlowPages": {
        'kaiwa_http_request_duration_seconds_bucket{route="/thread",le="1.0"}': "0+1x300",
        'kaiwa_http_request_duration_seconds_bucket{route="/thread",le="5.0"}': "0+10x300",
        'kaiwa_http_request_duration_seconds_bucket{route="/thread",le="+Inf"}': "0+10x300",
    },
    "KaiwaSlowDatabase": {
        'kaiwa_database_statement_duration_seconds_bucket{le="0.1"}': "0+1x300",
        'kaiwa_database_statement_duration_seconds_bucket{le="0.5"}': "0+10x300",
        'kaiwa_database_statement_duration_seconds_bucket{le="+Inf"}': "0+10x300",
    },
    "KaiwaReplicaNotUsed": {
        'kaiwa_replica_reads_total{outcome="away"}': "0+600x300",
        'kaiwa_replica_reads_total{outcome="replica"}': "0+60x300",
    },
    "KaiwaSlowScreening": {
        'kaiwa_screening_duration_seconds_bucket{le="1.0"}': "0+1x300",
        'kaiwa_screening_duration_seconds_bucket{le="5.0"}': "0+10x300",
        'kaiwa_screening_duration_seconds_bucket{le="+Inf"}': "0+10x300",
    },
    "KaiwaUncountedRequests": {"kaiwa_uncounted_requests_total": "0+30x300"},
    "KaiwaWorkerMissing": {"kaiwa_workers": "0x300"},
    "KaiwaWorkerCrashes": {"kaiwa_worker_deaths": "3x300"},
    "KaiwaWorkerTaskFails": {'kaiwa_worker_task_failing{task="search"}': "1x300"},
    "KaiwaOutboxLate": {'kaiwa_outbox_lag_seconds{kind="answer"}': "1000x300"},
    "KaiwaOutboxGivesUp": {'kaiwa_outbox_deliveries_total{kind="answer",outcome="gave_up"}': "0x270 1x30"},
    "KaiwaUrgentCommentWaits": {'kaiwa_queue_oldest_seconds{lane="urgent"}': "20000x300"},
    "KaiwaQueueGrows": {
        'kaiwa_queue_comments{lane="review"}': "900x300", 'kaiwa_queue_comments{lane="spam"}': "200x300",
    },
    "KaiwaLoginFailures": {'kaiwa_login_failures_total{step="password"}': "0+10x300"},
    "KaiwaDiskAlmostFull": {"kaiwa_disk_free_bytes": "5x300", "kaiwa_disk_size_bytes": "100x300"},
    "KaiwaWalGrows": {"kaiwa_database_wal_bytes": "2000000000x300"},
    "KaiwaBackupOld": {"kaiwa_backup_due": "1x300"},
    "KaiwaRestoreDrillOld": {"kaiwa_restore_drill_due": "1x300"},
}  # fmt: skip
QUIET = {
    'up{job="kaiwa"}': "1x300",
    "kaiwa_database_up": "1x300",
    "kaiwa_database_writable": "1x300",
    'kaiwa_http_requests_total{status="200"}': "0+1000x300",
    'kaiwa_http_requests_total{status="503"}': "0+1x300",
    'kaiwa_http_busy_total{pool="read"}': "0x300",
    'kaiwa_replica_reads_total{outcome="away"}': "0+60x300",
    'kaiwa_replica_reads_total{outcome="replica"}': "0+600x300",
    'kaiwa_http_request_duration_seconds_bucket{route="/thread",le="1.0"}': "0+10x300",
    'kaiwa_http_request_duration_seconds_bucket{route="/thread",le="+Inf"}': "0+10x300",
    "kaiwa_workers": "1x300",
    "kaiwa_worker_deaths": "0x300",
    'kaiwa_outbox_lag_seconds{kind="answer"}': "10x300",
    'kaiwa_outbox_deliveries_total{kind="answer",outcome="gave_up"}': "3x300",
    'kaiwa_queue_comments{lane="review"}': "900x300",
    'kaiwa_queue_oldest_seconds{lane="urgent"}': "60x300",
    'kaiwa_login_failures_total{step="password"}': "0+1x300",
    "kaiwa_disk_free_bytes": "50x300",
    "kaiwa_disk_size_bytes": "100x300",
    "kaiwa_database_wal_bytes": "4000000x300",
    "kaiwa_backup_due": "0x300",
    "kaiwa_restore_drill_due": "0x300",
}


def promtool(*words: object) -> str:
    program = shutil.which("promtool")
    if not program:
        pytest.skip("promtool is not installed: apt install prometheus")
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def a_case(series: dict[str, str], fired: list[str]) -> dict[str, Any]:
    firing = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in fired]
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{HOURS}h",
                "exp_samples": firing,
            }
        ],
    }


@pytest.mark.torture
def test_each_alert_fires_for_its_reason_and_none_without(tmp_path: Path) -> None:
    assert FIRING.keys() == {each["alert"] for each in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]}
    tests = [a_case(series, [name]) for name, series in FIRING.items()] + [a_case(QUIET, [])]
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"rule_files": [str(RULES)], "tests": tests}))
    assert "SUCCESS" in promtool("test", "rules", tmp_path / "tests.yml")
    assert "SUCCESS" in promtool("check", "config", ROOT / "deploy/prometheus/prometheus.yml")


# Queries without a value where nothing has failed and there is no backup, nor PostgreSQL.
EMPTY = ("Errors and refusals", "Failing tasks", "Age of backup and drill", "Write-ahead log of PostgreSQL",
         "Waiting deliveries", "Delay of the outbox", "Deliveries by outcome", "Lag of the replica")  # fmt: skip


@pytest.mark.torture
def test_the_queries_run_in_prometheus(start_kaiwa: Callable[..., Live], tmp_path: Path) -> None:
    program = shutil.which("prometheus")
    if not program:
        pytest.skip("Prometheus is not installed: apt install prometheus")
    kaiwa = start_kaiwa(workers=2)
    with database_of(kaiwa) as session:
        a_site(session, origins=["https://paper.example"])
        session.commit()
    port, log = free_port(), tmp_path / "log"
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(RULES)]
    config["scrape_configs"][0]["static_configs"] = [{"targets": [urllib.parse.urlsplit(kaiwa.url).netloc]}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [program, f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}",
               f"--web.listen-address=127.0.0.1:{port}"]  # fmt: skip
    with log.open("wb") as written:
        process = subprocess.Popen(command, stdout=written, stderr=written)
        try:
            server = f"http://127.0.0.1:{port}"
            wait_until(lambda: is_ready(server), "Prometheus", log, process)
            until = time.monotonic() + START_LIMIT
            while not (asked(server, "rate(kaiwa_http_requests_total[10s])") and asked(server, "kaiwa_workers > 0")):
                assert time.monotonic() < until, log.read_text()
                visit(kaiwa)
                time.sleep(0.2)
            for _ in range(20):
                visit(kaiwa)
                time.sleep(0.2)
            until = time.monotonic() + START_LIMIT
            while empty := [title for title, query in dashboard() if title not in EMPTY and not asked(server, query)]:
                assert time.monotonic() < until, empty
                visit(kaiwa)
                time.sleep(0.2)
            alerts = read(f"{server}/api/v1/rules")["data"]["groups"][0]["rules"]
            assert len(alerts) == len(FIRING) and {each["health"] for each in alerts} == {"ok"}
        finally:
            _stop(process)


def visit(kaiwa: Live) -> None:
    page = urllib.parse.urlencode({"site": "paper", "url": "https://paper.example/a"})
    with urllib.request.urlopen(f"{kaiwa.url}/embed/thread?{page}") as answer:  # noqa: S310
        answer.read()
    body = urllib.parse.urlencode(
        {"site": "paper", "url": "https://paper.example/a", "name": "Hanako", "email": "h@readers.example",
         "body": f"Hello {time.monotonic()}"}
    ).encode()  # fmt: skip
    request = urllib.request.Request(f"{kaiwa.url}/embed/comments", body, {"Origin": "https://paper.example"})  # noqa: S310
    try:
        urllib.request.urlopen(request).close()  # noqa: S310
    except urllib.error.HTTPError as refused:
        assert refused.code == 429, refused.read()


def dashboard() -> list[tuple[str, str]]:
    panels = json.loads((ROOT / "deploy/grafana/kaiwa.json").read_text())["panels"]
    fill = {"$__rate_interval": "10s", "$instance": ".*"}
    return [
        (panel["title"], re.sub(r"\$__rate_interval|\$instance", lambda found: fill[found[0]], each["expr"]))
        for panel in panels
        for each in panel.get("targets", [])
    ]


def asked(server: str, query: str) -> list[Any]:
    found = read(f"{server}/api/v1/query?{urllib.parse.urlencode({'query': query})}")
    assert found["status"] == "success", query
    return list(found["data"]["result"])


def read(url: str) -> Any:
    with urllib.request.urlopen(url) as answer:  # noqa: S310
        return json.loads(answer.read())


def is_ready(server: str) -> bool:
    try:
        with urllib.request.urlopen(f"{server}/-/ready"):  # noqa: S310
            return True
    except OSError:
        return False

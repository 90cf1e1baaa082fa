"""Health and metrics endpoints, and request logs without personal data."""

import json
import re
from datetime import timedelta
from ipaddress import ip_network

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import downgrade, upgrade
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.extensions import db
from app.lib.clock import now
from app.models import Delivery, Heartbeat
from app.notify import outbox, reply_email
from app.operations import storage
from app.version import VERSION
from tests.cast import Reader, a_site

CANARY = "canary.reader@secret.example"


def test_it_is_alive_and_ready(client: FlaskClient, db_session: Session) -> None:
    assert client.get("/healthz").json == {"alive": True, "version": VERSION}
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {
        "ready": True, "database": "ok", "migrations": "ok", "keys": "ok", "worker": "late", "worker_lag_seconds": 0,
    }  # fmt: skip
    Heartbeat.beat("worker")
    db_session.commit()
    assert client.get("/readyz").json["worker"] == "ok"
    assert answer.headers["Cache-Control"] == "no-store"


def test_it_is_not_ready_before_the_migrations(client: FlaskClient, db_session: Session) -> None:
    db_session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    db_session.commit()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["migrations"]) == (503, "behind")


def test_figures_are_there_for_the_monitor(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session, hold_all=True)
    Reader(client, email=CANARY).post("Hello")
    answer = client.get("/metrics")
    assert answer.mimetype == "text/plain"
    assert 'kaiwa_comments{status="pending"} 1.0\n' in answer.text
    assert 'kaiwa_decisions{actor="screening"} 1.0\n' in answer.text
    assert CANARY not in answer.text


@pytest.mark.parametrize("bearer", ["", "Bearer ", "Bearer wrong", "Bearer é", "s3cret"])
def test_strangers_see_no_figures(app: Flask, client: FlaskClient, bearer: str) -> None:
    app.config["METRICS_TOKEN"] = "s3cret"
    from_afar = {"REMOTE_ADDR": "203.0.113.9"}
    given = {"Authorization": "Bearer s3cret"}
    assert client.get("/metrics", environ_base=from_afar, headers={"Authorization": "bearer s3cret"}).status_code == 200
    assert client.get("/metrics", environ_base=from_afar, headers=given).status_code == 200
    headers = {"Authorization": bearer}
    assert client.get("/metrics", environ_base=from_afar, headers=headers).status_code == 404


def test_an_unset_token_opens_nothing(client: FlaskClient) -> None:
    answer = client.get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.9"}, headers={"Authorization": "Bearer "})
    assert answer.status_code == 404


LOOPBACK, STRANGER = "127.0.0.1", "203.0.113.9"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("trusted", "peer", "headers", "status"),
    [
        ("127.0.0.1/32", LOOPBACK, {}, 200),
        ("127.0.0.1/32", "::ffff:127.0.0.1", {}, 200),
        ("127.0.0.1/32", LOOPBACK, {"X-Forwarded-For": LOOPBACK}, 200),
        ("127.0.0.1/32", LOOPBACK, {"X-Forwarded-For": STRANGER}, 404),
        ("127.0.0.1/32", "::ffff:127.0.0.1", {"X-Forwarded-For": STRANGER}, 404),
        ("127.0.0.1/32", LOOPBACK, {"X-Forwarded-For": f"{LOOPBACK}, {STRANGER}"}, 404),
        ("127.0.0.1/32", LOOPBACK, {"X-Forwarded-For": "unknown"}, 404),
        ("127.0.0.1/32", LOOPBACK, {"X-Forwarded-For": f"{STRANGER}, "}, 404),
        ("127.0.0.1/32", LOOPBACK, {"X-Forwarded-Proto": "https"}, 404),
        ("127.0.0.1/32", LOOPBACK, {"Forwarded": f"for={LOOPBACK}"}, 404),
        # This proxy is not configured: its header is not trusted.
        ("", LOOPBACK, {}, 200),
        ("", LOOPBACK, {"X-Forwarded-For": STRANGER}, 404),
        ("", LOOPBACK, {"X-Forwarded-For": LOOPBACK}, 404),
        ("", LOOPBACK, {"X-Real-IP": LOOPBACK}, 404),
        ("", LOOPBACK, {"Via": "1.1 proxy"}, 404),
        ("", STRANGER, {"X-Forwarded-For": LOOPBACK}, 404),
        ("", "", {}, 404),
    ],
)
def test_figures_are_for_the_client_not_for_its_proxy(
    app: Flask, client: FlaskClient, trusted: str, peer: str, headers: dict[str, str], status: int
) -> None:
    app.config["TRUSTED_PROXIES"] = [ip_network(trusted)] if trusted else []
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": peer}, headers=headers).status_code == status


def _lines(err: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in err.splitlines()]


def test_each_request_is_one_line_without_anybodys_data(
    client: FlaskClient, db_session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    a_site(db_session, hold_all=True)
    capsys.readouterr()
    Reader(client, email=CANARY).post("Hello", headers={"User-Agent": f"{CANARY}\x1b[31m"})
    client.get(f"/act/{CANARY}?token=s3cret", environ_base={"REMOTE_ADDR": "203.0.113.9"})
    client.get(f"/nowhere/{CANARY}%0d%0aforged")
    client.open("/healthz", method="EVIL")
    err = capsys.readouterr().err
    lines = _lines(err)
    assert [(line["method"], line["route"]) for line in lines] == [
        ("POST", "/embed/comments"), ("GET", "/act/<token>"), ("GET", ""), ("other", ""),
    ]  # fmt: skip
    assert all(isinstance(line["ms"], float) and line["id"] for line in lines)
    for secret in (CANARY, "s3cret", "203.0.113", "forged", "\x1b", "\\u001b"):
        assert secret not in err


def test_a_crash_is_one_line_with_its_place_and_without_its_values(
    app: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    def crash() -> str:
        raise RuntimeError(f"no room for {CANARY} from 203.0.113.9 or 2001:db8::1\r\nforged")

    app.add_url_rule("/crash", view_func=crash)
    answer = app.test_client().get("/crash")
    assert answer.status_code == 500
    (line,) = _lines(capsys.readouterr().err)
    assert (line["status"], line["level"], line["id"]) == (500, "ERROR", answer.headers["X-Request-Id"])
    assert "crash" in str(line["error"])
    for secret in (CANARY, "203.0.113.9", "2001:db8", "\\r"):
        assert secret not in json.dumps(line)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_server_that_only_reads_is_named(app: Flask, client: FlaskClient, db_session: Session) -> None:
    name = db_session.execute(text("SELECT current_database()")).scalar_one()
    db_session.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    db_session.commit()
    db.engine.dispose()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["database"]) == (200, "read-only")
    assert "read-only, 25006 ReadOnlySqlTransaction" in app.test_cli_runner().invoke(args=["check", "--json"]).output
    assert storage.try_to_write().startswith("25006")


def test_a_failed_write_is_named_afterwards(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        storage.note("53100 DiskFull")
    assert client.get("/readyz").json["database"] == "full"


def test_an_email_that_is_refused_shows_in_the_lag_and_is_counted(client: FlaskClient, db_session: Session) -> None:
    """The next try is scheduled for later, but the email counts as overdue."""
    due = now() - timedelta(seconds=60)
    db_session.add(Delivery(kind="answer", message_id="<1@x>", due_at=due))
    db_session.commit()
    for _ in range(3):
        delivery = db_session.query(Delivery).one()
        outbox._try_again(delivery, "421 try later", outbox.TRIES)
        db_session.commit()
        assert delivery.due_at > now()
        db_session.commit()
        assert 60 <= client.get("/readyz").json["worker_lag_seconds"] < 120
        figures = client.get("/metrics").text
        assert 'kaiwa_outbox_failing{kind="answer"} 1.0\n' in figures
        lag = re.search(r'kaiwa_outbox_lag_seconds{kind="answer"} (\S+)', figures)
        assert lag and 60 <= float(lag[1]) < 120
    delivery = db_session.query(Delivery).one()
    delivery.finish("sent")
    db_session.commit()
    assert client.get("/readyz").json["worker_lag_seconds"] == 0
    assert "kaiwa_outbox_failing{" not in client.get("/metrics").text


def test_an_email_that_is_not_due_yet_is_no_lag(client: FlaskClient, db_session: Session) -> None:
    db_session.add(Delivery(kind="answer", message_id="<1@x>", due_at=now() + timedelta(hours=1)))
    db_session.commit()
    assert client.get("/readyz").json["worker_lag_seconds"] == 0


def test_emails_to_subscribers_are_late_only_when_none_is_sent(client: FlaskClient, db_session: Session) -> None:
    """Thousands are due at once, and are sent one after the other."""

    def lag() -> int:
        db_session.commit()
        return int(client.get("/readyz").json["worker_lag_seconds"])

    due = now() - timedelta(seconds=600)
    rows = [Delivery(kind=reply_email.KIND, message_id=f"<{n}@x>", due_at=due) for n in range(4)]
    db_session.add_all(rows)
    assert 600 <= lag() < 660
    rows[0].finish("sent")
    assert lag() < 60
    rows[0].done_at = now() - timedelta(seconds=300)
    assert 300 <= lag() < 360
    # Other emails do not wait for them, and a failed try is late since it was due first.
    rows[1].finish("sent")
    db_session.add(Delivery(kind="answer", message_id="<5@x>", due_at=due + timedelta(seconds=60)))
    assert 540 <= lag() < 600
    rows[2].fail()
    rows[2].retry(timedelta(hours=1), "421 try later")
    assert 600 <= lag() < 660


def test_the_version_before_serves_readers_while_machines_are_upgraded(
    app: Flask, client: FlaskClient, db_session: Session
) -> None:
    """A newer version has migrated: this one stays ready, and its `flask db upgrade` before a restart does nothing."""
    a_site(db_session)
    db_session.execute(text("UPDATE alembic_version SET version_num = '0999_of_a_newer_version'"))
    db_session.commit()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["migrations"], answer.json["keys"]) == (200, "ahead", "ok")
    assert Reader(client).post("Written by the version before").status_code == 201
    upgrade()
    with pytest.raises(SystemExit):
        downgrade(revision="-1")
    db_session.rollback()
    assert db_session.scalar(text("SELECT version_num FROM alembic_version")) == "0999_of_a_newer_version"

"""Both clients with a service: a whole moderation session, on both databases."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from kaiwa_client import Kaiwa
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from app.transfer.job_runner import run_next
from tests.cast import PAGE, a_site, a_token
from tests.clients.scripted import BUSY, DECISION, GONE, LIMITED, Answer, scripted
from tests.clients.session import moderate
from tests.services import ROOT, running_kaiwa

CANARY = "kw_CanaryOfTheToken0123456789"


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def token(db_session: Session) -> str:
    paper = a_site(db_session, hold_all=True, lang="en")
    return a_token(db_session, paper)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_whole_session_by_the_python_client(app: Flask, token: str) -> None:
    """The service is known by another address than the client uses: `Link` leads there, and the client stays here."""
    with serving(app) as url, app.app_context():
        moderate(Kaiwa(url, token), Kaiwa(url), work=run_next)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_documented_example_runs(app: Flask, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/clients.md").read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    with serving(app) as url:
        posted = Kaiwa(url).comments.post(
            site="paper", url=PAGE, name="Hanako", email="h@readers.example", body="Hello"
        )
        exec(example.replace("https://comments.example.org", url).replace("kw_...", token), {})  # noqa: S102
        assert Kaiwa(url, token).comments.show(posted["comment"]["id"])["status"] == "approved"
    assert Path("log.csv").read_text().endswith(f",{posted['comment']['id']},approved\n")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_both_clients_with_the_running_service(
    app: Flask,
    token: str,
    settings: dict[str, str],
    tmp_path: Path,
    compiled: Path,
    run: Callable[..., dict[str, Any]],
) -> None:
    given = {name: settings[name] for name in ("DATABASE_URL", "SECRET_KEY", "MAIL_URL", "TRANSFER_FOLDER")}
    with running_kaiwa(tmp_path, given, migrated=True) as live:
        moderate(Kaiwa(live.url, token), Kaiwa(live.url), work=lambda: None)
        told = run(compiled, "session", live.url, token, PAGE)
        logged = live.log.read_text()
    assert "/api/v1/exports" in logged and "readers.example" not in logged and token not in logged
    assert (
        told["decided"] == ["approved", "approved", "pending"]
        and told["same"]
        and told["conflict"] == [409, "rejected"]
    )
    assert told["queue"] >= 3 and told["pages"] == told["queue"] and told["stream"] == told["log"] > 10
    assert told["exported"] and told["unknown"] == [404, "not_found"] and token not in json.dumps(told)


def test_the_typescript_client_with_wrong_answers(compiled: Path, run: Callable[..., dict[str, Any]]) -> None:
    """As test_trouble.py for the Python client."""
    with scripted() as server:
        server.tell("/comments/42/decisions", LIMITED, BUSY, GONE, DECISION)
        server.tell("/exports/7/download", GONE)
        server.tell("/queue", Answer(200, b" " * 40 + b"{}", pause=0.1))
        server.tell("/token", Answer(200, b"{", length=9))
        server.tell("/settings", Answer(302, b"", {"Location": f"{server.url}/api/v1/elsewhere"}))
        server.tell("/reports", Answer(500, b"<html>"))
        server.tell("/log.jsonl", Answer(200, b'{"id": 1}\n{"error": "broken off"}\n'))
        following = {"Link": '<http://elsewhere.example/?after=9>; rel="next"'}
        server.tell("/comments", Answer(200, b'{"comments": [{"id": 1}]}', following))
        told = run(compiled, "trouble", server.url, CANARY)
    assert (told["decision"], told["refused"], told["led"]) == ({"id": 7}, 7, 0) and CANARY not in json.dumps(told)
    assert [name for name, _shown in told["failed"]] == ["NoAnswer"] * 4 + ["Problem", "NoAnswer", "NoAnswer"]
    sent = [asked for asked in server.asked if asked.path.endswith("/42/decisions")]
    assert len(sent) == 4 and len({asked.headers["Idempotency-Key"] for asked in sent}) == 1
    others = [asked.path.removeprefix("/api/v1") for asked in server.asked if asked not in sent]
    assert others == ["/exports/7/download", "/queue", "/token", "/settings", "/reports", "/log.jsonl", "/comments",
                      "/comments?after=9"]  # fmt: skip

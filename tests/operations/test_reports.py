"""Traces and error reports: what their receivers get, and what they never get."""

import gzip
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import brotli
import pytest
from flask import Flask
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from app.extensions import db
from app.lib import spans
from app.models import Delivery
from app.notify import outbox
from app.operations import extras, tracing
from config import BadSetting
from tests.cast import Reader, a_site
from tests.services import ROOT, _clean_environment
from tests.serving import serving

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
EMAIL, NETWORK, BODY, NAME, QUERY = "canary@secret.example", "203.0.113.77", "canarybody", "canaryname", "canaryquery"
SECRETS = (EMAIL, NETWORK, BODY, NAME, QUERY)


UNPACK: dict[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": gzip.decompress, "br": brotli.decompress}


class Receiver(ThreadingHTTPServer):
    """A server that keeps what it is sent, unpacked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[str, bytes]] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        unpack = UNPACK[self.headers.get("Content-Encoding", "")]
        self.server.got.append((self.path, unpack(body)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_words: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    with serving(server):
        yield server


@contextmanager
def as_it_was() -> Iterator[None]:
    """Remove what an extra installs for the whole process."""
    handlers, opener, listened = list(logging.getLogger("app").handlers), spans._Opener.open, []

    begin = event.listen

    def listen(target: Any, name: str, function: Any) -> None:
        listened.append((target, name, function))
        begin(target, name, function)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracing.event, "listen", listen)
        yield
    logging.getLogger("app").handlers = handlers
    spans._Opener.open = opener
    for each in listened:
        event.remove(*each)


def crash(app: Flask) -> Any:
    def fail(token: str) -> str:
        body = db.session.scalar(text("SELECT :body"), {"body": BODY})
        try:
            raise ValueError(f"{EMAIL} from {NETWORK}")
        except ValueError as first:
            raise RuntimeError(f"could not greet {EMAIL} at {NETWORK}, 2001:db8::77") from first
        finally:
            assert body and token

    app.add_url_rule("/crash/<token>", view_func=fail, methods=["POST"])
    return app.test_client().post(
        f"/crash/{NAME}?q={QUERY}", data={"body": BODY, "email": EMAIL, "name": NAME},
        headers={"User-Agent": NAME, "Cookie": f"x={QUERY}"}, environ_base={"REMOTE_ADDR": NETWORK},
    )  # fmt: skip


def test_a_report_has_the_place_and_the_request_and_nothing_of_a_person(app: Flask, receiver: Receiver) -> None:
    app.config["SENTRY_DSN"] = f"http://key@{receiver.address}/1"
    app.config["WTF_CSRF_ENABLED"] = False
    with as_it_was():
        extras.install(app)
        answer = crash(app)
        app.extensions["error reports"].close(10)
    assert answer.status_code == 500
    ((path, sent),) = receiver.got
    assert path.startswith("/api/1/envelope/")
    _head, item, report, *_rest = map(json.loads, sent.decode().splitlines())
    assert item["type"] == "event" and report["release"].startswith("kaiwa@")
    assert report["tags"]["route"] == "/crash/<token>"
    assert report["tags"]["request_id"] == answer.headers["X-Request-Id"]
    errors = report["exception"]["values"]
    assert [each["type"] for each in errors] == ["ValueError", "RuntimeError"]
    assert (
        errors[1]["value"].startswith("could not greet") and errors[1]["stacktrace"]["frames"][-1]["function"] == "fail"
    )
    for secret in (*SECRETS, "2001:db8", "vars", "REMOTE_ADDR"):
        assert secret not in sent.decode(), secret
    assert not {"user", "request", "server_name", "breadcrumbs", "modules"} & {n for n, v in report.items() if v}


def test_a_trace_has_the_request_with_its_statements_and_no_values(
    app: Flask, receiver: Receiver, db_session: Session
) -> None:
    app.config["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://{receiver.address}/"
    app.config["WTF_CSRF_ENABLED"] = False
    a_site(db_session)
    db_session.add(Delivery(kind="invitation", message_id="<1@x>"))
    db_session.commit()
    with as_it_was():
        extras.install(app)
        answer = crash(app)
        posted = Reader(app.test_client(), email=EMAIL, name=NAME).post(BODY)
        outbox.run_once()
        app.extensions["traces"].shutdown()
    assert (answer.status_code, posted.status_code) == (500, 201)
    assert {path for path, _ in receiver.got} == {"/v1/traces"}
    found = {}
    for _path, sent in receiver.got:
        for secret in SECRETS:
            assert secret.encode() not in sent, secret
        for resource in ExportTraceServiceRequest.FromString(sent).resource_spans:
            names = {each.key: each.value.string_value for each in resource.resource.attributes}
            assert names["service.name"] == "kaiwa" and "host.name" not in names
            found |= {span.span_id: span for scope in resource.scope_spans for span in scope.spans}
    requests = {span.name: span for span in found.values() if not span.parent_span_id}
    assert {"POST /crash/<token>", "POST /embed/comments", "delivery invitation"} <= requests.keys()
    facts = {each.key: each.value for each in requests["POST /crash/<token>"].attributes}
    assert facts["kaiwa.request_id"].string_value == answer.headers["X-Request-Id"]
    assert facts["http.response.status_code"].int_value == 500
    below = [span for span in found.values() if span.parent_span_id == requests["POST /embed/comments"].span_id]
    assert {"SELECT", "INSERT"} <= {span.name for span in below}


def test_a_missing_package_is_named(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    app.config["SENTRY_DSN"] = "http://key@127.0.0.1:1/1"

    def missing(_name: str) -> None:
        raise ModuleNotFoundError("No module named 'sentry_sdk'", name="sentry_sdk")

    monkeypatch.setattr(extras, "import_module", missing)
    with pytest.raises(BadSetting, match=r"kaiwa\[sentry\].*requirements-sentry.txt"):
        extras.install(app)


OFF = """
import sys
from app import create_app
from app.operations import extras
from app.cli import worker
extras.install(create_app({"SECRET_KEY": "k" * 64}))
print([name for name in sys.modules if name.split(".")[0] in ("opentelemetry", "sentry_sdk", "google")])
"""


def test_without_their_settings_nothing_is_imported(app: Flask) -> None:
    command = [sys.executable, "-c", OFF]
    done = subprocess.run(command, cwd=ROOT, env=_clean_environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

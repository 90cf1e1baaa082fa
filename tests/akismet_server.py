"""A server on a real socket that speaks Akismet's protocol and fails on demand."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from tests.serving import serving

GOOD_KEY = "0123456789ab"
# The author name that Akismet itself always calls spam.
SPAMMER = "akismet-guaranteed-spam"
THANKS = "Thanks for making the web a better place."


@dataclass
class Akismet:
    """`asked` lists the received calls: method name and fields. `will` sets the next responses."""

    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    plans: list[dict[str, Any]] = field(default_factory=list)
    always: str = ""

    def will(self, **plan: Any) -> None:
        """Answer one request with `status`, `body`, `headers`, after `seconds`; or `drop` the connection."""
        self.plans.append(plan)

    def of(self, method: str) -> list[dict[str, str]]:
        return [fields for name, fields in self.asked if name == method]


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_POST(self) -> None:
        akismet = self.server.akismet
        fields = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        method = self.path.rpartition("/")[2]
        akismet.asked.append((method, fields))
        plan = akismet.plans.pop(0) if akismet.plans else {}
        time.sleep(plan.get("seconds", 0))
        drop = plan.get("drop")
        if drop == "before":
            return
        body = plan.get("body", akismet.always or self._answer(method, fields)).encode()
        self.send_response(plan.get("status", 200))
        for name, value in plan.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + (drop == "within")))
        self.end_headers()
        self._write(body, plan.get("drip", 0))

    def _answer(self, method: str, fields: dict[str, str]) -> str:
        if method == "verify-key":
            return "valid" if fields.get("key") == GOOD_KEY else "invalid"
        if fields.get("api_key") != GOOD_KEY or not fields.get("blog"):
            return "invalid"
        if method == "comment-check":
            if not fields.get("user_ip"):
                return "Missing required field: user_ip."
            return "true" if fields.get("comment_author") == SPAMMER else "false"
        return THANKS

    def _write(self, body: bytes, drip: float) -> None:
        with suppress(OSError):  # the client has closed the connection
            for byte in (body[at : at + 1] for at in range(len(body))) if drip else [body]:
                self.wfile.write(byte)
                time.sleep(drip)

    def log_message(self, *_about: Any) -> None:
        """No log lines: the tests read `asked`."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    akismet: Akismet


@contextmanager
def running_akismet() -> Iterator[Akismet]:
    """Start the server on a free port; stop it at the end."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.akismet = Akismet(f"http://127.0.0.1:{server.server_port}/1.1")
    with serving(server):
        yield server.akismet

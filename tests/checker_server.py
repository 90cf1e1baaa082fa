"""A checker on a real socket, which answers, fails and stalls on demand."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.serving import serving

FINE = {"verdict": "fine", "confidence": 0.9, "reasons": []}


@dataclass
class CheckerProgram:
    """`asked` lists the received questions with their headers and bytes. `says` is the answer to all of them."""

    url: str = ""
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    says: Any = field(default_factory=lambda: dict(FINE))
    status: int = 200
    # Until it is set, questions to /stalls get no answer.
    go_on: threading.Event = field(default_factory=threading.Event)

    @property
    def questions(self) -> list[dict[str, Any]]:
        return [json.loads(body)["data"] for _headers, body in self.asked]

    def against(self, verdict: str = "reject", confidence: float = 0.95, *reasons: str) -> None:
        self.says = {"verdict": verdict, "confidence": confidence, "reasons": list(reasons)}


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_POST(self) -> None:
        program = self.server.program
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/stalls":
            program.go_on.wait(30)
        else:
            program.asked.append(({name.lower(): value for name, value in self.headers.items()}, body))
        answer = program.says if isinstance(program.says, bytes) else json.dumps(program.says).encode()
        with suppress(OSError):  # the client has closed the connection
            self.send_response(program.status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    def log_message(self, *_about: Any) -> None:
        """No log lines: the tests read `asked`."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    program: CheckerProgram


@contextmanager
def running_checker() -> Iterator[CheckerProgram]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.program = CheckerProgram(f"http://127.0.0.1:{server.server_port}/check")
    with serving(server):
        try:
            yield server.program
        finally:
            server.program.go_on.set()

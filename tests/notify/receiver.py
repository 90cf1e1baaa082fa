"""A server on a real socket that takes webhooks, in this process or in its own, and fails on demand."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Taken:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiver:
    """`taken` lists the requests in order. `plans` are answers for the next ones, `always` for the others."""

    url: str = ""
    taken: list[Taken] = field(default_factory=list)
    plans: list[dict[str, Any]] = field(default_factory=list)
    always: dict[str, Any] = field(default_factory=dict)

    def will(self, *plans: dict[str, Any]) -> None:
        """`status`, `body`, `headers`; `seconds` before the answer; `echo` the request."""
        self.plans.extend(plans)

    @property
    def types(self) -> list[str]:
        return [each.json["type"] for each in self.taken]


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        receiver.taken.append(Taken(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        plan = receiver.plans.pop(0) if receiver.plans else receiver.always
        time.sleep(plan.get("seconds", 0))
        said = body if plan.get("echo") else plan.get("body", b"ok")
        with suppress(OSError):
            self.send_response(plan.get("status", 200))
            for name, value in plan.get("headers", {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    def log_message(self, *_about: Any) -> None:
        """No log lines: the tests read `taken`."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver


@contextmanager
def running_receiver(port: int = 0) -> Iterator[Receiver]:
    server = _Server(("127.0.0.1", port), _Handler)
    server.receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# In a process of its own: `receiver.py PORT SECONDS` prints each request as a line of JSON, and answers after SECONDS.
if __name__ == "__main__":

    class _Printing(list[Taken]):
        def append(self, taken: Taken) -> None:
            print(json.dumps({"headers": taken.headers, "body": taken.json}), flush=True)

    with running_receiver(int(sys.argv[1])) as alone:
        alone.taken, alone.always = _Printing(), {"seconds": float(sys.argv[2])}
        print("ready", flush=True)
        threading.Event().wait()

"""A server that answers as a test tells it, also wrongly."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import sleep
from typing import Any


@dataclass
class Answer:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    # Told in Content-Length, if it is not that of the body; None: the connection is closed without an answer.
    length: int | None = -1
    # Seconds between two bytes.
    pause: float = 0


GONE, BUSY = Answer(length=None), Answer(503, b"{}", {"Retry-After": "0"})
LIMITED = Answer(429, json.dumps({"code": "too_many_requests", "title": "Too many"}).encode(), {"Retry-After": "0"})
DECISION = Answer(200, b'{"id": 7}')


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    body: bytes


@dataclass
class Server:
    """Gives the answers of a path in turn, and the last one again and again."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def tell(self, path: str, *answers: Answer) -> None:
        self.answers[f"/api/v1{path}"] = list(answers)
        self.asked.clear()


@contextmanager
def scripted() -> Iterator[Server]:
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            answers = told.answers.get(self.path.partition("?")[0], [Answer(404)])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            self.close_connection = True
            if answer.length is None:
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body) if answer.length == -1 else answer.length))
            self.end_headers()
            self.write(answer)

        def write(self, answer: Answer) -> None:
            parts = [bytes([byte]) for byte in answer.body] if answer.pause else [answer.body]
            for part in parts:
                try:
                    self.wfile.write(part)
                except OSError:
                    # The client has waited long enough.
                    return
                sleep(answer.pause)

        do_GET = do_POST = answer

        def log_message(self, *_said: Any) -> None:
            """The test tells what matters."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()

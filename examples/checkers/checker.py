"""The part that all checkers share: take a signed question over HTTP, verify it, and answer. Standard library only."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MOST_BYTES = 512 * 1024  # of a question; a comment has at most 20,000 characters
LATEST_S = 300  # a question is at most so old

# Gets the `data` of a question; returns verdict, confidence and reasons.
Judge = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Refused(Exception):
    """The question is not taken; its first argument is the HTTP status."""


def verified(headers: Mapping[str, str], body: bytes, secret: str) -> dict[str, Any]:
    """The `data` of a question with a valid signature (Standard Webhooks). Raises Refused."""
    id, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join([id.encode(), moment.encode(), body])
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    given = headers.get("webhook-signature", "").split(" ")
    if not any(hmac.compare_digest(each.encode(), expected.encode()) for each in given):
        raise Refused(401)
    if not moment.isascii() or not moment.isdigit() or abs(time.time() - int(moment[:12])) > LATEST_S:
        raise Refused(401)
    data: dict[str, Any] = json.loads(body)["data"]
    return data


def server(judge: Judge, secret: str, port: int, host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """An HTTP server that answers each question with `judge`. A failure is a 500, which holds the comment."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            try:
                length = int(self.headers.get("Content-Length", "0"))
                if not 0 < length <= MOST_BYTES:
                    raise Refused(413)
                self._answer(200, judge(verified(self.headers, self.rfile.read(length), secret)))
            except Refused as no:
                self._answer(no.args[0], {"error": "refused"})
            except Exception as trouble:
                self.log_error("no answer: %s", type(trouble).__name__)
                self._answer(500, {"error": "no answer"})

        def _answer(self, status: int, said: Mapping[str, Any]) -> None:
            body = json.dumps(said, ensure_ascii=False).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return ThreadingHTTPServer((host, port), Handler)

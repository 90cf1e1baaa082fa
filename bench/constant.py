"""The baseline of cached answers: the same server sends constant bytes for every request."""

import json
import os
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Answer = tuple[list[tuple[str, str]], bytes]

VARIABLE = "KAIWA_CONSTANT"
# Headers that the server adds itself.
SERVER_HEADERS = ("server", "date", "content-length", "connection")


def fetch(url: str, encoding: str = "") -> Answer:
    """Headers and body of an answer, still encoded."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": encoding} if encoding else {})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return [pair for pair in answer.getheaders() if pair[0].lower() not in SERVER_HEADERS], answer.read()


@contextmanager
def configured(answer: Answer) -> Iterator[dict[str, str]]:
    """The environment of a server that sends `answer`."""
    headers, body = answer
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"headers": headers, "body": body.decode("latin-1")}, file)
        file.flush()
        yield os.environ | {VARIABLE: file.name}


def application() -> Any:
    """The RSGI application."""
    answer = json.loads(Path(os.environ[VARIABLE]).read_text())
    headers, body = [(name, value) for name, value in answer["headers"]], answer["body"].encode("latin-1")

    async def respond(_scope: Any, protocol: Any) -> None:
        protocol.response_bytes(200, headers, body)

    return respond

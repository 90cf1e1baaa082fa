"""The baseline of what is ready: the same server gives the same bytes to everybody, whatever is asked."""

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
# What a server writes itself.
OF_THE_SERVER = ("server", "date", "content-length", "connection")


def fetched(url: str, encoding: str = "") -> Answer:
    """Headers and body of an answer, as they were sent."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": encoding} if encoding else {})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return [pair for pair in answer.getheaders() if pair[0].lower() not in OF_THE_SERVER], answer.read()


@contextmanager
def told(answer: Answer) -> Iterator[dict[str, str]]:
    """The environment of a server that is to answer so."""
    headers, body = answer
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"headers": headers, "body": body.decode("latin-1")}, file)
        file.flush()
        yield os.environ | {VARIABLE: file.name}


def application() -> Any:
    """What the web server loads (RSGI)."""
    answer = json.loads(Path(os.environ[VARIABLE]).read_text())
    headers, body = [(name, value) for name, value in answer["headers"]], answer["body"].encode("latin-1")

    async def same(_scope: Any, protocol: Any) -> None:
        protocol.response_bytes(200, headers, body)

    return same

"""A stand-in for the web server's side of RSGI: requests and recorded responses."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any


def alone(asked: Coroutine[Any, Any, Any]) -> Any:
    """Run it in another thread: Playwright keeps an event loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, asked).result()


@dataclass
class RsgiResponse:
    """The response that the application gives the server (RSGI)."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = status, {name.lower(): value for name, value in headers}, body

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.response_bytes(status, headers, b"")

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class RsgiRequest:
    """A request as the server passes it (RSGI)."""

    path: str
    query_string: str
    headers: dict[str, str]
    method: str = "GET"
    scheme: str = "http"
    http_version: str = "1.1"
    client: str = "192.0.2.1:4000"
    server: str = "127.0.0.1:8000"

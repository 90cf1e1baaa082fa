"""One log line for each request, without personal data, and its metrics."""

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Flask, Response, g, request

from app.lib import logs, metrics

log = logging.getLogger(__name__)
QUIET = ("/healthz", "/readyz", "/metrics")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def install(app: Flask) -> None:
    """Log every request of `app`; installed first, to see all others."""
    logs.install(app.config["LOG_LEVEL"])
    app.wsgi_app = _Logged(app.wsgi_app)  # type: ignore[method-assign]
    app.before_request(_remember_the_route)
    app.after_request(_tell_the_id)
    # Flask would log the path, which may contain a token, and a multi-line traceback.
    app.log_exception = _remember_the_error  # type: ignore[method-assign]


class _Logged:
    """Outermost, for exactly one line."""

    def __init__(self, inner: Callable[..., Iterable[bytes]]):
        self.inner = inner

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        started, about = time.perf_counter(), environ.setdefault("kaiwa.log", {})
        about |= {"id": secrets.token_hex(6), "method": _method(environ), "route": "", "status": 500}
        length = ""

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            nonlocal length
            about["status"] = int(status.split(" ", 1)[0])
            length = next((value for name, value in headers if name.lower() == "content-length"), "")
            return start_response(status, headers, *rest)

        parts: Iterable[bytes] = ()
        try:
            parts = self.inner(environ, start)
        except Exception as trouble:
            about["trouble"] = trouble
            raise
        finally:
            # A response without a length is streamed.
            if length or not parts:
                _write(about, time.perf_counter() - started)
        return parts if length else _Parts(parts, about, started)


class _Parts:
    """Parts of a streamed response; logged at its end."""

    def __init__(self, parts: Iterable[bytes], about: dict[str, Any], started: float):
        self.parts, self.about, self.started = parts, about, started

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self.parts
        except Exception as trouble:
            self.about["trouble"] = trouble
            raise

    def close(self) -> None:
        try:
            getattr(self.parts, "close", lambda: None)()
        finally:
            _write(self.about, time.perf_counter() - self.started)


def _write(about: dict[str, Any], seconds: float) -> None:
    trouble, ended = about.pop("trouble", None), about.pop("ended", None)
    metrics.note_request(about["method"], about["route"], about["status"], seconds)
    level = logging.ERROR if trouble else logging.DEBUG if about["route"] in QUIET else logging.INFO
    log.log(level, "request", extra=about | {"ms": round(seconds * 1000, 1)}, exc_info=trouble)
    if ended:
        # A trace (app/operations/tracing.py).
        ended(about)


def _method(environ: dict[str, Any]) -> str:
    # Clients can send any text.
    return environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in METHODS else "other"


def _remember_the_route() -> None:
    """The rule (`/act/<token>`), because the path may contain a token."""
    about = request.environ.get("kaiwa.log", {})
    about["route"] = request.url_rule.rule if request.url_rule else ""
    g.request_id = about.get("id", "")


def _tell_the_id(response: Response) -> Response:
    if g.get("request_id"):
        response.headers["X-Request-Id"] = g.request_id
    return response


def _remember_the_error(exc_info: tuple[Any, BaseException, Any] | tuple[None, None, None]) -> None:
    request.environ.setdefault("kaiwa.log", {})["trouble"] = exc_info[1]

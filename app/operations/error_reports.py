"""Reports of unexpected errors to Sentry. Imported only by app/operations/extras.py.

Sentry's package is only the transport: a report is made here from the facts of the log line, which are scrubbed. It
collects nothing itself: no request, body, user, local variable or name of the machine.
"""

import atexit
import logging
from types import TracebackType
from typing import Any

import sentry_sdk
from flask import Flask

from app.lib import logs
from app.lib.redact import scrubbed
from app.version import VERSION

# Facts of a log line; all others stay here.
TAGS = ("id", "method", "route", "status", "task", "kind", "delivery")
LAST_S = 2.0  # for the reports that wait when the process ends


def install(app: Flask) -> None:
    """Report what the application logs with an exception to SENTRY_DSN."""
    client = sentry_sdk.Client(
        app.config["SENTRY_DSN"],
        release=f"kaiwa@{VERSION}",
        server_name="",
        default_integrations=False,
        auto_enabling_integrations=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        send_client_reports=False,
        auto_session_tracking=False,
    )
    app.extensions["error reports"] = client
    logging.getLogger("app").addHandler(_Reports(client))
    atexit.register(client.close, LAST_S)


class _Reports(logging.Handler):
    def __init__(self, client: Any) -> None:
        super().__init__(logging.ERROR)
        self.client = client

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1]:
            self.client.capture_event(_event(record, record.exc_info[1]))


def _event(record: logging.LogRecord, error: BaseException) -> dict[str, Any]:
    about = {name: scrubbed(str(vars(record)[name])) for name in TAGS if vars(record).get(name) not in (None, "")}
    about |= {"request_id": about.pop("id")} if "id" in about else {}
    return {
        "level": "error",
        "platform": "python",
        "logger": record.name,
        "logentry": {"formatted": scrubbed(record.getMessage())},
        # Sentry wants the cause first.
        "exception": {"values": [_exception(each) for each in reversed(logs.chain(error))]},
        "tags": about,
    }


def _exception(error: BaseException) -> dict[str, Any]:
    return {
        "type": type(error).__name__,
        "value": logs.message(error),
        "stacktrace": {"frames": _frames(error.__traceback__)},
    }


def _frames(trace: TracebackType | None) -> list[dict[str, Any]]:
    return [
        {"filename": frame.filename, "function": frame.name, "lineno": frame.lineno, "in_app": logs.is_ours(frame)}
        for frame in logs.frames(trace)
    ]

"""Logs as JSON lines on standard error, without personal data."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError, StatementError

from app.lib.redact import scrubbed

APP_FOLDER = Path(__file__).parent.parent
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def install(level: str) -> None:
    """Log the application's records at `level` and above; library loggers stay unchanged."""
    logger = logging.getLogger("app")
    logger.handlers = [_StandardError()]
    logger.setLevel(level)
    logger.propagate = False


class _StandardError(logging.StreamHandler[Any]):
    """Writes to the current `sys.stderr`, even if it was replaced."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, _value: Any) -> None:
        """Ignored; the getter returns the current one."""


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, event, from, and the caller's `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "event": scrubbed(record.getMessage()),
            "from": record.name,
        }
        line |= {name: _plain(value) for name, value in vars(record).items() if name not in STANDARD}
        if record.exc_info and record.exc_info[1]:
            line["error"] = described(record.exc_info[1])
        # ASCII only, so terminals interpret nothing.
        return json.dumps(line)


def described(error: BaseException) -> list[dict[str, Any]]:
    """The error and its causes, newest first: kind, message without values, places."""
    return [
        {"kind": type(each).__name__, "says": message(each), "at": _places(each.__traceback__)} for each in chain(error)
    ]


def chain(error: BaseException) -> list[BaseException]:
    """The error and its causes, newest first."""
    found: list[BaseException] = []
    next_one: BaseException | None = error
    while next_one and len(found) < 5:
        found.append(next_one)
        next_one = next_one.__cause__ or next_one.__context__
    return found


def message(error: BaseException) -> str:
    """The error's message without values."""
    if isinstance(error, OperationalError | ProgrammingError):
        return scrubbed(str(error.orig).split("\n", 1)[0])
    # Database messages contain row values; the error code is enough.
    if isinstance(error, DBAPIError):
        return f"{type(error.orig).__name__} {getattr(error.orig, 'sqlstate', '') or ''}".strip()
    if isinstance(error, StatementError) or type(error).__module__.startswith(("psycopg", "sqlite3")):
        return ""
    return scrubbed(str(error))


def _places(trace: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames(trace)]


def frames(trace: TracebackType | None) -> list[traceback.FrameSummary]:
    """The application's own frames, and the last one."""
    found = traceback.extract_tb(trace)
    return [*filter(is_ours, found), *found[-1:]]


def is_ours(frame: traceback.FrameSummary) -> bool:
    return Path(frame.filename).is_relative_to(APP_FOLDER)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else scrubbed(str(value))

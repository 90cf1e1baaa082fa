"""Logs as JSON lines on standard error: one object for each event, with no one's data in it."""

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

HOUSE = Path(__file__).parent.parent
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def install(level: str) -> None:
    """Write what the house says at `level` and above; what libraries say stays with them."""
    house = logging.getLogger("app")
    house.handlers = [_StandardError()]
    house.setLevel(level)
    house.propagate = False


class _StandardError(logging.StreamHandler[Any]):
    """Writes to what standard error is now, not to what it was when logging began."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, _value: Any) -> None:
        """Always the present one."""


class JsonLines(logging.Formatter):
    """One JSON object on one line: at, level, event, where, then what the caller gave as `extra`."""

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
        # ASCII only: no terminal does anything with what is in here.
        return json.dumps(line)


def described(error: BaseException) -> list[dict[str, Any]]:
    """Return the error and what caused it, newest first: kind, message without values, and where."""
    found: list[dict[str, Any]] = []
    next_one: BaseException | None = error
    while next_one and len(found) < 5:
        found.append(
            {
                "kind": type(next_one).__name__,
                "says": _message(next_one),
                "at": _places(next_one.__traceback__),
            }
        )
        next_one = next_one.__cause__ or next_one.__context__
    return found


def _message(error: BaseException) -> str:
    if isinstance(error, OperationalError | ProgrammingError):
        return scrubbed(str(error.orig).split("\n", 1)[0])
    # A database repeats the values of a row that it refused; its error number says enough.
    if isinstance(error, DBAPIError):
        return f"{type(error.orig).__name__} {getattr(error.orig, 'sqlstate', '') or ''}".strip()
    if isinstance(error, StatementError) or type(error).__module__.startswith(("psycopg", "sqlite3")):
        return ""
    return scrubbed(str(error))


def _places(trace: TracebackType | None) -> list[str]:
    """Where in our own files, and the last place of all; libraries in between only make it long."""
    frames = traceback.extract_tb(trace)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(HOUSE)]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in (*ours, *frames[-1:])]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else scrubbed(str(value))

"""Expected errors: refusals, failing services, an unavailable database."""

import errno
import sqlite3
from typing import Any

from sqlalchemy.exc import InvalidRequestError, StatementError, TimeoutError

from app.lib.bounded_connection import is_cut_off
from app.lib.moved import is_of_a_moved_database

RETRY_AFTER_S = "5"
# PostgreSQL's error classes and codes (appendix A) after which a retry may succeed.
PASSING_STATES = (
    "08",  # connection exceptions
    "25006",  # read-only server
    "25P03",  # idle in transaction for too long
    "25P04",  # transaction timeout
    "40",  # serialization failure, deadlock
    "53",  # disk full, out of memory, too many connections
    "55P03",  # lock timeout
    "57",  # cancelled, statement timeout, shutdown, starting up
    "58",  # input/output errors
    "XX001",  # damaged table
    "XX002",  # damaged index
)
# The same for SQLite (https://www.sqlite.org/rescode.html).
PASSING_SQLITE = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
PASSING_ERRNO = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOMEM, errno.EAGAIN}
)


class Refused(Exception):
    """A refusal that is shown to people; not a bug.

    `code` is stable, for programs; `sentence` is in the reader's language; `field` names a form field or None; `status`
    is the HTTP status, with `retry_after` seconds for 429.
    """

    def __init__(self, code: str, sentence: str, *, field: str | None = None, status: int = 422, retry_after: int = 60):
        super().__init__(code)
        self.code = code
        self.sentence = str(sentence)
        self.field = field
        self.status = status
        self.retry_after = retry_after


class NotSent(Exception):
    """Another service did not accept a request.

    `for_good`: it never will. `hopeless`: no service could; not retried. `stalled`: no answer, so others need not try
    now.
    """

    def __init__(self, trouble: str, *, for_good: bool = False, hopeless: bool = False, stalled: bool = False):
        super().__init__(trouble)
        self.for_good = for_good
        self.hopeless = hopeless
        self.stalled = stalled


def outage(trouble: BaseException) -> str:
    """Name of the fault if the database or the machine is unavailable, such as `57014 QueryCanceled`, `SQLITE_BUSY` or
    `EMFILE`; '' for a bug."""
    if isinstance(trouble, TimeoutError):
        return "pool timeout"
    if isinstance(trouble, InvalidRequestError) and trouble.__context__:
        # The session refuses to continue after an outage ended its transaction.
        return outage(trouble.__context__)
    cause = trouble.orig if isinstance(trouble, StatementError) and trouble.orig else trouble
    if isinstance(cause, sqlite3.Error):
        return _sqlite_outage(cause)
    if hasattr(cause, "sqlstate"):
        return _postgresql_outage(cause)
    if isinstance(cause, OSError) and cause.errno in PASSING_ERRNO:
        return errno.errorcode[cause.errno]
    return ""


def _sqlite_outage(trouble: sqlite3.Error) -> str:
    code = getattr(trouble, "sqlite_errorcode", 0)
    if is_of_a_moved_database(trouble):
        return "moved"
    # On a full disk, SQLite rolls back the transaction with all savepoints.
    if code & 0xFF in PASSING_SQLITE or "no such savepoint" in str(trouble):
        return str(trouble.sqlite_errorname)
    return ""


def _postgresql_outage(trouble: Any) -> str:
    kind = type(trouble).__name__
    if not trouble.sqlstate:
        # The connection failed or was lost.
        lost = is_cut_off(trouble) or any(each.__name__ == "OperationalError" for each in type(trouble).__mro__)
        return f"connection {kind}" if lost else ""
    return f"{trouble.sqlstate} {kind}" if trouble.sqlstate.startswith(PASSING_STATES) else ""

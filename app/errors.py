"""Trouble that is no bug: a polite "no" to a person, another service that takes nothing, a database that is away."""

from sqlalchemy.exc import OperationalError

RETRY_AFTER_S = "5"
BUSY_WORDS = (
    "locked",
    "disk is full",
    "disk I/O",
    "readonly",
    "unable to open",
    "server closed",
    "connection",
    # When the disk is full, SQLite gives up the whole transaction, and with it the savepoints we return to.
    "no such savepoint",
)


class Refused(Exception):
    """Something that may not be done; shown to people, never a bug.

    `code` is for programs and stable, `sentence` is in the reader's language, `field` names the form field
    it belongs to (or None), `status` is the HTTP status of the answer.
    """

    def __init__(self, code: str, sentence: str, *, field: str | None = None, status: int = 422):
        super().__init__(code)
        self.code = code
        self.sentence = str(sentence)
        self.field = field
        self.status = status


class NotSent(Exception):
    """Another service did not take what must go out; `for_good` when it says that it never will."""

    def __init__(self, trouble: str, *, for_good: bool = False):
        super().__init__(trouble)
        self.for_good = for_good


def will_pass(trouble: OperationalError) -> bool:
    """Whether the database is busy, full or away, and may be asked again later; anything else is a bug."""
    return any(word in str(trouble.orig) for word in BUSY_WORDS)

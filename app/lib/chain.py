"""A hash chain: each row has a salted digest of its content, and a digest of that and the row before.

A row whose content and salt were erased keeps both digests: the rows after it can still be verified, and without the
salt the content cannot be guessed from its digest (RFC 9162 chains certificates in the same way, as a tree).
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SALT_BYTES = 16
# The digest before the first row.
START = ""


@dataclass(frozen=True)
class Row:
    """A stored row; `content` is None if it was erased. Rows are numbered from 1 without gaps."""

    number: int
    content: Any | None
    salt: str
    content_digest: str
    chain_digest: str


class Problem(StrEnum):
    MISSING = "missing"
    CHANGED = "changed"
    # The digests do not continue those of the row before.
    MISPLACED = "misplaced"
    # A row after the last one that was counted.
    ADDED = "added"


@dataclass
class Verified:
    """Counts of a verification, and the number of the first wrong row if there is one."""

    rows: int = 0
    erased: int = 0
    head: str = START
    wrong: int | None = None
    problem: Problem | None = None
    # Chain digests of the rows that the caller asked for.
    digests: dict[int, str] = field(default_factory=dict)


def new_salt() -> str:
    return secrets.token_hex(SALT_BYTES)


def digest(salt: str, content: Any) -> str:
    """SHA-256 of the content in hexadecimal; JSON is the same for equal content in each database."""
    return _sha256(salt + json.dumps(content, separators=(",", ":")))


def link(before: str, content_digest: str) -> str:
    """The chain digest of a row, from that of the row before."""
    return _sha256(f"{before}:{content_digest}")


def verify(
    rows: Iterable[Row],
    last: int,
    head: str,
    *,
    asked: Iterable[int] = (),
    digest_of: Callable[[str, Any], str] = digest,
) -> Verified:
    """Verify rows in order of their numbers up to the first wrong one; `last` and `head` are those of the newest.

    `digest_of` makes the digest of a row's salt and content.
    """
    done, wanted = Verified(), set(asked)
    for row in rows:
        if problem := _problem(row, done, last, digest_of):
            done.problem = problem
            done.wrong = done.rows + 1 if problem == Problem.MISSING else row.number
            return done
        done.rows, done.head = row.number, row.chain_digest
        done.erased += row.content is None
        if row.number in wanted:
            done.digests[row.number] = row.chain_digest
    if done.rows < last:
        done.wrong, done.problem = done.rows + 1, Problem.MISSING
    elif done.head != head:
        done.wrong, done.problem = done.rows, Problem.CHANGED
    return done


def _problem(row: Row, before: Verified, last: int, digest_of: Callable[[str, Any], str]) -> Problem | None:
    if row.number > last:
        return Problem.ADDED
    if row.number != before.rows + 1:
        return Problem.MISSING
    if row.content is not None and row.content_digest != digest_of(row.salt, row.content):
        return Problem.CHANGED
    return None if row.chain_digest == link(before.head, row.content_digest) else Problem.MISPLACED


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

"""Give the session records whose rows are known, past the ORM's own way to read or write them."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Table
from sqlalchemy.orm import make_transient_to_detached

from app.extensions import db

R = TypeVar("R", bound=Any)


def made(kind: type[R], **columns: Any) -> R:
    """A new record with these columns, and records that it refers to, for `hold` once its row is written.

    The ORM would note each of them as a change.
    """
    record = kind()
    vars(record).update(columns)
    return record


def hold(record: Any, *referred: Any) -> None:
    """The session has a record whose row is written or read, and such that it refers to."""
    for each in (record, *referred):
        make_transient_to_detached(each)
    db.session.add(record)


def record_of(kind: type[R], row: Sequence[Any], **referred: Any) -> R:
    """The record of a row, which has all columns of its table in their order: the session's own, or else a new one.

    What it refers to, and the session has, can be given too.
    """
    values = dict(zip(_names(kind.__table__), row, strict=True))
    there = db.session().identity_map.get(db.Session.identity_key(kind, values["id"]))
    if there is not None:
        return there
    record = made(kind, **values, **referred)
    hold(record)
    return record


@lru_cache
def _names(table: Table) -> list[str]:
    return [column.key for column in table.c]

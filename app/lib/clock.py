"""The time, in one place: aware, in UTC, the same on every database."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import DateTime, Dialect
from sqlalchemy.types import TypeDecorator


def now() -> datetime:
    """The present moment, aware, in UTC; the only clock that the program reads."""
    return datetime.now(UTC)


class Moment(TypeDecorator[datetime]):
    """An aware moment; SQLite forgets the zone, so it is kept and given back as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: object) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: object) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """A page has a hundred moments; from SQLite's text to one of ours is one step instead of four."""
        return _from_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


# The same page is read again and again, and with it the same moments.
@lru_cache(maxsize=8192)
def _from_text(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None

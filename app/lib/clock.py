"""The current time, and timestamps in the database: aware, in UTC."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Dialect, and_, or_
from sqlalchemy.types import TypeDecorator


def now() -> datetime:
    """The only place that reads the clock."""
    return datetime.now(UTC)


# Clock skew within one installation. Timestamps further in the future come from a wrong clock.
LEEWAY = timedelta(minutes=1)


def latest() -> datetime:
    """The latest plausible timestamp of a past event."""
    return now() + LEEWAY


def happened_since(column: Any, since: datetime) -> ColumnElement[bool]:
    """After `since` and not in the future."""
    return and_(column > since, column <= latest())


def is_running(until: datetime | None, lasts: timedelta) -> bool:
    """True while a period of this length that ends at `until` runs."""
    return until is not None and now() < until <= latest() + lasts


def runs(until: Any, lasts: timedelta) -> ColumnElement[bool]:
    """`is_running` in SQL."""
    return and_(until > now(), until <= latest() + lasts)


def is_over(until: Any, lasts: timedelta = timedelta()) -> ColumnElement[bool]:
    return or_(until <= now(), until > latest() + lasts)


class Moment(TypeDecorator[datetime]):
    """An aware timestamp; stored in UTC, because SQLite has no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: object) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: object) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """Convert SQLite's text in one step instead of four: a page has a hundred timestamps."""
        return _from_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


@lru_cache(maxsize=8192)
def _from_text(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None

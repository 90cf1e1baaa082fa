"""The time, in one place: aware, in UTC, the same on every database."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Dialect, and_, or_
from sqlalchemy.types import TypeDecorator


def now() -> datetime:
    """The present moment, aware, in UTC; the only clock that the program reads."""
    return datetime.now(UTC)


# Two machines of one installation may disagree by so much. A moment further ahead was set by a clock that was wrong.
LEEWAY = timedelta(minutes=1)


def latest() -> datetime:
    """The last moment that something which has happened can have."""
    return now() + LEEWAY


def happened_since(column: Any, since: datetime) -> ColumnElement[bool]:
    """Since then, and not in what is the future after the clock was corrected."""
    return and_(column > since, column <= latest())


def is_running(until: datetime | None, lasts: timedelta) -> bool:
    """Whether something that lasts so long, until this moment, has begun and is not over."""
    return until is not None and now() < until <= latest() + lasts


def runs(until: Any, lasts: timedelta) -> ColumnElement[bool]:
    """The same in SQL."""
    return and_(until > now(), until <= latest() + lasts)


def is_over(until: Any, lasts: timedelta = timedelta()) -> ColumnElement[bool]:
    """The opposite."""
    return or_(until <= now(), until > latest() + lasts)


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

"""Validate values of an archive for their columns; invalid values are refused, not adapted."""

import math
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Integer, SmallInteger, String, Text

from app.lib.clock import Moment
from app.lib.language import languages
from app.lib.secrets import Encrypted
from app.lib.text import clean_line
from app.lib.urls import canonical, safe_href
from app.models import Actor, Effect, Status, Subject
from app.models.thread import LONGEST_TITLE
from app.screening.reasons import sentence_of
from app.transfer.fields import MAX_BODY, legible

T = TypeVar("T")

MAX_TEXT = 1 << 23  # characters, for columns without a limit; escaping can make a text of MAX_BODY five times as long
MAX_DEPTH = 12  # nested lists and objects; ours have 3

Fit = Callable[[Column[Any], Any], Any]


class InvalidValue(ValueError):
    """The value is invalid for the column."""


def validated(column: Column[Any], value: Any) -> Any:
    """The value as the column stores it. Raises InvalidValue."""
    if value is None:
        return _require(bool(column.nullable), value)
    kind = next(kind for kind in VALIDATORS if isinstance(column.type, kind))
    value = VALIDATORS[kind](column, value)
    special = SPECIAL.get((column.table.name, column.name))
    return special(value) if special else value


def default_of(column: Column[Any]) -> Any:
    """The value of a column that an archive of an earlier version lacks."""
    default: Any = column.default
    if default is None:
        return _require(bool(column.nullable), None)
    return default.arg(None) if default.is_callable else default.arg


def _require(holds: bool, value: T) -> T:
    if not holds:
        raise InvalidValue
    return value


def _moment(_column: Column[Any], value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(_require(isinstance(value, str), value))
    except ValueError as trouble:
        raise InvalidValue from trouble
    return _require(moment.tzinfo is not None and 1900 < moment.year < 9999, moment)


def _text(column: Column[Any], value: Any) -> str:
    limit = getattr(column.type, "length", None) or MAX_TEXT
    return _require(isinstance(value, str) and len(value) <= limit, value) and legible(value)


def _number(column: Column[Any], value: Any) -> int:
    bits = 15 if isinstance(column.type, SmallInteger) else 53 if isinstance(column.type, BigInteger) else 31
    number: int = _require(type(value) is int and 0 <= value < 1 << bits, value)
    return number


def _float(_column: Column[Any], value: Any) -> float:
    number: float = _require(type(value) in (int, float) and math.isfinite(value), value)
    return number


def _data(_column: Column[Any], value: Any) -> Any:
    return _legible_data(value, MAX_DEPTH)


def _legible_data(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, list):
        return [_legible_data(each, _require(depth > 0, depth) - 1) for each in value]
    if isinstance(value, dict):
        return {legible(key): _legible_data(each, _require(depth > 0, depth) - 1) for key, each in value.items()}
    return value


# Specific column types before general ones.
VALIDATORS: dict[type[Any], Fit] = {
    Moment: _moment,
    Encrypted: _text,
    JSON: _data,
    Boolean: lambda _column, value: _require(isinstance(value, bool), value),
    Float: _float,
    Integer: _number,  # and its kin
    Text: _text,
    String: _text,
}


def _one_of(allowed: Collection[str]) -> Callable[[Any], Any]:
    return lambda value: _require(value in allowed, value)


def _at_most(most: int) -> Callable[[Any], Any]:
    return lambda value: _require(value <= most, value)


def _website(value: str) -> str:
    return value if not value or safe_href(value) == value else ""


def _address(value: str) -> str:
    """The URL of a page, which becomes a link."""
    return _require(not value or value.startswith(("https://", "http://")), value)


def _claimed(value: Any) -> dict[str, str]:
    """URL, title and date that a page claims; moderators see them, and an approval stores them."""
    _require(isinstance(value, dict) and value.keys() <= {"url", "title", "published"}, value)
    _require(all(isinstance(each, str) for each in value.values()), value)
    try:
        known = canonical(value["url"]) == value["url"] if "url" in value else True
        zoned = datetime.fromisoformat(value["published"]).tzinfo is not None if "published" in value else True
    except ValueError as trouble:
        raise InvalidValue from trouble
    return _require(known and zoned and len(value.get("title", "")) <= LONGEST_TITLE, value)


def _reasons(value: Any) -> list[dict[str, Any]]:
    return [each for each in _require(isinstance(value, list), value) if _can_be_rendered(each)]


def _can_be_rendered(reason: Any) -> bool:
    """True if the moderation page can render the reason."""
    try:
        return bool(sentence_of(reason))
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


SPECIAL: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("thread", "url"): _address,
    ("thread", "title"): clean_line,
    ("author", "name"): clean_line,
    ("author", "website"): _website,
    ("comment", "name"): clean_line,
    ("comment", "website"): _website,
    ("comment", "body"): lambda value: _require(len(value) <= MAX_BODY, value),
    ("comment", "status"): _one_of(list(Status)),
    ("comment", "lane"): _at_most(4),
    ("comment", "lang"): lambda value: _require(value in ("", *languages()), value),
    ("comment", "reasons"): _reasons,
    ("comment", "claimed"): _claimed,
    ("comment", "facts"): lambda value: _require(isinstance(value, dict), value),
    ("decision", "from_status"): _one_of(list(Status)),
    ("decision", "to_status"): _one_of(list(Status)),
    ("decision", "actor"): _one_of(list(Actor)),
    ("rule", "subject"): _one_of(list(Subject)),
    ("rule", "effect"): _one_of(list(Effect)),
}

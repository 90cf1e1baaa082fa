"""Validate the settings of checkers in an archive."""

from collections.abc import Callable
from typing import Any

from app.lib.http_client import is_allowed, is_loopback
from app.lib.text import clean_line
from app.models.checker import LEAST_PRECISION, LONGEST_LANG, MOST_LANGS, PERCENT, SECONDS


class InvalidValue(ValueError):
    """The value is invalid for the column."""


def _url(value: str) -> str:
    """'' for one that cannot be used here, such as an address of the machine that the archive comes from."""
    return value if is_allowed(value) and not is_loopback(value) else ""


def _langs(value: Any) -> Any:
    if not isinstance(value, list) or len(value) > MOST_LANGS or not all(map(_is_lang, value)):
        raise InvalidValue
    return value


def _is_lang(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and len(value) <= LONGEST_LANG


def _within(allowed: range) -> Callable[[int], int]:
    def checked(value: int) -> int:
        if value not in allowed:
            raise InvalidValue
        return value

    return checked


CHECKER_VALUES: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("checker", "name"): clean_line,
    ("checker", "url"): _url,
    ("checker", "timeout_s"): _within(SECONDS),
    ("checker", "threshold"): _within(PERCENT),
    ("checker", "least_precision"): _within(LEAST_PRECISION),
    ("checker", "langs"): _langs,
}

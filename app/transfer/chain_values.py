"""Validate the chain of decisions in an archive: whether it is the right one, `flask upkeep verify-log` tells."""

import json
import re
from collections.abc import Callable
from datetime import date
from typing import Any

from app.lib.text import clean_line
from app.transfer.checker_values import InvalidValue

DIGEST, SALT = re.compile("[0-9a-f]{64}"), re.compile("[0-9a-f]{32}|")
# Roots of blocks: a hundred million decisions in one day.
MOST_BLOCKS = 100_000


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def checked(value: str) -> str:
        if not pattern.fullmatch(value):
            raise InvalidValue
        return value

    return checked


def _before(value: str) -> str:
    return value and _matching(DIGEST)(value)


def _day(value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError as trouble:
        raise InvalidValue from trouble


def _blocks(value: str) -> str:
    """Written again as we write it: the head of a day does not contain spaces."""
    try:
        roots = json.loads(value) if len(value) < MOST_BLOCKS * 70 else None
    except (ValueError, RecursionError) as trouble:
        raise InvalidValue from trouble
    if not isinstance(roots, list) or not roots or not all(map(_is_digest, roots)):
        raise InvalidValue
    return json.dumps(roots)


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None


def _positive(value: int) -> int:
    if value < 1:
        raise InvalidValue
    return value


CHAIN_VALUES: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("chain_entry", "number"): _positive,
    ("chain_entry", "rules"): clean_line,
    ("chain_entry", "salt"): _matching(SALT),
    ("chain_entry", "content_digest"): _matching(DIGEST),
    ("chain_entry", "chain_digest"): _matching(DIGEST),
    ("chain_day", "day"): _day,
    ("chain_day", "first"): _positive,
    ("chain_day", "last"): _positive,
    ("chain_day", "chain_digest"): _matching(DIGEST),
    ("chain_day", "blocks"): _blocks,
    ("chain_day", "before"): _before,
    ("chain_day", "head"): _matching(DIGEST),
}

"""Validate the subscriptions to shared lists in an archive, and their lines."""

from collections.abc import Callable
from typing import Any

from app.lib.http_client import is_allowed, is_loopback
from app.lib.signed_list import is_key
from app.lib.text import clean_line
from app.models import Effect, LineState, Subject
from app.screening.list_file import LEFT_OUT, LIST_ID, Own, check_value
from app.transfer.checker_values import CHECKER_VALUES, InvalidValue

MOST_REASONS = 20


def checked_line(row: dict[str, Any]) -> dict[str, Any]:
    """The row of a line, with a value that a list may have. Raises ValueError."""
    subject, value = row.get("subject"), row.get("value")
    if subject not in (Subject.WORD, Subject.LINK_DOMAIN) or not isinstance(value, str):
        raise InvalidValue
    return row | {"value": check_value(Own("", ()), Subject(subject), value)}


def _url(value: str) -> str:
    """'' for one that cannot be used here, such as an address of the machine that the archive comes from."""
    return value if value.isascii() and is_allowed(value) and not is_loopback(value) else ""


def _that(holds: Callable[[str], Any]) -> Callable[[str], str]:
    def checked(value: str) -> str:
        if not holds(value):
            raise InvalidValue
        return value

    return checked


def _counts(value: Any) -> dict[str, int]:
    known = isinstance(value, dict) and len(value) <= MOST_REASONS
    if not known or not all(type(count) is int and 0 <= count < 1 << 30 for count in value.values()):
        raise InvalidValue
    return {name: count for name, count in value.items() if name in LEFT_OUT}


# Of the other programs that a site depends on.
SUBSCRIBED_VALUES: dict[tuple[str, str], Callable[[Any], Any]] = {
    **CHECKER_VALUES,
    ("list_subscription", "ref"): _that(lambda value: value.isalnum() and value.isascii()),
    ("list_subscription", "name"): clean_line,
    ("list_subscription", "url"): _url,
    ("list_subscription", "key"): _that(is_key),
    ("list_subscription", "list_id"): _that(LIST_ID.fullmatch),
    ("list_subscription", "effect"): _that(lambda value: value in (Effect.HOLD, Effect.SPAM)),
    ("list_subscription", "refused"): _counts,
    ("list_line", "state"): _that(lambda value: value in {*LineState}),
}

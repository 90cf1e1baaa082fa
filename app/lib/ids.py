"""Parse ids in requests: digits that fit a column."""

import re
from typing import Any

from werkzeug.routing import IntegerConverter, Map

MOST = 10**18 - 1
_ID = re.compile(r"[0-9]{1,18}", re.ASCII)


def read(text: str | None) -> int:
    """Raises ValueError."""
    if not text or not _ID.fullmatch(text):
        raise ValueError("not an id")
    return int(text)


class IdConverter(IntegerConverter):
    """`<int:id>` in a route: an id beyond the column's range is a 404, not a database error."""

    def __init__(self, map: Map, **options: Any) -> None:
        super().__init__(map, **({"max": MOST} | options))

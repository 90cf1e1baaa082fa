"""Stream a large JSON object: iterators become arrays, one item at a time."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def encoded(fields: Mapping[str, Any], *, lines: bool) -> Iterator[str]:
    """The object as JSON; with `lines`, one item of an iterator on each line."""
    end = "\n" if lines else " "
    before = "{" + end.strip(" ")
    for name, value in fields.items():
        yield f"{before}{json.dumps(name)}: "
        before = f",{end}"
        yield from _array(value, end) if isinstance(value, Iterator) else [_text(value)]
    yield f"{end.strip(' ')}}}"


def _array(items: Iterator[Any], end: str) -> Iterator[str]:
    before = "["
    yield before
    before = end.strip(" ")
    for item in items:
        yield f"{before}{_text(item)}"
        before = f",{end}"
    yield "]"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

"""Read the JSON object of a request, within limits."""

import re
from typing import Any

from flask import request
from flask_babel import gettext as _

from app.errors import Refused

# Nested lists and objects.
DEEPEST = 20
# JSON can contain half of a character (RFC 8259, 8.2), which no column and no response can hold.
SURROGATE = re.compile("[\ud800-\udfff]")


def json_object() -> dict[str, Any]:
    """Return the object in the body. Raises Refused (400).

    Codes: bad_json if it is no object or nested too deeply; bad_text for a lone surrogate.
    """
    try:
        given = request.get_json(silent=True)
    except RecursionError:  # too deep for Python's parser
        given = None
    if not isinstance(given, dict):
        raise not_understood()
    _refuse_depth_and_halves(given)
    return given


def not_understood() -> Refused:
    return Refused("bad_json", _("Bad request"), status=400)


def _refuse_depth_and_halves(given: dict[str, Any]) -> None:
    level: list[Any] = [given]
    for _depth in range(DEEPEST):
        texts = "\n".join(text for each in level for text in _texts(each))
        if SURROGATE.search(texts):
            raise Refused(
                "bad_text", _("The text contains a lone surrogate. Send complete Unicode characters."), status=400
            )
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return
    raise not_understood()


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return list(value)
    return [value] if isinstance(value, str) else []


def _inside(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []

"""What a program sends: one JSON object, read within limits."""

import re
from typing import Any

from flask import request
from flask_babel import gettext as _

from app.errors import Refused

# Lists and objects in each other.
DEEPEST = 20
# JSON can name half of a character (RFC 8259, 8.2). No column, no hash and no answer can hold one.
SURROGATE = re.compile("[\ud800-\udfff]")


def json_object() -> dict[str, Any]:
    """Return the object in the body; of a name that comes twice, the last value counts.

    Raises Refused (400): bad_json if it is no object, or nests deeper than DEEPEST; bad_text if a text or a name has a
    lone surrogate.
    """
    try:
        given = request.get_json(silent=True)
    except RecursionError:  # nested deeper than Python's parser goes
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

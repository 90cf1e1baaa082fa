"""Read the JSON object of a request, within limits."""

import json
import re
from typing import Any

from flask import request
from flask_babel import gettext as _

from app.errors import Refused

# Nested lists and objects.
DEEPEST = 20
# All of them together; Python takes a tenth of a second for a hundred thousand.
MOST_CONTAINERS = 1_000
CONTAINERS = (dict, list)
# To its end, or to that of the text, so that the search is linear.
STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
# JSON can contain half of a character (RFC 8259, 8.2), which no column and no response can hold.
SURROGATE = re.compile("[\ud800-\udfff]")


def json_object() -> dict[str, Any]:
    """Return the object in the body. Raises Refused (400).

    Codes: bad_json if it is no object in UTF-8, nested too deeply, or has too many lists and objects; bad_text for a
    lone surrogate.
    """
    sent = request.get_data(cache=True)
    # JSON is UTF-8 (RFC 8259, 8.1). Python reads UTF-16, too, in whose bytes no string is found.
    if not json.detect_encoding(sent).startswith("utf-8") or _containers(sent) > MOST_CONTAINERS:
        raise not_understood()
    try:
        given = request.get_json(silent=True)
    except RecursionError:  # too deep for Python's parser
        given = None
    if not isinstance(given, dict):
        raise not_understood()
    _refuse_depth_and_halves(given)
    return given


def _containers(sent: bytes) -> int:
    """How many lists and objects the text has. Brackets in strings are counted only where that makes no difference."""
    count = sent.count(b"[") + sent.count(b"{")
    if count <= MOST_CONTAINERS:
        return count
    bare = STRING.sub(b"", sent)
    return bare.count(b"[") + bare.count(b"{")


def not_understood() -> Refused:
    return Refused("bad_json", _("Bad request"), status=400)


def _refuse_depth_and_halves(given: dict[str, Any]) -> None:
    level: list[Any] = [given]
    for _depth in range(DEEPEST):
        texts, level = _split(level)
        if SURROGATE.search("\n".join(texts)):
            raise Refused(
                "bad_text", _("The text contains a lone surrogate. Send complete Unicode characters."), status=400
            )
        if not level:
            return
    raise not_understood()


def _split(level: list[Any]) -> tuple[list[str], list[Any]]:
    """The texts and names in these lists and objects, and the lists and objects in them."""
    texts: list[str] = []
    inside: list[Any] = []
    for each in level:
        is_object = type(each) is dict
        texts += each if is_object else ()
        for value in each.values() if is_object else each:
            if type(value) is str:
                texts.append(value)
            elif type(value) in CONTAINERS:
                inside.append(value)
    return texts, inside

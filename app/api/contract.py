"""The API's description: openapi.json, with the lengths, orders and languages that the code has."""

import json
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.comments.orders import ORDERS
from app.forms.comment import CommentForm
from app.forms.length import Length
from app.lib.language import languages

bp = Blueprint("contract", __name__)

WRITTEN = (Path(__file__).parent / "openapi.json").read_text()


@bp.get("/openapi.json")
def openapi() -> Response:
    return jsonify(described() | {"servers": [{"url": f"{request.script_root}/api/v1"}]})


def described() -> dict[str, Any]:
    contract: dict[str, Any] = json.loads(WRITTEN)
    choices = {"sort": list(ORDERS), "lang": languages()}
    for name, field in _new_comment(contract).items():
        field.update(_length(name) | _choice(name, choices))
    for path in ("/threads", "/picks"):
        for parameter in contract["paths"][path]["get"]["parameters"]:
            parameter["schema"].update(_choice(parameter["name"], choices))
    return contract


def _new_comment(contract: dict[str, Any]) -> dict[str, dict[str, Any]]:
    properties: dict[str, dict[str, Any]] = contract["components"]["schemas"]["NewComment"]["properties"]
    return properties


def _length(name: str) -> dict[str, int]:
    field = getattr(CommentForm, name, None)
    validators = field.kwargs.get("validators", ()) if field else ()
    most = next((each.most for each in validators if isinstance(each, Length)), None)
    return {} if most is None else {"maxLength": most}


def _choice(name: str, choices: dict[str, Any]) -> dict[str, Any]:
    return {"enum": choices[name]} if name in choices else {}


# The names of a new comment's fields. Others that a program sends are ignored.
NEW_COMMENT = tuple(_new_comment(json.loads(WRITTEN)))

"""The API's description: openapi.json, with the lengths that the comment form allows."""

import json
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.forms.comment import CommentForm
from app.forms.length import Length

bp = Blueprint("contract", __name__)

CONTRACT: dict[str, Any] = json.loads((Path(__file__).parent / "openapi.json").read_text())
# The fields of a new comment. Others that a program sends are ignored.
NEW_COMMENT: dict[str, dict[str, Any]] = CONTRACT["components"]["schemas"]["NewComment"]["properties"]


@bp.get("/openapi.json")
def openapi() -> Response:
    return jsonify(CONTRACT | {"servers": [{"url": f"{request.script_root}/api/v1"}]})


def _add_lengths() -> None:
    for name, described in NEW_COMMENT.items():
        field = getattr(CommentForm, name, None)
        for validator in field.kwargs.get("validators", ()) if field else ():
            if isinstance(validator, Length):
                described["maxLength"] = validator.most


_add_lengths()

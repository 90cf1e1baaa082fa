"""The API's description, with the limits of the form itself."""

import json
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.forms import comment

bp = Blueprint("contract", __name__)

LIMITS = {
    "body": comment.BODY_LENGTH,
    "name": comment.NAME_LENGTH,
    "email": comment.EMAIL_LENGTH,
    "website": comment.WEBSITE_LENGTH,
}


@bp.get("/openapi.json")
def openapi() -> Response:
    return jsonify(_described())


def _described() -> dict[str, Any]:
    contract: dict[str, Any] = json.loads((Path(__file__).parent / "openapi.json").read_text())
    properties = contract["components"]["schemas"]["NewComment"]["properties"]
    for name, most in LIMITS.items():
        properties[name]["maxLength"] = most
    contract["servers"] = [{"url": f"{request.script_root}/api/v1"}]
    return contract

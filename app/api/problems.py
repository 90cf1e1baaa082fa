"""Errors for programs: application/problem+json (RFC 9457)."""

from typing import Any

from flask import Response, jsonify
from werkzeug.exceptions import HTTPException

from app.errors import Refused
from app.extensions import db


def problem(status: int, title: str, code: str = "", **more: Any) -> Response:
    """An answer that says what went wrong; `code` is stable, `title` is a sentence for people."""
    answer = jsonify({"type": "about:blank", "title": title, "status": status, "code": code} | more)
    answer.status_code = status
    answer.content_type = "application/problem+json"
    if status == 429:
        answer.headers["Retry-After"] = "60"
    return answer


def refused(no: Refused) -> Response:
    db.session.rollback()
    errors = {no.field: [no.sentence]} if no.field else {}
    return problem(no.status, no.sentence, no.code, errors=errors)


def http(trouble: HTTPException) -> Response:
    return problem(trouble.code or 500, trouble.name, trouble.name.lower().replace(" ", "_"))

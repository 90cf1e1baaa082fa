"""Errors for programs: application/problem+json (RFC 9457)."""

import logging
from dataclasses import dataclass
from typing import Annotated, Any

from flask import Response, jsonify, request
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException

from app.api.access import NoToken, WrongScope
from app.api.declared import Doc, Invalid
from app.database import end_transaction
from app.errors import RETRY_AFTER_S, Refused, outage
from app.extensions import db
from app.operations import storage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Problem:
    """Problem details (RFC 9457)."""

    type: Annotated[str, Doc(example="about:blank")]
    title: Annotated[str, Doc("A sentence in the language of the request", example="Check your entries.")]
    status: Annotated[int, Doc(example=422)]
    code: Annotated[str, Doc("Stable", example="invalid")]
    errors: Annotated[dict[str, list[str]] | None, Doc("Sentences by field")] = None


def problem(status: int, title: str, code: str = "", **more: Any) -> Response:
    """An error response; `code` is stable, `title` is a sentence for people."""
    answer = jsonify({"type": "about:blank", "title": title, "status": status, "code": code} | more)
    answer.status_code = status
    answer.content_type = "application/problem+json"
    if status == 429:
        answer.headers["Retry-After"] = "60"
    return answer


def refused(no: Refused) -> Response:
    db.session.rollback()
    errors = no.errors if isinstance(no, Invalid) else {no.field: [no.sentence]} if no.field else {}
    answer = problem(no.status, no.sentence, no.code, errors=errors)
    if isinstance(no, NoToken | WrongScope):
        answer.headers["WWW-Authenticate"] = no.challenge
    if no.status == 429:
        answer.headers["Retry-After"] = str(no.retry_after)
    return answer


def http(trouble: HTTPException) -> Response:
    return problem(trouble.code or 500, trouble.name, trouble.name.lower().replace(" ", "_"))


def unavailable(trouble: Exception) -> Response:
    """503 if the database or the machine is unavailable; re-raises other errors."""
    name = outage(trouble)
    if not name:
        raise trouble
    log.warning("service unavailable: %s", name)
    storage.note(name)
    request.environ.setdefault("kaiwa.log", {})["fault"] = name
    end_transaction()
    answer = problem(503, _("The service is temporarily unavailable. Please try again in a moment."), "busy")
    answer.headers["Retry-After"] = RETRY_AFTER_S
    return answer

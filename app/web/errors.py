"""Errors that tell the mend, in the reader's language."""

import logging

from flask import Flask, Response, make_response, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from app.errors import RETRY_AFTER_S, Refused, will_pass
from app.extensions import db
from app.forms.where import is_navigation

log = logging.getLogger(__name__)


def install(app: Flask) -> None:
    app.register_error_handler(Refused, refused)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(OperationalError, _database)


def refused(no: Refused) -> Response:
    """One sentence, as a page for people who navigate and as a fragment for the widget."""
    db.session.rollback()
    return _say(no.sentence, no.status)


def _csrf(trouble: CSRFError) -> Response:
    return _say(_("This page was open for too long. Go back, reload it and try again."), 400)


def _http(trouble: HTTPException) -> Response:
    sentences = {
        400: _("The request cannot be understood."),
        403: _("This is not allowed."),
        404: _("There is nothing here."),
        405: _("This address does not take that kind of request."),
        413: _("This is too long. Please shorten it."),
        415: _("This is not what one of our forms sends."),
        429: _("Too many requests. Please wait a little."),
        500: _("Something went wrong on our side. Please try again."),
    }
    answer = _say(sentences.get(trouble.code or 500, trouble.name), trouble.code or 500)
    for name in ("Allow", "Location", "Retry-After"):
        if value := trouble.get_response().headers.get(name):
            answer.headers[name] = value
    return answer


def _database(trouble: OperationalError) -> Response:
    if not will_pass(trouble):
        raise trouble
    log.warning("the database cannot be used just now: %s", type(trouble.orig).__name__)
    db.session.rollback()
    answer = _say(_("Your comment could not be stored just now. Please try again in a moment."), 503)
    answer.headers["Retry-After"] = RETRY_AFTER_S
    return answer


def _say(sentence: str, status: int) -> Response:
    fragment = request.path.startswith("/embed/") and not is_navigation()
    name = "thread/_notice.html" if fragment else "error.html"
    answer = make_response(render_template(name, notice=sentence, status=status), status)
    if status == 429:
        answer.headers.setdefault("Retry-After", "60")
    return answer

"""Errors that tell the mend, in the reader's language."""

import logging

from flask import Flask, Response, make_response, render_template, request
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from app.errors import RETRY_AFTER_S, Refused, outage
from app.extensions import SAFE_METHODS, db, end_transaction
from app.forms.where import is_navigation
from app.lib.language import LANGUAGES

log = logging.getLogger(__name__)
# For the widget, and for people who navigate.
TEMPLATES = ("thread/_notice.html", "error.html")
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def install(app: Flask) -> None:
    app.register_error_handler(Refused, refused)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unavailable)
    _load_what_errors_need(app)


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


def _unavailable(trouble: Exception) -> Response:
    """503 while the database or the machine is busy, full or away; any other error is a bug."""
    name = outage(trouble)
    if not name:
        raise trouble
    log.warning("service unavailable: %s", name)
    request.environ.setdefault("kaiwa.log", {})["fault"] = name
    end_transaction()
    answer = _say(_unavailable_sentence(), 503, typed=_typed())
    answer.headers["Retry-After"] = RETRY_AFTER_S
    return answer


def _unavailable_sentence() -> str:
    if request.method in SAFE_METHODS:
        return _("The service cannot show this just now. Nothing is lost. Please try again in a moment.")
    return _("This could not be saved just now. Please try again in a moment.")


def _typed() -> str:
    """The text of a form that could not be saved, so that the page can give it back."""
    if request.method in SAFE_METHODS or request.mimetype not in FORMS:
        return ""
    return next((text for name in ("body", "text", "note") if (text := request.form.get(name, ""))), "")


def _load_what_errors_need(app: Flask) -> None:
    """A process that has no file descriptor left cannot load a template to say so."""
    for name in TEMPLATES:
        app.jinja_env.get_template(name)
    for lang in LANGUAGES:
        with app.test_request_context(), force_locale(lang):
            _("This could not be saved just now. Please try again in a moment.")


def _say(sentence: str, status: int, typed: str = "") -> Response:
    fragment = request.path.startswith("/embed/") and not is_navigation()
    name = TEMPLATES[0] if fragment else TEMPLATES[1]
    answer = make_response(render_template(name, notice=sentence, status=status, typed=typed), status)
    if status == 429:
        answer.headers.setdefault("Retry-After", "60")
    return answer

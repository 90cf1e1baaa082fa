"""Error pages in the reader's language."""

import logging
from collections.abc import Callable

from flask import Flask, Response, jsonify, make_response, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.datastructures import LanguageAccept
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_accept_header

from app.connections import SAFE_METHODS
from app.database import end_transaction
from app.errors import RETRY_AFTER_S, Refused, outage
from app.extensions import db
from app.forms.where import is_navigation
from app.lib.language import DEFAULT, languages, preferred
from app.operations import storage
from app.web.access import LOGGED_OUT, is_logged_out_script
from app.web.embed import for_origin

Answer = tuple[int, list[tuple[str, str]], bytes]

log = logging.getLogger(__name__)
# For the widget, and for browsers that navigate.
TEMPLATES = ("thread/_notice.html", "error.html")
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def install(app: Flask) -> None:
    app.register_error_handler(Refused, refused)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unavailable)


def refused(no: Refused) -> Response:
    """A page for browsers that navigate, a fragment for the widget."""
    db.session.rollback()
    answer = _say(no.sentence, no.status)
    if no.status == 429:
        answer.headers["Retry-After"] = str(no.retry_after)
    # The widget shows the sentence. Posts are counted after their origin was checked; reads are public.
    if request.path.startswith("/embed/") and (no.status == 429 or request.method in SAFE_METHODS):
        for_origin(answer, request.headers.get("Origin", ""))
    return answer


def _csrf(trouble: CSRFError) -> Response:
    return _say(_("Your session has expired. Go back, reload the page and try again."), 400)


def _http(trouble: HTTPException) -> Response:
    # A large batch is too large only for those who are logged out.
    if trouble.code == 413 and is_logged_out_script():
        return _say(str(LOGGED_OUT), 401)
    sentences = {
        400: _("Bad request"),
        403: _("You don’t have permission to do this."),
        404: _("Page not found"),
        405: _("Method not allowed"),
        413: _("This is too long. Shorten it and try again."),
        415: _("Your comment couldn’t be verified. Reload the page and try again."),
        429: _("Too many requests. Please wait a moment and try again."),
        500: _("Something went wrong. Please try again."),
    }
    code, sentence = trouble.code or 500, sentences.get(trouble.code or 500, trouble.name)
    # An address below the API that is none of its operations.
    below = request.path.startswith("/api/")
    answer = _problem(sentence, code, trouble.name.lower().replace(" ", "_")) if below else _say(sentence, code)
    for name in ("Allow", "Location", "Retry-After"):
        if value := trouble.get_response().headers.get(name):
            answer.headers[name] = value
    return answer


def _unavailable(trouble: Exception) -> Response:
    """503 if the database or the machine is unavailable; re-raises other errors."""
    name = outage(trouble)
    if not name:
        raise trouble
    log.warning("service unavailable: %s", name)
    storage.note(name)
    request.environ.setdefault("kaiwa.log", {})["fault"] = name
    end_transaction()
    answer = _say(_unavailable_sentence(), 503, typed=_typed())
    answer.headers["Retry-After"] = RETRY_AFTER_S
    return answer


def _unavailable_sentence() -> str:
    if request.method in SAFE_METHODS:
        return _("We can’t show this right now. Nothing is lost. Please try again in a moment.")
    return _("We couldn’t save this. Please try again in a moment.")


def _typed() -> str:
    """Input of a form that could not be saved, to give it back."""
    if request.method in SAFE_METHODS or request.mimetype not in FORMS:
        return ""
    return next((text for name in ("body", "text", "note") if (text := request.form.get(name, ""))), "")


def ready_answers(app: Flask) -> Callable[[str, str], Answer]:
    """A function that returns the prepared 503 of a path in the first language of a header.

    Prepared bytes need no thread, and no template that a process without file descriptors could not load.
    """
    ready = {(path, lang): _as_bytes(app, path, lang) for path in ("/embed/", "/api/", "/") for lang in languages()}

    def choose(path: str, accepted: str) -> Answer:
        lang = preferred(parse_accept_header(accepted, LanguageAccept)) or DEFAULT
        return ready[next(start for start in ("/embed/", "/api/", "/") if path.startswith(start)), lang]

    return choose


def _as_bytes(app: Flask, path: str, lang: str) -> Answer:
    with app.test_request_context(path, headers={"Accept-Language": lang}):
        sentence = _("The service is temporarily unavailable. Please try again in a moment.")
        answer = _say(sentence, 503) if path != "/api/" else _problem(sentence, 503, "busy")
        answer.headers["Retry-After"] = RETRY_AFTER_S
        answer.headers["Access-Control-Allow-Origin"] = "*"
        answer.headers["Access-Control-Expose-Headers"] = "Retry-After"
        answer.headers["Cache-Control"] = "no-store"
        answer = app.process_response(answer)
        return 503, [(name.lower(), value) for name, value in answer.headers.items()], answer.get_data()


def _problem(sentence: str, status: int, code: str) -> Response:
    answer = jsonify(type="about:blank", title=sentence, status=status, code=code)
    answer.status_code, answer.content_type = status, "application/problem+json"
    return answer


def _say(sentence: str, status: int, typed: str = "") -> Response:
    fragment = request.path.startswith("/embed/") and not is_navigation()
    name = TEMPLATES[0] if fragment else TEMPLATES[1]
    answer = make_response(render_template(name, notice=sentence, status=status, typed=typed), status)
    if status == 429:
        answer.headers.setdefault("Retry-After", "60")
    return answer

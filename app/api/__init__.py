"""JSON for programs."""

from flask import Blueprint, Flask
from werkzeug.exceptions import HTTPException

from app.api import (
    access,
    authors,
    checkers,
    comments,
    contract,
    cors,
    covers,
    decisions,
    latest,
    log,
    notices,
    picks,
    problems,
    queue,
    reference,
    reports,
    rules,
    site,
    threads,
    transfers,
    webhooks,
)
from app.errors import Refused
from app.extensions import csrf

VIEWS = (
    threads, comments, picks, latest, contract, reference, queue, decisions, covers, authors, rules, reports, notices,
    site, log, transfers, webhooks, checkers,
)  # fmt: skip


def install(app: Flask) -> None:
    api = Blueprint("api", __name__, url_prefix="/api/v1")
    for views in VIEWS:
        api.register_blueprint(views.bp)
        # No route uses a log-in.
        csrf.exempt(views.bp)
    api.register_error_handler(Refused, problems.refused)
    api.register_error_handler(HTTPException, problems.http)
    api.register_error_handler(Exception, problems.unavailable)
    api.before_request(cors.preflight)
    api.after_request(cors.tell_origin)
    api.after_request(access.tell_limits)
    app.register_blueprint(api)

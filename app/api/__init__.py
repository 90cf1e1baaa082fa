"""JSON for programs."""

from flask import Blueprint, Flask
from werkzeug.exceptions import HTTPException

from app.api import comments, contract, picks, problems, threads
from app.errors import Refused
from app.extensions import csrf


def install(app: Flask) -> None:
    api = Blueprint("api", __name__, url_prefix="/api/v1")
    for door in (threads, comments, picks, contract):
        api.register_blueprint(door.bp)
    api.register_error_handler(Refused, problems.refused)
    api.register_error_handler(HTTPException, problems.http)
    api.register_error_handler(Exception, problems.unavailable)
    # No route uses a log-in.
    csrf.exempt(comments.bp)
    app.register_blueprint(api)

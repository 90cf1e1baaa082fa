"""Serve no request with keys that do not belong to the database."""

import logging

from flask import Flask, request
from flask_babel import gettext as _

from app.errors import Refused
from app.models import keyring

# These report the problem.
OPEN = ("health.healthz", "health.readyz")

log = logging.getLogger(__name__)


def install(app: Flask) -> None:
    app.before_request(_refuse_foreign_keys)


def _refuse_foreign_keys() -> None:
    if request.endpoint in OPEN:
        return
    try:
        keyring.admit()
    except keyring.WrongKey as wrong:
        log.error("SECRET_KEY does not belong to the database", extra={"fix": str(wrong)})
        sentence = _("This service is not set up correctly. The operator can find the cause with “flask check”.")
        raise Refused("wrong_key", sentence, status=503) from wrong

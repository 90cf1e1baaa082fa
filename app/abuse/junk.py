"""Refuse junk by its headers, before parsing and queries."""

from flask import abort, request
from flask_babel import gettext as _

from app.connections import SAFE_METHODS
from app.errors import Refused
from app.lib.urls import origin_of

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


def require_form() -> None:
    """Raise 415 or Refused (403) for a request that none of our forms can send."""
    if request.mimetype not in FORM_TYPES:
        abort(415)
    _refuse_origin()


def require_json() -> None:
    """Raise 415 or Refused (403) for a request that should carry JSON and does not."""
    if request.method not in SAFE_METHODS and not request.is_json:
        abort(415)
    _refuse_origin()


def _refuse_origin() -> None:
    """Refuse the origin of a sandboxed frame, a file or an unknown scheme; `check_origin` checks the site."""
    origin = request.headers.get("Origin", "")
    if origin and origin_of(origin) is None:
        raise Refused("wrong_origin", _("Comments aren’t enabled for this address."), status=403)

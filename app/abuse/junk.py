"""Junk is refused by what its head says: before its body is read as fields, and before the database is asked."""

from flask import abort, request
from flask_babel import gettext as _

from app.errors import Refused
from app.lib.urls import origin_of

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


def refuse_what_is_no_form() -> None:
    """Raise 415 or Refused (403) for what no form of ours on any page can have sent."""
    if request.mimetype not in FORM_TYPES:
        abort(415)
    _refuse_origin()


def refuse_what_is_no_json() -> None:
    """The same for programs."""
    if not request.is_json:
        abort(415)
    _refuse_origin()


def _refuse_origin() -> None:
    """A sandboxed frame, a file or a made-up scheme is nobody's site; which site's it is, `check_origin` asks."""
    origin = request.headers.get("Origin", "")
    if origin and origin_of(origin) is None:
        raise Refused("wrong_origin", _("Comments aren’t enabled for this address."), status=403)

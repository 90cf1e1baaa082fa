"""Junk is refused by what its head says: before its body is read as fields, and before the database is asked."""

from flask import abort, request
from flask_babel import gettext as _

from app.errors import Refused
from app.lib.urls import origin_of

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
# A form of ours has some twenty. Each costs more to read than the byte or two that it costs to send.
MOST_FIELDS = 200


def refuse_what_is_no_form() -> None:
    """Raise 413, 415 or Refused (403) for what no form of ours on any page can have sent."""
    _refuse_size()
    if request.mimetype not in FORM_TYPES:
        abort(415)
    if request.get_data(cache=True).count(b"&") > MOST_FIELDS:
        abort(413)
    _refuse_origin()


def refuse_what_is_no_json() -> None:
    """The same for programs."""
    _refuse_size()
    if not request.is_json:
        abort(415)
    _refuse_origin()


def _refuse_size() -> None:
    if (request.content_length or 0) > (request.max_content_length or 0):
        abort(413)


def _refuse_origin() -> None:
    """A sandboxed frame, a file or a made-up scheme is nobody's site; which site's it is, `check_origin` asks."""
    origin = request.headers.get("Origin", "")
    if origin and origin_of(origin) is None:
        raise Refused("wrong_origin", _("This page may not send comments to this site."), status=403)

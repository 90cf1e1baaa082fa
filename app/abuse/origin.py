"""Which origins may send requests for a site."""

from flask import current_app, request
from flask_babel import gettext as _

from app.errors import Refused
from app.lib.urls import is_allowed, origin_of
from app.models import Site


def check_origin(site: Site) -> str:
    """Return the request's Origin if it may write to `site`; '' if there is none.

    Raises Refused (403). Browsers always send an Origin; other programs have no reader's cookies.
    """
    origin = request.headers.get("Origin", "")
    if not origin or origin == origin_of(current_app.config["PUBLIC_URL"]):
        return origin
    # Only as browsers write it: the answer repeats it in a header.
    if origin_of(origin) == origin and is_allowed(origin, site.origins):
        return origin
    raise Refused("wrong_origin", _("Comments aren’t enabled for this address."), status=403)

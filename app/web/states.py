"""The state of an article as its page claims it, signed by the publisher."""

from flask import Blueprint, make_response, request
from werkzeug.wrappers import Response

from app.abuse import limits
from app.abuse.junk import require_form
from app.abuse.origin import check_origin
from app.database import read_only, write_transaction
from app.extensions import csrf
from app.forms.where import READ_LENGTH, where
from app.moderation import page_state
from app.web.embed import for_origin

bp = Blueprint("states", __name__)
# The signature gives the right.
csrf.exempt(bp)
bp.before_request(require_form)
bp.before_request(read_only)


@bp.post("/embed/state")
def claim() -> Response:
    """200 if the claim changed the state, else 204."""
    here = where(request.form)
    origin = check_origin(here.site)
    limits.admit(here.site, "state")
    page = request.form.get("thread", "")[:READ_LENGTH] or request.form.get("url", "")
    claimed = page_state.read(here.site, page, request.form.get("state", ""))
    with write_transaction():
        changed = page_state.apply(here.obtain_thread(), claimed)
    return for_origin(make_response("", 200 if changed else 204), origin)

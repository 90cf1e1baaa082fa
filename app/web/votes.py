"""Readers mark a comment as helpful, without an account and without a cookie."""

from flask import Blueprint, abort, make_response, redirect, render_template, request
from flask_babel import ngettext as _n
from werkzeug.wrappers import Response

from app.abuse import address, limits
from app.abuse.junk import require_form
from app.abuse.origin import check_origin
from app.comments import votes
from app.database import read_only, write_transaction
from app.errors import Refused
from app.extensions import csrf
from app.forms.where import Where, is_navigation, where
from app.lib import ids
from app.models import Comment, Site
from app.web import cookie, errors
from app.web.embed import for_origin
from app.web.thread import address_of, around, reader_view

bp = Blueprint("votes", __name__)
# No log-in is used; the Origin header is checked.
csrf.exempt(bp)
bp.before_request(require_form)
bp.before_request(read_only)


@bp.post("/embed/votes")
def cast() -> Response:
    """`helpful` is the id of a comment to vote for, `back` of one whose vote is taken back."""
    here = where(request.form)
    origin, comment = check_origin(here.site), _voted(here.site)
    try:
        limits.admit(here.site, "vote")
        _change(comment)
    except Refused as no:
        return _refused(no, origin)
    if is_navigation():
        return redirect(_address_of(here, comment), 303)
    shown = reader_view(comment)
    said = _n("%(num)d reader found this helpful.", "%(num)d readers found this helpful.", shown.helpful or 0)
    html = render_template("thread/_voted.html", **around(here), comment=shown, said=said)
    return for_origin(make_response(html), origin)


def _change(comment: Comment) -> None:
    voter = address.voter(comment.site, address.client())
    with write_transaction():
        if "back" in request.form:
            votes.take_back(comment, voter)
        else:
            votes.vote(comment, voter, author=request.form.get("author") or _author_token())


def _author_token() -> str:
    return cookie.author_token() if is_navigation() else ""


def _voted(site: Site) -> Comment:
    id = request.form.get("back" if "back" in request.form else "helpful", type=ids.read)
    found = Comment.public(id) if id and site.votes else None
    return found if found and found.site_id == site.id else abort(404)


def _refused(no: Refused, origin: str) -> Response:
    answer = errors.refused(no)
    return answer if is_navigation() else for_origin(answer, origin)


def _address_of(here: Where, comment: Comment) -> str:
    """Back to the comment, on the page that shows the reader's vote; in a long thread on the part around it."""
    part = {"comment": comment.id} if comment.thread.approved_count > here.site.page_size else {}
    return address_of(here, f"comment-{comment.id}", voted=comment.id, **part)

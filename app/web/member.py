"""Members of the publisher: a page's signed assertion becomes our token, and a form with their name."""

import logging

from flask import Blueprint, make_response, redirect, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from app.abuse import limits
from app.abuse.junk import require_form
from app.abuse.origin import check_origin
from app.abuse.timing import stamp_of_the_hour
from app.comments import members, reading
from app.comments.members import Member
from app.database import read_only
from app.errors import Refused, outage
from app.extensions import csrf, db
from app.forms.comment import CommentForm
from app.forms.member import read_assertion
from app.forms.where import Where, is_navigation, where
from app.models import MemberKey, Site
from app.web import cookie
from app.web.embed import for_origin
from app.web.thread import address_of, context

log = logging.getLogger(__name__)

bp = Blueprint("member", __name__)
# The signature gives the right.
csrf.exempt(bp)
bp.before_request(require_form)
bp.before_request(read_only)


@bp.post("/embed/member")
def exchange() -> Response:
    """Stores nothing about the member. Without a script, the token goes into the cookie of the thread's page."""
    here = where(request.form)
    origin = check_origin(here.site)
    if is_navigation() and not request.form.get("member"):
        return _logged_out(here)
    try:
        limits.admit(here.site, "member")
        member, token = _logged_in(here.site)
    except Refused as no:
        if is_navigation():
            raise
        return _refused(no, origin)
    if is_navigation():
        answer = redirect(address_of(here, "respond", own=1), 303)
        cookie.set_tokens(answer, token, "", lasting=False)
        return answer
    answer = for_origin(make_response(_shown(here, member)), origin)
    answer.headers["Kaiwa-Author"] = token
    return answer


def _logged_in(site: Site) -> tuple[Member, str]:
    """The member and our token. A page that was opened before, and shows another thread, sends our token back."""
    if token := request.form.get("author", ""):
        return members.member_of(site, token), token
    member, key = read_assertion(site, request.form.get("member", ""))
    token = members.token_of(site, member, key)
    _note_use(key)
    return member, token


def _note_use(key: MemberKey) -> None:
    """Fails open: the database may be busy, and a log-in needs no write."""
    try:
        key.note_use()
    except SQLAlchemyError as trouble:
        if not outage(trouble):
            raise
        db.session.rollback()
        log.warning("use of a member key not noted: database busy")


def _logged_out(here: Where) -> Response:
    answer = redirect(address_of(here, "respond"), 303)
    cookie.forget(answer)
    return answer


def _shown(here: Where, member: Member) -> str:
    form, mine = CommentForm(here.site, member=member), members.own_comments(here.site, member, here.thread)
    given = context(here, form, stamp=stamp_of_the_hour(here.site.key))
    return render_template(
        "thread/_member.html", **given, open=here.accepts_comments, comments=reading.waiting_or_editable(mine)
    )  # fmt: skip


def _refused(no: Refused, origin: str) -> Response:
    """The sentence for the publisher, in the console of the page."""
    answer = for_origin(make_response(render_template("thread/_notice.html", notice=no.sentence), no.status), origin)
    if no.status == 429:
        answer.headers["Retry-After"] = str(no.retry_after)
    return answer

"""The public form for legal notices about comments."""

from typing import Any

from flask import Blueprint, abort, current_app, redirect, render_template, request

from app.abuse import limits
from app.abuse.junk import require_form
from app.abuse.origin import check_origin
from app.database import read_only, write_transaction
from app.errors import Refused
from app.extensions import csrf, db
from app.forms.notice import NoticeForm
from app.forms.permalink import comment_at
from app.forms.where import site_or_404
from app.lib import ids
from app.lib.language import matching, preferred, speak
from app.models import Comment, Site
from app.moderation import notices
from app.notify import signed_links
from app.notify.notice_email import permalink

bp = Blueprint("notices", __name__, url_prefix="/notices/<key>")
# No log-in is used; the Origin header is checked.
csrf.exempt(bp)


@bp.get("")
def ask(key: str) -> str:
    """With `comment`, the link is filled in."""
    site = _site(key)
    id = request.args.get("comment", type=ids.read)
    comment = Comment.public(id) if id else None
    link = permalink(comment) if comment and comment.site_id == site.id else ""
    return _page(site, NoticeForm(link=link))


@bp.post("")
def take(key: str) -> Any:
    read_only()
    require_form()
    site, form = _site(key), NoticeForm(request.form)
    check_origin(site)
    limits.admit(site, "report")
    valid, comment = form.validate(), comment_at(site, form.link.data or "")
    if valid and comment is None:
        form.link.errors = [*form.link.errors, form.no_comment]
    if not valid or comment is None:
        return _page(site, form), 422
    if form.trap.data:
        return _page(site, NoticeForm())
    limits.admit(site, "notice")
    return _take(key, form, comment.id)


def _take(key: str, form: NoticeForm, comment_id: int) -> Any:
    try:
        with write_transaction():
            comment = Comment.public(comment_id) or abort(404)
            notice = notices.submit(comment, form.draft(_language()))
        return redirect(signed_links.notice_link(notice, emailed=False), 303)
    except Refused as no:
        db.session.rollback()
        return _page(_site(key), form, no.sentence), no.status


def _site(key: str) -> Site:
    site = site_or_404(key)
    if not site.notices:
        abort(404)
    speak(_language(), site.lang, site.timezone)
    return site


def _language() -> str:
    """An installed language, or ''."""
    return matching(request.values.get("lang", "")) or preferred(request.accept_languages)


def _page(site: Site, form: NoticeForm, notice: str = "") -> str:
    can_email = bool(current_app.config["MAIL_URL"])
    return render_template("notice/form.html", site=site, form=form, notice=notice, can_email=can_email)

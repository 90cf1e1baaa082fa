"""The page of a legal notice for its sender, behind a signed link: its state, confirm the address, object."""

from typing import Any

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.database import read_only, write_transaction
from app.errors import Refused
from app.extensions import csrf, db
from app.forms.notice import ObjectionForm
from app.lib.language import preferred, speak
from app.models import claim_name
from app.moderation import notices
from app.notify import signed_links
from app.notify.notice_email import permalink

bp = Blueprint("notice_links", __name__, url_prefix="/notice/<token>")
# The token in the address gives the right; nothing of a session is used.
csrf.exempt(bp)
bp.before_request(read_only)


@bp.get("")
def show(token: str) -> str:
    return _page(token)


@bp.post("/confirm")
def confirm(token: str) -> Response:
    """Only by an emailed link."""
    with write_transaction():
        notice, emailed = signed_links.notice_of(token)
        if emailed:
            notices.confirm(notice)
    return _back(token)


@bp.post("/disown")
def disown(token: str) -> Response:
    with write_transaction():
        notice, emailed = signed_links.notice_of(token)
        if emailed:
            notices.disown(notice)
    return _back(token)


@bp.post("/object")
def object_to(token: str) -> Any:
    form = ObjectionForm(request.form)
    if not form.validate():
        return _page(token, form), 422
    try:
        with write_transaction():
            notices.object_to(signed_links.notice_of(token)[0], form.text.data)
    except Refused as no:
        db.session.rollback()
        return _page(token, form, no.sentence), no.status
    return _back(token)


def _page(token: str, form: ObjectionForm | None = None, sentence: str = "") -> str:
    notice, emailed = signed_links.notice_of(token)
    speak(notice.lang or preferred(request.accept_languages), notice.site.lang, notice.site.timezone)
    return render_template(
        "notice/status.html", site=notice.site, notice=notice, emailed=emailed, sentence=sentence, token=token,
        form=form or ObjectionForm(), claim=claim_name(notice.claim), permalink=permalink(notice.comment),
        may_object=notices.may_object(notice), can_email=bool(current_app.config["MAIL_URL"]),
    )  # fmt: skip


def _back(token: str) -> Response:
    return redirect(url_for("notice_links.show", token=token), 303)

"""The author of a comment agrees to its removal after a legal notice, or objects, behind a signed link."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from app.database import read_only, write_transaction
from app.errors import Refused
from app.extensions import csrf, db
from app.forms.notice import AnswerForm
from app.lib.language import preferred, speak
from app.models import claim_name
from app.moderation import notices
from app.notify import signed_links

bp = Blueprint("inquiries", __name__, url_prefix="/inquiry/<token>")
# The token in the address gives the right; nothing of a session is used.
csrf.exempt(bp)
bp.before_request(read_only)


@bp.get("")
def show(token: str) -> str:
    return _page(token)


@bp.post("")
def answer(token: str) -> Any:
    form = AnswerForm(request.form)
    if not form.validate():
        return _page(token, form), 422
    try:
        with write_transaction():
            notices.take_answer(signed_links.inquiry_of(token), form.answer.data, form.text.data or "")
    except Refused as no:
        db.session.rollback()
        return _page(token, form, no.sentence), no.status
    return redirect(url_for("inquiries.show", token=token), 303)


def _page(token: str, form: AnswerForm | None = None, sentence: str = "") -> str:
    notice = signed_links.inquiry_of(token)
    speak(preferred(request.accept_languages), notice.site.lang, notice.site.timezone)
    return render_template(
        "notice/inquiry.html", site=notice.site, notice=notice, comment=notice.comment, token=token, sentence=sentence,
        form=form or AnswerForm(), claim=claim_name(notice.claim), may_answer=notices.may_answer(notice),
    )  # fmt: skip

"""A comment's page for its author, behind a signed link: its status, edit and delete, the decision and its reason."""

import json
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for

from app.abuse import limits
from app.comments import amend, reading
from app.database import read_only, write_transaction
from app.desk.review_time import usual_review_time
from app.errors import Refused
from app.extensions import csrf
from app.forms.comment import EditForm
from app.lib.language import preferred, speak
from app.models import Comment, Decision
from app.moderation import receipts
from app.moderation.appeals import standing_rejection
from app.notify import author_email, signed_links

bp = Blueprint("own_comment", __name__, url_prefix="/comment/<token>")
# The token in the address gives the right; nothing of a session is used.
csrf.exempt(bp)
bp.before_request(read_only)


@bp.get("")
def show(token: str) -> str:
    return _page(_comment(token), token)


@bp.get("/receipt.json")
def receipt(token: str) -> Response:
    """The receipt as a file, which docs/receipts.md tells how to check. 404 until the decision has one."""
    comment = _comment(token)
    found = receipts.receipt_of(comment) or abort(404)
    answer = Response(json.dumps(found.file, indent=2) + "\n", content_type="application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="receipt-{comment.id}.json"'
    return answer


@bp.post("/edit")
def edit(token: str) -> Any:
    comment, form = _comment(token), EditForm(request.form)
    limits.admit(comment.site, "edit")
    if not form.validate():
        return _page(comment, token, form), 422
    try:
        with write_transaction():
            amend.edit(_comment(token), form.body.data)
    except Refused as no:
        return _page(_comment(token), token, form, notice=no.sentence), no.status
    return _back(token)


@bp.post("/withdraw")
def withdraw(token: str) -> Any:
    limits.admit(_comment(token).site, "withdraw")
    with write_transaction():
        amend.withdraw(_comment(token))
    return _back(token)


def _comment(token: str) -> Comment:
    comment = signed_links.own_comment(token)
    speak(preferred(request.accept_languages), comment.site.lang, comment.site.timezone)
    return comment


def _page(comment: Comment, token: str, form: EditForm | None = None, notice: str = "") -> str:
    rejection = standing_rejection(comment)
    return render_template(
        "emails/own.html",
        site=comment.site,
        comment=reading.show_own(comment, ""),
        page=comment.thread.label,
        form=form or EditForm(body=comment.body),
        notice=notice,
        rejection=rejection,
        why=author_email.why(rejection) if rejection else "",
        appeal=signed_links.appeal_link(rejection) if rejection and _may_appeal(rejection) else "",
        public=comment.is_public,
        token=token,
        receipt=receipts.receipt_of(comment),
        review_time=usual_review_time,
    )


def _may_appeal(rejection: Decision) -> bool:
    return not Decision.has_reason(rejection.comment, "appeal")


def _back(token: str) -> Any:
    return redirect(url_for("own_comment.show", token=token), 303)

"""Report a public comment without an account. No data about the reader is stored."""

from flask import Blueprint, abort, make_response, render_template, request
from werkzeug.wrappers import Response

from app.abuse import address, limits
from app.abuse.origin import check_origin
from app.database import read_only, write_transaction
from app.errors import Refused
from app.extensions import csrf, db
from app.forms.report import ReportForm
from app.forms.where import is_navigation
from app.lib.language import speak
from app.models import Comment
from app.moderation.reports import report
from app.web.embed import for_origin, frame_policy

bp = Blueprint("reports", __name__, url_prefix="/embed/report")
# No log-in is used; the Origin header is checked.
csrf.exempt(bp)


@bp.get("/<int:id>")
def ask(id: int) -> Response:
    comment, origin = _reported(id)
    return _answer(comment, origin, "ask", form=ReportForm())


@bp.post("/<int:id>")
def take(id: int) -> Response:
    read_only()
    comment, origin = _reported(id)
    form = ReportForm(request.form)
    try:
        limits.admit(comment.site, "report")
    except Refused as no:
        return _refused(id, form, no)
    if not form.validate():
        return _answer(comment, origin, "ask", 422, form=form)
    try:
        if not form.trap.data:
            with write_transaction():
                reader = address.reporter(comment.site, address.client())
                report(comment, reader=reader, reason=form.chosen, note=form.note.data)
    except Refused as no:
        return _refused(id, form, no)
    return _answer(comment, origin, "thanks")


def _refused(id: int, form: ReportForm, no: Refused) -> Response:
    """The form with its input; records are reloaded after the rollback."""
    db.session.rollback()
    answer = _answer(*_reported(id), "ask", no.status, form=form, notice=no.sentence)
    if no.status == 429:
        answer.headers["Retry-After"] = str(no.retry_after)
    return answer


def _reported(id: int) -> tuple[Comment, str]:
    comment = Comment.public(id) or abort(404)
    speak(request.values.get("lang", ""), comment.site.lang, comment.site.timezone)
    return comment, check_origin(comment.site)


def _answer(
    comment: Comment, origin: str, what: str, status: int = 200, form: ReportForm | None = None, notice: str = ""
) -> Response:
    context = {"comment": comment, "form": form, "notice": notice}
    if not is_navigation():
        html = render_template(f"report/_{what}.html", **context)
        return for_origin(make_response(html, status), origin)
    html = render_template("report/page.html", inside=f"report/_{what}.html", **context)
    answer = make_response(html, status)
    answer.headers["Content-Security-Policy"] = frame_policy(comment.site)
    return answer

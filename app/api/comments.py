"""Comments from programs: the same form, the same screening, the same once."""

from flask import Blueprint, Response, jsonify, request
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from app.abuse.origin import check_origin
from app.api import shapes
from app.api.problems import problem
from app.comments import reading, tokens
from app.comments.submit import submit, thread_for
from app.extensions import db
from app.forms.comment import CommentForm
from app.forms.where import where
from app.models import Status

bp = Blueprint("comments", __name__)


@bp.post("/comments")
def post() -> Response:
    given = request.get_json(silent=True)
    if not isinstance(given, dict) or not all(isinstance(value, str | int) for value in given.values()):
        return problem(400, _("The request cannot be understood."), "bad_json")
    fields = MultiDict({name: str(value) for name, value in given.items()})
    here = where(fields)
    check_origin(here.site)
    form = CommentForm(here.site, fields)
    if not form.validate():
        return problem(422, _("Please check what you wrote."), "invalid", errors=form.errors)
    thread = thread_for(here.site, key=here.key, url=here.url, title=here.title)
    submitted = submit(thread, form.draft(here.lang, author=fields.get("author", "")))
    db.session.commit()
    approved = submitted.comment.status == Status.APPROVED
    shown = reading.show_own(submitted.comment, "")
    answer = {"status": "approved" if approved else "pending", "comment": shapes.comment(shown)}
    if submitted.recognised:
        answer["token"] = tokens.for_comment(submitted.comment)
        answer["author"] = tokens.for_author(submitted.comment.author)
    return jsonify(answer), 201 if approved else 202  # type: ignore[return-value]

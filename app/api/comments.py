"""Comments from programs, with the form and the screening of the web."""

from flask import Blueprint, Response, jsonify
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from app.abuse import limits
from app.abuse.junk import require_json
from app.abuse.origin import check_origin
from app.api import shapes
from app.api.body import json_object, not_understood
from app.api.contract import NEW_COMMENT
from app.api.problems import problem
from app.comments import reading, tokens
from app.comments.admission import Crowded
from app.comments.submit import screen, submit
from app.database import read_only, write_transaction
from app.errors import Refused
from app.forms.comment import CommentForm
from app.forms.where import where
from app.models import Status

bp = Blueprint("comments", __name__)
bp.before_request(require_json)


@bp.post("/comments")
def post() -> Response:
    fields = _fields()
    read_only()
    here = where(fields)
    check_origin(here.site)
    limits.refuse_exhausted(here.site, "post", "crowded")
    form = CommentForm(here.site, fields, here.words)
    if not form.validate():
        limits.count(here.site, "post")
        return problem(422, _("Check your entries."), "invalid", errors=form.errors)
    draft = form.draft(here.lang, page=here.key, claimed=here.claimed(fields), author=fields.get("author", ""))
    screened = screen(here.site, draft)
    try:
        with write_transaction():
            submitted = submit(here.obtain_thread(), draft, screened)
    except Refused as no:
        limits.count(where(fields).site, "crowded" if isinstance(no, Crowded) else "post")
        raise
    if submitted.again:
        limits.count(here.site, "post")
    approved = submitted.comment.status == Status.APPROVED
    # A copy of an earlier comment from an unknown sender gets the same answer, without a text that is held.
    shown = reading.show_own(submitted.comment, "") if submitted.recognised else reading.show(submitted.comment)
    answer = {"status": "approved" if approved else "pending", "comment": shapes.comment(shown)}
    if submitted.recognised:
        answer["token"] = tokens.for_comment(submitted.comment)
        answer["author"] = tokens.for_author(submitted.comment.author)
    return jsonify(answer), 201 if approved else 202  # type: ignore[return-value]


def _fields() -> MultiDict[str, str]:
    """The fields as a form has them. Raises Refused (400) for other types than text and whole numbers."""
    given = json_object()
    known = {name: given[name] for name in NEW_COMMENT if name in given}
    if not all(isinstance(value, str | int) for value in known.values()):
        raise not_understood()
    return MultiDict({name: str(value) for name, value in known.items()})

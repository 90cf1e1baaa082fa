"""The log page: who decided what and when, and a way back."""

from flask import Blueprint, abort, render_template, request

from app.models import Status
from app.moderation import history
from app.web.access import current_moderator, moderator_required

bp = Blueprint("history", __name__, url_prefix="/moderate")


@bp.get("/log")
@moderator_required
def show() -> str:
    me, status, by = current_moderator(), request.args.get("status", ""), request.args.get("moderator", type=int)
    people = history.colleagues(me)
    if (status and status not in list(Status)) or (by and by not in [person.id for person in people]):
        abort(404)
    page = history.decisions_for(
        me, status=Status(status) if status else None, by=by, before=request.args.get("before", type=int)
    )
    return render_template(
        "history/page.html", page=page, people=people, status=status, by=by, statuses=list(Status),
        can_be_undone=history.can_be_undone,
    )  # fmt: skip

"""Moderators pick comments for the place above the thread, and see the log of picks."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.comments import picks
from app.extensions import db
from app.forms.decision import UndoForm
from app.lib import ids
from app.models import Pick, section_scope
from app.web.access import comment_or_404, current_moderator, moderator_required, own_path, wants_fragment

bp = Blueprint("picks", __name__, url_prefix="/moderate")

LISTED = 50


@bp.post("/comments/<int:id>/pick")
@moderator_required
def pick(id: int) -> Any:
    """Pick a comment, or with `back` take that back."""
    comment, me = comment_or_404(id), current_moderator()
    if "back" in request.form:
        picks.unpick(comment, by=me)
    else:
        picks.pick(comment, by=me)
    db.session.commit()
    said = _("No longer picked.") if "back" in request.form else _("Picked. It now stands above the comments.")
    back = UndoForm().next.data or ""
    if wants_fragment():
        return render_template("queue/_picked.html", said=said, comment=comment, back=back)
    flash(said)
    return redirect(own_path(back), 303)


@bp.get("/log/picks")
@moderator_required
def log() -> str:
    """Who picked which comment, and who took that back."""
    me, before = current_moderator(), request.args.get("before", 0, type=ids.read) or 0
    mine = section_scope.about_comments(me, Pick.site_id, Pick.comment_id)
    found = Pick.on_sites(me.site_ids, *mine, before=before, limit=LISTED + 1)
    more = url_for("picks.log", before=found[LISTED - 1].id) if len(found) > LISTED else ""
    return render_template("history/picks.html", entries=found[:LISTED], more=more)

"""The queue page: comments that wait, and the buttons that decide on them."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request
from flask_babel import gettext as _
from markupsafe import Markup

from app.errors import Refused
from app.extensions import db
from app.forms.decision import MODERATED, DecisionForm, UndoForm
from app.models import Decision, Status
from app.moderation import history, queue
from app.moderation.decide import AlreadyDecided, decide, undo
from app.web.access import comment_or_404, current_moderator, moderator_required, own_path, wants_fragment

bp = Blueprint("queue", __name__, url_prefix="/moderate")


@bp.get("/")
@moderator_required
def show() -> str:
    status = request.args.get("status", Status.PENDING)
    if status not in MODERATED:
        abort(404)
    page = queue.waiting_for(current_moderator(), Status(status), request.args.get("after", type=int))
    return render_template("queue/page.html", page=page, statuses=MODERATED)


@bp.post("/comments/<int:id>/decisions")
@moderator_required
def decide_one(id: int) -> Any:
    comment, form = comment_or_404(id), DecisionForm()
    if not form.validate():
        abort(400)
    if comment.status == Status.DELETED:
        raise Refused("deleted", _("Its author has withdrawn this comment."), status=409)
    try:
        decision = decide(comment, Status(form.status.data), seen=form.seen.data, by=current_moderator())
    except AlreadyDecided as conflict:
        return _conflict(conflict, form)
    db.session.commit()
    return _decided(decision, form.next.data)


@bp.post("/decisions/<int:id>/undo")
@moderator_required
def undo_one(id: int) -> Any:
    decision, form = history.decision_of(current_moderator(), id) or abort(404), UndoForm()
    if not history.can_be_undone(decision):
        raise AlreadyDecided(decision.comment)
    undone = undo(decision, by=current_moderator())
    db.session.commit()
    if wants_fragment():
        return render_template("queue/_card.html", card=queue.card_of(undone.comment))
    flash(_("Undone."))
    return redirect(own_path(form.next.data or ""), 303)


def _decided(decision: Decision, back: str | None) -> Any:
    said = render_template("queue/_decided.html", decision=decision, back=back or "")
    if wants_fragment():
        return said
    flash(Markup(said))  # noqa: S704 (our own template)
    return redirect(own_path(back or ""), 303)


def _conflict(conflict: AlreadyDecided, form: DecisionForm) -> Any:
    newest = conflict.decision
    if newest and _is_hers(newest, form):
        # The same press again, because its first answer was lost on the way.
        return _decided(newest, form.next.data)
    template = "queue/_card.html" if wants_fragment() else "queue/conflict.html"
    card = queue.card_of(conflict.comment)
    return render_template(template, card=card, notice=conflict.sentence, back=form.next.data or ""), 409


def _is_hers(newest: Decision, form: DecisionForm) -> bool:
    same = newest.moderator_id == current_moderator().id and newest.version == form.seen.data + 1
    return same and newest.to_status == form.status.data

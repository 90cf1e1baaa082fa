"""Decide on one comment or many, and undo."""

from typing import Any

from flask import Blueprint, abort, render_template, request
from flask_babel import gettext as _

from app.abuse.bounds import takes_fields
from app.database import write_transaction
from app.desk import batch
from app.desk.cards import card_of, cards_of
from app.errors import Refused
from app.extensions import db
from app.forms.decision import BatchForm, DecisionForm, UndoForm, ids_of
from app.models import Decision, Report, Status
from app.moderation import history
from app.moderation.decide import AlreadyDecided, decide, undo
from app.notify import authors
from app.web import pause
from app.web.access import (
    SESSION_KEY,
    comment_or_404,
    current_moderator,
    moderator_required,
    own_path,
    say,
    wants_fragment,
)

bp = Blueprint("decisions", __name__, url_prefix="/moderate")

# A form without JavaScript names each comment twice, as marked and as shown.
BATCH_FIELDS = 2 * batch.MOST + 20


@bp.post("/comments/<int:id>/decisions")
@moderator_required
def decide_one(id: int) -> Any:
    comment, form, me = comment_or_404(id), DecisionForm(), current_moderator()
    if not form.validate():
        abort(400)
    if comment.status == Status.DELETED:
        raise Refused("deleted", _("The author deleted this comment."), status=409)
    if not form.knows_reason(comment.site):
        said = _("This site no longer offers that reason. Reload the page and choose another one.")
        raise Refused("reason_gone", said, status=422)
    given = {"seen": form.seen.data, "by": me, "reason": form.why, "overrides": form.override.data, "note": form.note}
    try:
        decision = decide(comment, form.verdict, **given)
    except AlreadyDecided as conflict:
        # This moderator may just have been asked for a second opinion on the other decision.
        comment_or_404(id)
        made = batch.existing_decision(conflict.comment, form.verdict, seen=form.seen.data, by=me, reason=form.why)
        return _decided([made], form) if made else _conflict(conflict, form)
    db.session.commit()
    pause.note_decision()
    return _decided([decision], form)


@bp.post("/decisions")
@takes_fields(BATCH_FIELDS, with_session=SESSION_KEY)
@moderator_required
def decide_many() -> Any:
    form = BatchForm()
    # Without a mark, all comments of the page are meant.
    given = request.form.getlist("comment") or request.form.getlist("shown")
    try:
        seen = form.seen(given)
    except ValueError:
        abort(400)
    if not form.validate():
        abort(400)
    if not seen:
        raise Refused("nothing_marked", _("Select comments first."), status=422)
    _refuse_too_many(len(seen))
    with write_transaction():
        outcome = batch.decide_all(seen, form.verdict, by=current_moderator(), reason=form.why)
    pause.note_decision()
    return _decided(outcome.decided, form, outcome)


@bp.post("/decisions/<int:id>/undo")
@moderator_required
def undo_one(id: int) -> Any:
    decision = history.decision_of(current_moderator(), id) or abort(404)
    if not history.can_be_undone(decision):
        raise AlreadyDecided(decision.comment)
    answered = Report.answered_by([id])
    undone = undo(decision, by=current_moderator())
    db.session.commit()
    return _undone([undone], reopened=answered.total())


@bp.post("/decisions/undo")
@takes_fields(BATCH_FIELDS, with_session=SESSION_KEY)
@moderator_required
def undo_many() -> Any:
    me = current_moderator()
    ids = set(ids_of(request.form.getlist("decision")))
    _refuse_too_many(len(ids))
    decisions = history.decisions_of(me, list(ids))
    answered = Report.answered_by([decision.id for decision in decisions])
    with write_transaction():
        outcome = batch.undo_all(decisions, by=me)
    reopened = sum(answered[undone.undoes_id] for undone in outcome.decided if undone.undoes_id)
    return _undone(outcome.decided, left=len(outcome.changed), reopened=reopened)


def _refuse_too_many(count: int) -> None:
    if count > batch.MOST:
        raise Refused("too_many", _("Select %(most)d comments or fewer.", most=batch.MOST), status=422)


def _decided(decisions: list[Decision], form: Any, outcome: batch.Outcome | None = None) -> Any:
    changed = cards_of(outcome.changed, current_moderator()) if outcome else []
    back = own_path(form.next.data or "")
    said = render_template(
        "queue/_decided.html", decisions=decisions, back=back, verdict=form.verdict, changed=changed,
        gone=outcome.gone if outcome else [],
        answered=Report.answered_by([decision.id for decision in decisions]).total(),
    )  # fmt: skip
    return say(said, back)


def _undone(undone: list[Decision], *, left: int = 0, reopened: int = 0) -> Any:
    cards = cards_of([each.comment for each in undone], current_moderator()) if wants_fragment() else []
    told = authors.told_before(undone)
    said = render_template("queue/_undone.html", undone=undone, left=left, reopened=reopened, told=told, cards=cards)
    return say(said, UndoForm().next.data or "")


def _conflict(conflict: AlreadyDecided, form: DecisionForm) -> Any:
    template = "queue/_conflict.html" if wants_fragment() else "queue/conflict.html"
    card = card_of(conflict.comment, current_moderator())
    wanted = {"status": form.verdict, "reason": form.why, "text": form.note}
    return render_template(template, card=card, notice=conflict.sentence, wanted=wanted, back=form.next.data or ""), 409

"""Moderators cover passages of a comment, with a preview, and take that back."""

from typing import Any

from flask import Blueprint, abort, render_template
from flask_babel import gettext as _

from app.comments import reading
from app.desk import batch
from app.desk.cards import card_of
from app.errors import Refused
from app.extensions import db
from app.forms.cover import CoverForm, SeenForm
from app.models import Comment, Decision, Status
from app.models.decision import COVERED
from app.moderation import covers
from app.moderation.decide import AlreadyDecided
from app.web.access import comment_or_404, current_moderator, moderator_required, own_path, say, wants_fragment

bp = Blueprint("covers", __name__, url_prefix="/moderate")


@bp.get("/comments/<int:id>/cover")
@moderator_required
def ask(id: int) -> str:
    return _page(comment_or_404(id), CoverForm(formdata=None))


@bp.post("/comments/<int:id>/cover")
@moderator_required
def cover(id: int) -> Any:
    """Cover the words, or with `preview` show the comment as readers would see it."""
    comment, form = comment_or_404(id), CoverForm()
    if not form.validate():
        return _again(comment, form, form.wrong)
    try:
        if form.preview.data:
            covers.refuse_others(comment)
            return _page(comment, form, shown=reading.preview(covers.covered_text(comment, form.passages)))
        decision = _cover(comment, form)
    except Refused as no:
        if no.status != 422:
            raise
        db.session.rollback()
        return _again(comment_or_404(id), form, no.sentence)
    db.session.commit()
    return _said(decision, _("Passage covered."), form)


@bp.post("/comments/<int:id>/uncover")
@moderator_required
def uncover(id: int) -> Any:
    comment, form = comment_or_404(id), SeenForm()
    if not form.validate():
        abort(400)
    decision = covers.uncover(comment, seen=form.seen.data or 0, by=current_moderator())
    db.session.commit()
    return _said(decision, _("The passage can be read again."), form)


def _cover(comment: Comment, form: CoverForm) -> Decision:
    """The same cover sent twice counts once."""
    me, seen = current_moderator(), form.seen.data or 0
    try:
        return covers.cover(comment, form.passages, seen=seen, by=me)
    except AlreadyDecided as conflict:
        status = Status(conflict.comment.status)
        made = batch.existing_decision(conflict.comment, status, seen=seen, by=me, reason=COVERED)
        if made is None or not covers.hid(made, form.passages):
            raise
        return made


def _again(comment: Comment, form: CoverForm, wrong: str) -> Any:
    """Our script keeps its form with the typed words and shows the sentence; browsers get the form again."""
    if not wrong:
        abort(400)
    if wants_fragment():
        raise Refused("bad_words", wrong, status=422)
    return _page(comment, form, wrong=wrong), 422


def _page(comment: Comment, form: CoverForm, *, shown: str = "", wrong: str = "") -> str:
    return render_template(
        f"queue/{'_' if wants_fragment() else ''}cover.html",
        comment=comment,
        words=form.words.data or "",
        seen=form.seen.data or comment.version,
        shown=shown,
        wrong=wrong,
        label=covers.label_of(comment.site),
        can=comment.status in covers.COVERABLE and not comment.emptied_at,
        covered=covers.newest(comment),
        back=form.next.data or "",
    )


def _said(decision: Decision, said: str, form: SeenForm) -> Any:
    back = own_path(form.next.data or "")
    card = card_of(decision.comment, current_moderator()) if wants_fragment() else None
    html = render_template("queue/_covered.html", decision=decision, said=said, card=card, back=back)
    return say(html, back)

"""Second opinions: the blind cards of a moderator, and each site's agreement with the cases to discuss."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.desk import opinions, queue
from app.errors import Refused
from app.extensions import db
from app.forms.decision import MODERATED, OpinionForm, UndoForm
from app.lib import ids
from app.models import AskedOpinion, SecondOpinion
from app.moderation import second_opinions
from app.web import pause
from app.web.access import current_moderator, moderator_required, own_path, say, site_or_404, wants_fragment

bp = Blueprint("opinions", __name__)

LANE = 6  # the key, beside those of the lanes
PERIODS = (30, 90, 365)  # days

bp.add_app_template_global(lambda: opinions.count_for(current_moderator()), "open_opinions")
bp.add_app_template_global(lambda: AskedOpinion.asking_sites(current_moderator()), "asking_sites")
bp.add_app_template_global(lambda: AskedOpinion.kept_from(current_moderator()), "kept_from_me")


@bp.get("/moderate/opinions")
@moderator_required
def show() -> str:
    me = current_moderator()
    cards, waiting = opinions.waiting_for(me), opinions.count_for(me)
    return render_template(
        "opinions/page.html", cards=cards, waiting=waiting, lane=LANE, counts=queue.counts(me), statuses=MODERATED[1:]
    )


@bp.post("/moderate/opinions/<int:id>")
@moderator_required
def give(id: int) -> Any:
    """Give the opinion, or with `skip` none."""
    form, skipped = OpinionForm(), "skip" in request.form
    if not skipped and not form.validate():
        abort(400)
    asked = opinions.question_for(current_moderator(), id)
    if asked is None and not wants_fragment():
        raise second_opinions.gone()
    if asked is None:
        return _told(form, second_opinions.gone().sentence)
    if skipped:
        second_opinions.skip(asked)
    elif not form.knows_reason(asked.comment.site):
        said = _("This site no longer offers that reason. Reload the page and choose another one.")
        raise Refused("reason_gone", said, status=422)
    else:
        second_opinions.give(asked, form.verdict, form.why)
    db.session.commit()
    pause.note_decision()
    return _told(form, _("Skipped.") if skipped else _("Second opinion saved."), id)


@bp.get("/sites/<key>/opinions")
@moderator_required
def agreement(key: str) -> str:
    site, me = site_or_404(key), current_moderator()
    days = request.args.get("days", PERIODS[1], type=int)
    if days not in PERIODS:
        abort(404)
    discussed, before = "discussed" in request.args, request.args.get("before", type=ids.read)
    cases, more = opinions.cases_of(me, site, discussed=discussed, before=before)
    return render_template(
        "opinions/agreement.html", site=site, figures=opinions.agreement_on(site, days), days=days, periods=PERIODS,
        few=opinions.FEW, cases=cases, more=more, discussed=discussed, alone=opinions.alone_in(site),
    )  # fmt: skip


@bp.post("/sites/<key>/opinions/<int:id>/discussed")
@moderator_required
def discuss(key: str, id: int) -> Any:
    """Mark a case as discussed, or with `back` as open again."""
    opinion = _case(key, id)
    opinion.discussed = "back" not in request.form
    db.session.commit()
    flash(_("Marked as discussed.") if opinion.discussed else _("Back among the open cases."))
    back = UndoForm().next.data or ""
    return redirect(own_path(back) if back else url_for("opinions.agreement", key=key), 303)


def _told(form: OpinionForm, said: str, answered: int | None = None) -> Any:
    """Our script removes the card in any case; only an answered one is counted."""
    back = own_path(form.next.data or "")
    return say(render_template("opinions/_given.html", said=said, answered=answered), back)


def _case(key: str, id: int) -> SecondOpinion:
    return opinions.case_of(current_moderator(), site_or_404(key), id) or abort(404)

"""Care for moderators: covers and order of hard comments, pauses, and the hand-over note."""

from typing import Any

from flask import Blueprint, redirect, render_template, request
from flask_babel import gettext as _

from app.desk import handover
from app.errors import Refused
from app.extensions import db
from app.forms.care import CareForm, HandoverForm
from app.models import Handover, Lease, Site
from app.models.handover import LONGEST
from app.web import pause, profile
from app.web.access import current_moderator, done, moderator_required, own_path, site_or_404

bp = Blueprint("care", __name__)
bp.add_app_template_global(lambda: pause.is_due(current_moderator()), "pause_is_due")
bp.add_app_template_global(lambda: _pressed_sites(), "pressed_sites")
bp.add_app_template_global(lambda: Handover.current(current_moderator().site_ids), "handovers")
bp.add_app_template_global(lambda: Handover.earlier(current_moderator().site_ids), "earlier_handovers")


@bp.post("/account/care")
@moderator_required
def choose() -> Any:
    me, form = current_moderator(), CareForm()
    if not form.validate():
        return profile.page(422, care=form)
    me.cover_hard = form.cover_hard.data
    me.hard_in_a_row, me.pause_minutes = int(form.hard_in_a_row.data), int(form.pause_minutes.data)
    return profile.saved("care")


@bp.get("/moderate/pause")
@moderator_required
def show_pause() -> str:
    return render_template("queue/pause.html")


@bp.post("/moderate/pause")
@moderator_required
def begin_pause() -> Any:
    """Give the leased comments to others; with `later`, only put the reminder off."""
    pause.begin_again()
    if "later" in request.form:
        return redirect(own_path(request.form.get("next", "")), 303)
    Lease.release_all(current_moderator())
    db.session.commit()
    return redirect(own_path("/moderate/pause"), 303)


@bp.post("/moderate/handover")
@moderator_required
def hand_over() -> Any:
    form = HandoverForm()
    key = (form.site.data or "").strip()
    known = Site.with_key(key)
    if not known or not current_moderator().role_on(known.id):
        # The key may be typed.
        raise Refused("no_site", _("None of your sites has this key."), status=404)
    site = site_or_404(key)
    if "clear" in request.form:
        handover.clear(site, by=current_moderator())
        said = _("Hand-over note cleared.")
    elif not form.validate():
        said = _("Use %(most)d characters or fewer.", most=LONGEST)
        raise Refused("too_long", said, status=422)
    elif not form.text.data:
        raise Refused("empty", _("Write the note first."), status=422)
    else:
        handover.write(site, form.text.data, by=current_moderator())
        said = _("Hand-over note saved.")
    db.session.commit()
    return done(said)


def _pressed_sites() -> list[Site]:
    """The moderator's sites that hold all comments because of a burst."""
    return [site for site in current_moderator().sites(Site.pressed_until.is_not(None)) if site.is_pressed]

"""Pages of a site's own lists: reasons for rejections, and saved replies."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _

from app.desk import own_lists
from app.desk import settings as site_settings
from app.extensions import db
from app.forms.own_lists import ActForm, OwnReasonForm, SavedReplyForm
from app.models import Role, Site
from app.models.own_reason import MOST_REASONS
from app.models.saved_reply import MOST_REPLIES
from app.web.access import current_moderator, moderator_required, site_or_404

bp = Blueprint("own_lists", __name__, url_prefix="/sites/<key>")


@bp.get("/own-reasons")
@moderator_required
def reasons(key: str) -> str:
    return _reasons_page(site_or_404(key, Role.ADMIN))


@bp.post("/own-reasons")
@moderator_required
def save_reason(key: str) -> Any:
    """Add a reason, or change the one with this code."""
    site = _locked(key)
    form = OwnReasonForm.of(site)
    if not form.validate():
        return _reasons_page(site, form), 422
    entries = own_lists.saved(site.own_reasons, form.reason().as_json(), "code", most=MOST_REASONS)
    return _keep(site, "own_reasons", entries, "own_lists.reasons")


@bp.post("/own-reasons/<id>")
@moderator_required
def move_reason(key: str, id: str) -> Any:
    """Up or down. A reason is never deleted, because the log names it; it can be switched off."""
    site, act = _locked(key), _act()
    if act == "delete" or site.own_reason(id) is None:
        abort(404)
    return _keep(site, "own_reasons", own_lists.acted(site.own_reasons, act, id, "code"), "own_lists.reasons")


@bp.get("/replies")
@moderator_required
def replies(key: str) -> str:
    return _replies_page(site_or_404(key, Role.ADMIN))


@bp.post("/replies")
@moderator_required
def save_reply(key: str) -> Any:
    """Add a reply, or change the one with this id."""
    site, form = _locked(key), SavedReplyForm()
    if not form.validate():
        return _replies_page(site, form), 422
    entries = own_lists.saved(site.saved_replies, form.entry(), "id", most=MOST_REPLIES)
    return _keep(site, "saved_replies", entries, "own_lists.replies")


@bp.post("/replies/<id>")
@moderator_required
def move_reply(key: str, id: str) -> Any:
    """Up, down or delete."""
    site, act = _locked(key), _act()
    if all(each["id"] != id for each in site.saved_replies):
        abort(404)
    return _keep(site, "saved_replies", own_lists.acted(site.saved_replies, act, id, "id"), "own_lists.replies")


def _locked(key: str) -> Site:
    """The site, of which another administrator may change the same list now."""
    site = site_or_404(key, Role.ADMIN)
    db.session.refresh(site, ("own_reasons", "saved_replies"), with_for_update=True)
    return site


def _act() -> str:
    form = ActForm()
    return (form.act.data or "") if form.validate() else abort(400)


def _keep(site: Site, name: str, entries: own_lists.Entries, page: str) -> Any:
    site_settings.change(site, {name: entries}, by=current_moderator())
    db.session.commit()
    flash(_("Saved."))
    return redirect(url_for(page, key=site.key), 303)


def _reasons_page(site: Site, sent: OwnReasonForm | None = None) -> str:
    """With one form for each reason, and one for a new reason; the sent one in its place."""
    forms = [OwnReasonForm.of(site, each) for each in site.reasons]
    if sent and any(form.code.data == sent.code.data for form in forms):
        forms, fresh = [sent if form.code.data == sent.code.data else form for form in forms], OwnReasonForm.fresh(site)
    else:
        fresh = sent or OwnReasonForm.fresh(site)
    return render_template("sites/own_reasons.html", site=site, forms=forms, fresh=fresh)


def _replies_page(site: Site, sent: SavedReplyForm | None = None) -> str:
    forms = [SavedReplyForm(formdata=None, data=each) for each in site.saved_replies]
    known = sent is not None and any(form.id.data == sent.id.data for form in forms)
    fresh = sent if sent and not known else SavedReplyForm(formdata=None)
    forms = [sent if sent and form.id.data == sent.id.data else form for form in forms]
    return render_template("sites/replies.html", site=site, forms=forms, fresh=fresh)

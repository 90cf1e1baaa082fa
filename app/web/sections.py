"""The sections of a site."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.desk import sections
from app.errors import Refused
from app.extensions import db
from app.forms.section import SectionForm
from app.models import Role, Site
from app.models.section import sections_of
from app.web.access import current_moderator, moderator_required, site_or_404

bp = Blueprint("sections", __name__, url_prefix="/sites/<key>/sections")


@bp.get("")
@moderator_required
def show(key: str) -> str:
    return _page(site_or_404(key, Role.ADMIN))


@bp.post("")
@moderator_required
def put(key: str) -> Any:
    """Add a section, or change the one with the sent short name."""
    site, form = site_or_404(key, Role.ADMIN), SectionForm()
    if not form.validate():
        return _page(site, form), 422
    try:
        sections.put(site, form.section(), by=current_moderator())
    except Refused as no:
        form.key.errors = [no.sentence]
        return _page(site, form), no.status
    db.session.commit()
    flash(_("Saved."))
    return redirect(url_for("sections.show", key=key), 303)


@bp.post("/remove")
@moderator_required
def remove(key: str) -> Any:
    site, section = site_or_404(key, Role.ADMIN), request.form.get("key", "")
    if section not in sections_of(site):
        abort(404)
    sections.remove(site, section, by=current_moderator())
    db.session.commit()
    flash(_("Section removed."))
    return redirect(url_for("sections.show", key=key), 303)


def _page(site: Site, sent: SectionForm | None = None) -> str:
    """A form for each section, and an empty one. A refused form stands where it was sent from."""
    known = sections_of(site)
    forms = {each.key: SectionForm.of(each) for each in known.values()}
    new = SectionForm(formdata=None)
    if sent and sent.key.data in forms:
        forms[sent.key.data] = sent
    elif sent:
        new = sent
    return render_template("sites/sections.html", site=site, sections=known, forms=forms, new=new)

"""Export or erase a site's data about one reader."""

import json
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, stream_with_context, url_for
from flask_babel import gettext as _
from flask_babel import ngettext as _n

from app.comments import person as people
from app.comments import person_erasure, person_export
from app.comments.person import Person
from app.comments.person_erasure import Receipt
from app.database import read_only
from app.extensions import db
from app.forms.person import EraseForm, PersonForm
from app.lib import json_parts
from app.models import Role, Site, audit
from app.models.audit import Event
from app.web.access import current_moderator, moderator_required, site_or_404
from app.web.confirmation import confirmation_required
from app.web.history import BROKEN_OFF, to_the_end

bp = Blueprint("privacy", __name__, url_prefix="/sites/<key>/people")


@bp.get("")
@moderator_required
def show(key: str) -> str:
    return _page(site_or_404(key, Role.ADMIN), PersonForm(formdata=None))


@bp.post("")
@moderator_required
def find(key: str) -> Any:
    """A POST, because browser history and proxy logs would keep the address."""
    site, form = site_or_404(key, Role.ADMIN), PersonForm()
    if not form.validate():
        return _page(site, form), 422
    person = people.find(form.email.data, site)
    return _page(site, form, person=person, erase=EraseForm(formdata=None, email=person.asked))


@bp.post("/export")
@moderator_required
@confirmation_required
def export(key: str) -> Response:
    site, form = site_or_404(key, Role.ADMIN), PersonForm()
    if not form.validate():
        abort(400)
    authors = len(people.find(form.email.data, site).authors)
    audit.record(Event.PERSON_EXPORTED, by=current_moderator(), site=site, authors=authors)
    db.session.commit()
    read_only()
    parts = json_parts.encoded(person_export.export(people.find(form.email.data, site)), lines=True)
    lines = to_the_end(_let_go(parts), json.dumps({"error": BROKEN_OFF}))
    headers = {"Content-Disposition": "attachment; filename=person.json", "Cache-Control": "no-store"}
    return Response(stream_with_context(lines), mimetype="application/json", headers=headers)


def _let_go(parts: Iterator[str]) -> Iterator[str]:
    """No rows and no transaction while the client reads a part."""
    for part in parts:
        db.session.expunge_all()
        db.session.rollback()
        yield part


@bp.post("/erase")
@moderator_required
@confirmation_required
def erase(key: str) -> Any:
    site, form = site_or_404(key, Role.ADMIN), EraseForm()
    person = people.find(form.email.data or "", site)
    if not form.validate():
        return _page(site, form, person=person, erase=form), 422
    receipt = Receipt()
    for _step in person_erasure.erase(person, receipt, remove_text=form.text.data == "remove", by=current_moderator()):
        db.session.commit()
    flash(
        _n("Erased the author of %(num)d comment.", "Erased the author of %(num)d comments.", receipt.comments)
        + " "
        + _("A record of the erasure is in the service log.")
    )
    return redirect(url_for("privacy.show", key=key), 303)


def _page(site: Site, form: PersonForm, person: Person | None = None, erase: EraseForm | None = None) -> str:
    return render_template("sites/privacy.html", site=site, form=form, person=person, erase=erase)

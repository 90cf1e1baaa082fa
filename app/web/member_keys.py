"""Owners add and revoke the keys that sign who a publisher's members are."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _

from app.desk import member_keys
from app.errors import Refused
from app.extensions import db
from app.forms.member_key import PublicKeyForm, SecretForm
from app.models import MemberKey, Role, Site
from app.web.access import current_moderator, moderator_required, site_or_404
from app.web.confirmation import confirmation_required

bp = Blueprint("member_keys", __name__, url_prefix="/sites/<key>/members")


@bp.get("")
@moderator_required
def show(key: str) -> str:
    return _page(site_or_404(key, Role.OWNER))


@bp.post("/secret")
@moderator_required
@confirmation_required
def make_secret(key: str) -> Any:
    """The answer is the only one that shows the secret."""
    site, form = site_or_404(key, Role.OWNER), SecretForm()
    if not form.validate():
        return _page(site, secret_form=form), 422
    try:
        made, secret = member_keys.make_secret(site, kid=form.kid.data or "", by=current_moderator())
    except Refused as no:
        return _page(site, secret_form=_blamed(form, no)), no.status
    db.session.commit()
    return _page(site, made=made, secret=secret), 201


@bp.post("")
@moderator_required
@confirmation_required
def add(key: str) -> Any:
    site, form = site_or_404(key, Role.OWNER), PublicKeyForm()
    if not form.validate():
        return _page(site, public_form=form), 422
    try:
        member_keys.add_public(site, form.public_key.data or "", kid=form.kid.data or "", by=current_moderator())
    except Refused as no:
        return _page(site, public_form=_blamed(form, no)), no.status
    db.session.commit()
    flash(_("Key added."))
    return redirect(url_for("member_keys.show", key=key), 303)


@bp.post("/<int:id>/revoke")
@moderator_required
def revoke(key: str, id: int) -> Any:
    site = site_or_404(key, Role.OWNER)
    found = next((each for each in MemberKey.of_site(site) if each.id == id), None) or abort(404)
    member_keys.revoke(found, by=current_moderator())
    db.session.commit()
    flash(_("Key revoked. Members who logged in with it have to log in again."))
    return redirect(url_for("member_keys.show", key=key), 303)


def _blamed(form: SecretForm, no: Refused) -> Any:
    form[no.field or "kid"].errors = [no.sentence]
    return form


def _page(
    site: Site,
    *,
    secret_form: SecretForm | None = None,
    public_form: PublicKeyForm | None = None,
    made: MemberKey | None = None,
    secret: str = "",
) -> str:
    return render_template(
        "sites/member_keys.html", site=site, keys=MemberKey.of_site(site), made=made, secret=secret,
        secret_form=secret_form or SecretForm(formdata=None), public_form=public_form or PublicKeyForm(formdata=None),
    )  # fmt: skip

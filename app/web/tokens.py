"""Owners make and revoke access tokens for programs."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _

from app.desk import tokens
from app.errors import Refused
from app.extensions import db
from app.forms.token import SCOPES, TokenForm
from app.models import ApiToken, Role, Site
from app.web.access import current_moderator, moderator_required, site_or_404
from app.web.confirmation import confirmation_required

bp = Blueprint("tokens", __name__, url_prefix="/sites/<key>/tokens")


@bp.get("")
@moderator_required
def show(key: str) -> str:
    return _page(site_or_404(key, Role.OWNER), TokenForm(formdata=None))


@bp.post("")
@moderator_required
@confirmation_required
def make(key: str) -> Any:
    """The answer is the only one that shows the token."""
    site, form = site_or_404(key, Role.OWNER), TokenForm()
    if not form.validate():
        return _page(site, form), 422
    try:
        token, secret = tokens.make(
            site, name=form.name.data, role=Role(form.role.data), scopes=form.scopes,
            expires_at=form.expires_at, by=current_moderator(),
        )  # fmt: skip
    except Refused as no:
        form.name.errors = [no.sentence]
        return _page(site, form), no.status
    db.session.commit()
    return _page(site, TokenForm(formdata=None), made=token, secret=secret), 201


@bp.post("/<int:id>/revoke")
@moderator_required
def revoke(key: str, id: int) -> Any:
    token = ApiToken.on_site(site_or_404(key, Role.OWNER), id) or abort(404)
    tokens.revoke(token, by=current_moderator())
    db.session.commit()
    flash(_("Token revoked. Programs that use it get no answer any more."))
    return redirect(url_for("tokens.show", key=key), 303)


def _page(site: Site, form: TokenForm, made: ApiToken | None = None, secret: str = "") -> str:
    return render_template(
        "sites/tokens.html", site=site, form=form, tokens=ApiToken.of_site(site), scopes=SCOPES, made=made,
        secret=secret,
    )  # fmt: skip

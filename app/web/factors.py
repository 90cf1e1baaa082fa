"""A moderator's second factors, on the account page: passkeys, the authenticator app, recovery codes."""

from typing import Any

from flask import Blueprint, Response, flash, jsonify, make_response, redirect, render_template, url_for
from flask_babel import gettext as _

from app.desk import factors
from app.errors import Refused
from app.extensions import db
from app.forms.factor import CodeForm, NewPasskeyForm
from app.lib import one_time_codes, passkeys, qr_code
from app.models import Moderator, Passkey
from app.web import passkey_challenge
from app.web.access import current_moderator, moderator_required
from app.web.confirmation import confirmation_required
from app.web.profile import back_to

bp = Blueprint("factors", __name__, url_prefix="/account/factors")

ADD, SECTION = "add", "factors"


@bp.get("/app")
@moderator_required
@confirmation_required
def show_app() -> Any:
    if factors.unconfirmed_app(current_moderator()) is None:
        return back_to(SECTION)
    return _app_page(CodeForm(formdata=None))


@bp.post("/app")
@moderator_required
@confirmation_required
def begin_app() -> Any:
    factors.begin_app(current_moderator())
    db.session.commit()
    return redirect(url_for("factors.show_app"), 303)


@bp.post("/app/confirm")
@moderator_required
@confirmation_required
def confirm_app() -> Any:
    form, me = CodeForm(), current_moderator()
    if factors.unconfirmed_app(me) is None:
        return back_to(SECTION)
    codes = factors.confirm_app(me, form.code.data or "") if form.validate() else None
    db.session.commit()
    if codes is None:
        form.code.errors = [_("This code is wrong. Check your phone’s clock, and enter the next code.")]
        return _app_page(form, 422)
    return _added(codes, _("Authenticator app added."))


@bp.post("/app/remove")
@moderator_required
@confirmation_required
def remove_app() -> Any:
    factors.remove_app(current_moderator())
    db.session.commit()
    flash(_("Authenticator app removed."))
    return back_to(SECTION)


@bp.get("/passkey")
@moderator_required
@confirmation_required
def show_passkey() -> Any:
    return _passkey_page(NewPasskeyForm(formdata=None, name=_("Passkey")))


@bp.post("/passkey/options")
@moderator_required
@confirmation_required
def options() -> Any:
    if not passkeys.host():
        raise Refused("no_passkeys", _("This service has no passkeys."), status=409)
    me = current_moderator()
    handle = factors.handle_of(me)
    challenge = passkey_challenge.begin(ADD, handle)
    known = [each.credential_id for each in Passkey.of(me)]
    given = passkeys.options_to_create(challenge, user_handle=handle, account=me.email, name=me.name, known=known)
    db.session.commit()
    return jsonify(given)


@bp.post("/passkey")
@moderator_required
@confirmation_required
def add_passkey() -> Any:
    form, asked = NewPasskeyForm(), passkey_challenge.take(ADD)
    if not form.validate():
        return _passkey_page(form, 422)
    if not form.credential.data:
        return _passkey_page(form, 422, _("Passkeys need JavaScript. An authenticator app works without."))
    codes = _new_passkey(current_moderator(), form, asked) if asked else None
    if codes is None:
        return _passkey_page(form, 422, _("This passkey was not accepted. Try again."))
    return _added(codes, _("Passkey added."))


@bp.post("/passkeys/<int:id>/remove")
@moderator_required
@confirmation_required
def remove_passkey(id: int) -> Any:
    factors.remove_passkey(current_moderator(), id)
    db.session.commit()
    flash(_("Passkey removed."))
    return back_to(SECTION)


@bp.post("/codes")
@moderator_required
@confirmation_required
def renew_codes() -> Any:
    codes = factors.renew_codes(current_moderator())
    return _added(codes, "")


def _new_passkey(me: Moderator, form: NewPasskeyForm, asked: passkey_challenge.Challenge) -> list[str] | None:
    answer, name = form.credential.data or "", form.name.data or ""
    try:
        return factors.add_passkey(me, answer, asked.challenge, handle=asked.handle, name=name)
    except passkeys.BadPasskey:
        return None


def _added(codes: list[str], said: str) -> Any:
    """New recovery codes are shown in this answer only."""
    db.session.commit()
    if codes:
        return render_template("account/codes.html", codes=codes, said=said)
    flash(said)
    return back_to(SECTION)


def _app_page(form: CodeForm, status: int = 200) -> Response:
    me = current_moderator()
    app = factors.unconfirmed_app(me)
    assert app is not None  # noqa: S101
    address = one_time_codes.address_of(app.secret, account=me.email, service="Kaiwa")
    page = render_template("account/app.html", form=form, secret=app.secret, qr=qr_code.draw(address))
    return make_response(page, status)


def _passkey_page(form: NewPasskeyForm, status: int = 200, trouble: str = "") -> Response:
    page = render_template("account/passkey.html", form=form, trouble=trouble, host=passkeys.host())
    return make_response(page, status)

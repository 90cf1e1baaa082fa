"""The moderator's own log-ins: end one, or all others; change the password."""

from typing import Any

from flask import Blueprint, abort, flash
from flask_babel import gettext as _
from flask_babel import ngettext as _n

from app.abuse.guessing import TooManyAttempts
from app.desk import accounts
from app.extensions import db
from app.forms.account import PasswordForm
from app.lib.passwords import new_hash
from app.models import Login
from app.web import profile
from app.web.access import current_moderator, moderator_required, session_lasts, this_login
from app.web.confirmation import confirmation_required, password_is_right

bp = Blueprint("logins", __name__, url_prefix="/account")


@bp.post("/password")
@moderator_required
def change_password() -> Any:
    me, form = current_moderator(), PasswordForm()
    form.own_words = own_words = accounts.words_of(me)
    if not form.validate():
        return profile.page(422, password=form)
    try:
        if not password_is_right(form.current_password.data or ""):
            form.current_password.errors = [_("Incorrect password.")]
            return profile.page(422, password=form)
    except TooManyAttempts as no:
        form.current_password.errors = [no.sentence]
        return profile.page(no.status, password=form)
    # Before the transaction, because argon2 is slow.
    hashed = new_hash(form.password.data or "", own_words)
    accounts.change_password(current_moderator(), hashed, keep=this_login())
    db.session.commit()
    flash(_("Password changed. Your other browsers are logged out."))
    return profile.back_to("password")


@bp.post("/logins/<int:id>/end")
@moderator_required
@confirmation_required
def end(id: int) -> Any:
    login = Login.of_moderator(current_moderator(), session_lasts(), id) or abort(404)
    accounts.end_login(login)
    db.session.commit()
    flash(_("Logged out there."))
    return profile.back_to("logins")


@bp.post("/logins/end")
@moderator_required
@confirmation_required
def end_others() -> Any:
    count = accounts.end_other_logins(this_login())
    db.session.commit()
    flash(_n("Logged out in %(num)d other browser.", "Logged out in %(num)d other browsers.", count))
    return profile.back_to("logins")

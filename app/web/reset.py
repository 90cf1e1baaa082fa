"""Set a new password with a link in an email. Looking at the link changes nothing."""

from typing import Any

from flask import Blueprint, Response, current_app, flash, make_response, redirect, render_template, session, url_for
from flask_babel import gettext as _

from app.abuse import resets
from app.database import read_only, write_transaction
from app.desk import accounts
from app.extensions import db
from app.forms.account import NewPasswordForm, ResetForm
from app.lib import language
from app.lib.passwords import new_hash

bp = Blueprint("reset", __name__, url_prefix="/reset")


@bp.get("")
def ask() -> Response:
    return _ask(ResetForm(formdata=None))


@bp.post("")
def send() -> Any:
    form = ResetForm()
    if not form.validate():
        return _ask(form, 422)
    resets.admit(form.email.data)
    accounts.ask_for_reset(form.email.data, language.choose())
    db.session.commit()
    flash(_("If there is an account with this address, an email with a link is on its way. It works for 30 minutes."))
    return redirect(url_for("account.login"), 303)


@bp.get("/<token>")
def show(token: str) -> Response:
    return _choose(token, NewPasswordForm(formdata=None))


@bp.post("/<token>")
def choose(token: str) -> Any:
    read_only()
    form = NewPasswordForm()
    form.own_words = own_words = accounts.words_of(accounts.reset_of(token).moderator)
    if not form.validate():
        return _choose(token, form, 422)
    # argon2 is slow: it must not occupy a connection.
    db.session.rollback()
    hashed = new_hash(form.password.data or "", own_words)
    with write_transaction():
        accounts.reset_password(token, hashed)
    session.clear()
    flash(_("Your new password is set. Log in with it."))
    return redirect(url_for("account.login"), 303)


def _ask(form: ResetForm, status: int = 200) -> Response:
    can_email = bool(current_app.config["MAIL_URL"])
    return make_response(render_template("account/reset.html", form=form, can_email=can_email), status)


def _choose(token: str, form: NewPasswordForm, status: int = 200) -> Response:
    moderator = accounts.reset_of(token).moderator
    language.speak(moderator.lang or language.choose(), language.choose())
    return make_response(render_template("account/new_password.html", form=form, moderator=moderator), status)

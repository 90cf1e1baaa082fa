"""Log in, log out, and the two switches that a moderator has for herself: language and keys."""

import secrets
from datetime import timedelta
from functools import cache
from typing import Any

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _

from app.abuse import guessing
from app.database import only_look, then_write
from app.extensions import db
from app.forms.account import KeysForm, LanguageForm, LoginForm
from app.lib import language
from app.lib.passwords import hash_password, needs_rehash, verify
from app.lib.signing import BadToken, sign, unsign
from app.models import Login, Moderator
from app.web.access import SESSION_KEY, current_login, current_moderator, moderator_required, own_path, session_lasts

bp = Blueprint("account", __name__)

DEVICE_LASTS = timedelta(days=365)


@bp.get("/login")
def login() -> Any:
    _speak(request.args.get("lang", ""))
    if current_login():
        return redirect(own_path(request.args.get("next", "")), 303)
    return _page(LoginForm(formdata=None, next=request.args.get("next", ""), lang=request.args.get("lang", "")))


@bp.post("/login")
def log_in() -> Any:
    only_look()
    form = LoginForm()
    _speak(form.lang.data or "")
    if not form.validate():
        return _page(form, 422)
    email, device = form.email.data, _device(form.email.data)
    try:
        with guessing.attempt(email, device, request.form.get("altcha", "")):
            moderator = _who_knows(email, form.password.data)
            if moderator is None:
                return _page(form, 422, _("Incorrect email or password."))
            guessing.forgive(email, device)
            return _welcome(moderator, own_path(form.next.data or ""))
    except guessing.TooManyAttempts as no:
        return _refused(form, no)


@bp.post("/logout")
def log_out() -> Any:
    if token := session.get(SESSION_KEY):
        Login.end(token)
    db.session.commit()
    session.clear()
    return redirect(url_for("account.login"), 303)


@bp.post("/account/language")
@moderator_required
def change_language() -> Any:
    form = LanguageForm()
    if form.validate():
        current_moderator().lang = form.lang.data
    db.session.commit()
    return redirect(own_path(request.form.get("next", "")), 303)


@bp.post("/account/keys")
@moderator_required
def switch_keys() -> Any:
    current_moderator().keys_on = KeysForm().on.data
    db.session.commit()
    return redirect(own_path(request.form.get("next", "")), 303)


def _who_knows(email: str, password: str) -> Moderator | None:
    """The moderator with this address and password. Takes as long when there is no such address."""
    moderator = Moderator.with_email(email)
    hashed = moderator.password_hash if moderator else _nobodys_hash()
    # argon2 is slow on purpose; nobody should wait for the database meanwhile.
    db.session.rollback()
    if not verify(hashed, password):
        return None
    then_write()
    moderator = Moderator.with_email(email)
    # The password may have been changed, or the moderator removed, in between.
    if moderator is None or moderator.password_hash != hashed:
        return None
    if needs_rehash(hashed):
        moderator.password_hash = hash_password(password)
    return moderator


@cache
def _nobodys_hash() -> str:
    return hash_password(secrets.token_urlsafe())


def _welcome(moderator: Moderator, path: str) -> Response:
    """A new token and a new session: what was planted before log-in is worth nothing after it."""
    if old := session.get(SESSION_KEY):
        Login.end(old)
    token, device = (
        Login.start(moderator, session_lasts()),
        sign("device", [moderator.email_index, secrets.token_hex(8)]),
    )
    db.session.commit()
    session.clear()
    session[SESSION_KEY] = token
    answer = make_response(redirect(path, 303))
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    path_of_ours = current_app.config["SESSION_COOKIE_PATH"]
    answer.set_cookie(
        _device_cookie(), device, max_age=DEVICE_LASTS, path=path_of_ours, httponly=True, secure=secure, samesite="Lax"
    )
    return answer


def _device(email: str) -> str:
    """The name of this browser if this account was logged in here before, else ''."""
    try:
        index, name = unsign("device", request.cookies.get(_device_cookie(), ""), DEVICE_LASTS)
    except BadToken:
        return ""
    return name if index in Moderator.index_of(email).all else ""


def _device_cookie() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-device"


def _speak(wanted: str) -> None:
    language.speak(wanted or language.choose(), language.choose())


def _refused(form: LoginForm, no: guessing.TooManyAttempts) -> Response:
    answer = _page(form, no.status, no.sentence, challenge=no.challenge)
    answer.headers["Retry-After"] = str(no.retry_after)
    return answer


def _page(
    form: LoginForm, status: int = 200, trouble: str = "", challenge: dict[str, object] | None = None
) -> Response:
    """The log-in form with an error above it. The password is never sent back."""
    page = render_template("account/login.html", form=form, trouble=trouble, challenge=challenge)
    return make_response(page, status)

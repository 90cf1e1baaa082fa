"""Log in and out; language and keyboard shortcuts."""

import secrets
from functools import cache
from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import gettext as _

from app.abuse import guessing
from app.database import read_only, write_transaction
from app.desk import single_sign_on
from app.extensions import db
from app.forms.account import KeysForm, LanguageForm, LoginForm
from app.lib import language, metrics, passkeys
from app.lib.passwords import hash_password, needs_rehash, verify
from app.models import Identity, Moderator, audit
from app.models.audit import Event, Who
from app.web import device, entering
from app.web.access import current_login, current_moderator, moderator_required, own_path

bp = Blueprint("account", __name__)


@bp.get("/login")
def login() -> Any:
    _speak(request.args.get("lang", ""))
    if current_login():
        return redirect(own_path(request.args.get("next", "")), 303)
    return page(LoginForm(formdata=None, next=request.args.get("next", ""), lang=request.args.get("lang", "")))


@bp.post("/login")
def log_in() -> Any:
    read_only()
    form = LoginForm()
    _speak(form.lang.data or "")
    if not form.validate():
        return page(form, 422)
    email, browser = form.email.data, device.known(form.email.data)
    try:
        with guessing.attempt(email, browser, request.form.get("altcha", "")):
            hashed = _matching_hash(email, form.password.data)
            started = _start(email, form.password.data, hashed, browser) if hashed else None
    except guessing.TooManyAttempts as no:
        return _refused(form, no)
    if started is None:
        _record_failure(email)
        return page(form, 422, _("Incorrect email or password."))
    return entering.answer(started, own_path(form.next.data or ""))


@bp.post("/logout")
def log_out() -> Any:
    login = current_login()
    entering.end_earlier()
    if login:
        audit.record(Event.LOGOUT, by=login.moderator, account=login.moderator, network=entering.here())
    db.session.commit()
    session.clear()
    # The identity provider would let the next person in without asking.
    left = "1" if login and login.single_sign_on and single_sign_on.is_on() else None
    answer = redirect(url_for("account.login", left=left), 303)
    # Cookies stay: one of them recognises the browser at the next log-in.
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


@bp.get("/account/session")
@moderator_required
def show_session() -> str:
    """Who is logged in, with a CSRF token, for a page that was open when its log-in ended."""
    return render_template("account/session.html")


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


def _matching_hash(email: str, password: str) -> str:
    """The stored hash if the password is right, else ''. As slow for an unknown address."""
    moderator = Moderator.with_email(email)
    hashed = moderator.password_hash if moderator and moderator.has_password else _hash_of_no_password()
    # argon2 is slow: it must not occupy a connection.
    db.session.rollback()
    return hashed if verify(hashed, password) else ""


@cache
def _hash_of_no_password() -> str:
    return hash_password(secrets.token_urlsafe())


def _start(email: str, password: str, hashed: str, browser: str) -> entering.Entry | None:
    """None if the account has changed since it was read."""
    with write_transaction():
        moderator = Moderator.with_email(email)
        if moderator is None or moderator.password_hash != hashed or Identity.is_only_way(moderator):
            return None
        if needs_rehash(hashed):
            moderator.password_hash = hash_password(password)
        guessing.forgive(email, browser)
        return entering.after_password(moderator)


def _record_failure(email: str) -> None:
    """The typed address is not recorded: it may be a password in the wrong field."""
    metrics.LOGIN_FAILURES.labels("password").inc()
    with write_transaction():
        account = Moderator.with_email(email)
        if guessing.is_recorded(account):
            audit.record(Event.LOGIN_FAILED, by=Who.VISITOR, account=account, network=entering.here())


def _speak(wanted: str) -> None:
    language.speak(wanted or language.choose(), language.choose())


def _refused(form: LoginForm, no: guessing.TooManyAttempts) -> Response:
    answer = page(form, no.status, no.sentence, challenge=no.challenge)
    answer.headers["Retry-After"] = str(no.retry_after)
    return answer


def page(form: LoginForm, status: int = 200, trouble: str = "", challenge: dict[str, object] | None = None) -> Response:
    html = render_template(
        "account/login.html", form=form, trouble=trouble, challenge=challenge, has_passkeys=bool(passkeys.host()),
        provider=single_sign_on.provider_name(), only=current_app.config["OIDC_ONLY"],
        left="left" in request.args,
    )  # fmt: skip
    return make_response(html, status)

"""Log in, log out, language and keyboard shortcuts."""

import secrets
from datetime import timedelta
from functools import cache
from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import gettext as _

from app.abuse import address, guessing
from app.database import read_only, write_transaction
from app.extensions import db
from app.forms.account import EmailsForm, KeysForm, LanguageForm, LoginForm
from app.lib import language
from app.lib.passwords import hash_password, needs_rehash, verify
from app.lib.signing import BadToken, sign, unsign
from app.models import Login, Moderator, audit
from app.models.audit import Event, Who
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
    read_only()
    form = LoginForm()
    _speak(form.lang.data or "")
    if not form.validate():
        return _page(form, 422)
    email, device = form.email.data, _device(form.email.data)
    try:
        with guessing.attempt(email, device, request.form.get("altcha", "")):
            hashed = _matching_hash(email, form.password.data)
            started = _start(email, form.password.data, hashed, device) if hashed else None
    except guessing.TooManyAttempts as no:
        return _refused(form, no)
    if started is None:
        _record_failure(email)
        return _page(form, 422, _("Incorrect email or password."))
    return _logged_in(*started, own_path(form.next.data or ""))


@bp.post("/logout")
def log_out() -> Any:
    if token := session.get(SESSION_KEY):
        login = current_login()
        Login.end(token)
        if login:
            audit.record(Event.LOGOUT, by=login.moderator, account=login.moderator, network=_network())
    db.session.commit()
    session.clear()
    return redirect(url_for("account.login"), 303)


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


@bp.get("/account/emails")
@moderator_required
def show_emails() -> Response:
    me = current_moderator()
    start, end = ("" if hour is None else str(hour) for hour in (me.quiet_from, me.quiet_until))
    return _emails_page(EmailsForm(formdata=None, emails=me.emails, quiet_from=start, quiet_until=end))


@bp.post("/account/emails")
@moderator_required
def choose_emails() -> Any:
    me, form = current_moderator(), EmailsForm()
    if not form.validate():
        return _emails_page(form, 422)
    me.emails, (me.quiet_from, me.quiet_until) = form.emails.data, form.quiet
    db.session.commit()
    flash(_("Settings saved."))
    return redirect(url_for("account.show_emails"), 303)


@bp.post("/account/keys")
@moderator_required
def switch_keys() -> Any:
    current_moderator().keys_on = KeysForm().on.data
    db.session.commit()
    return redirect(own_path(request.form.get("next", "")), 303)


def _matching_hash(email: str, password: str) -> str:
    """The stored hash if the password is right, else ''. As slow for an unknown address."""
    moderator = Moderator.with_email(email)
    hashed = moderator.password_hash if moderator else _hash_of_no_password()
    # argon2 is slow: it must not occupy a connection.
    db.session.rollback()
    return hashed if verify(hashed, password) else ""


@cache
def _hash_of_no_password() -> str:
    return hash_password(secrets.token_urlsafe())


def _start(email: str, password: str, hashed: str, device: str) -> tuple[str, str] | None:
    """Start a log-in; returns token and account index. None if the account has changed since it was read."""
    with write_transaction():
        moderator = Moderator.with_email(email)
        if moderator is None or moderator.password_hash != hashed:
            return None
        if needs_rehash(hashed):
            moderator.password_hash = hash_password(password)
        guessing.forgive(email, device)
        if old := session.get(SESSION_KEY):
            Login.end(old)
        token = Login.start(moderator, session_lasts())
        audit.record(Event.LOGIN, by=moderator, account=moderator, network=_network(), known_browser=bool(device))
        return token, moderator.email_index


def _record_failure(email: str) -> None:
    """The typed address is not recorded: it may be a password in the wrong field."""
    with write_transaction():
        account = Moderator.with_email(email)
        audit.record(Event.LOGIN_FAILED, by=Who.VISITOR, account=account, network=_network())


def _network() -> str:
    return address.network(address.client())


def _logged_in(token: str, index: str, path: str) -> Response:
    """A new session and token, against session fixation."""
    session.clear()
    session[SESSION_KEY] = token
    answer = make_response(redirect(path, 303))
    answer.set_cookie(
        _device_cookie(),
        sign("device", [index, secrets.token_hex(8)]),
        max_age=DEVICE_LASTS,
        path=current_app.config["SESSION_COOKIE_PATH"],
        httponly=True,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        samesite="Lax",
    )
    return answer


def _device(email: str) -> str:
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


def _emails_page(form: EmailsForm, status: int = 200) -> Response:
    return make_response(render_template("account/emails.html", form=form), status)


def _page(
    form: LoginForm, status: int = 200, trouble: str = "", challenge: dict[str, object] | None = None
) -> Response:
    page = render_template("account/login.html", form=form, trouble=trouble, challenge=challenge)
    return make_response(page, status)

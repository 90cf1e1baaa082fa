"""Ask for the password again before sensitive actions, unless it was entered in this log-in a few minutes ago."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _

from app.abuse import guessing
from app.abuse.address import client, network
from app.connections import SAFE_METHODS
from app.database import read_only, write_transaction, writes_again
from app.errors import Refused
from app.extensions import db
from app.lib import metrics
from app.lib.clock import now
from app.lib.passwords import verify
from app.models import Login, audit
from app.models.audit import Event
from app.web import device
from app.web.access import (
    SESSION_KEY,
    current_moderator,
    moderator_required,
    own_path,
    session_lasts,
    this_login,
    this_page,
    wants_fragment,
)

bp = Blueprint("confirmation", __name__, url_prefix="/account")

View = TypeVar("View", bound=Callable[..., Any])

PASSWORD = "confirm_password"  # noqa: S105 (the name of a field)
# Fields of the page that asks, which are not sent on.
OURS = (PASSWORD, "csrf_token", "altcha")


def confirmation_required(view: View) -> View:
    """Require a log-in that was confirmed within CONFIRM_MINUTES; write it below `moderator_required`.

    Else a page asks for the password, and with it the form is sent again as it was filled in. It comes after the check
    of the CSRF token, so that another site cannot fill in the form.
    """

    @wraps(view)
    def confirmed(*args: Any, **kwargs: Any) -> Any:
        return _unconfirmed() or view(*args, **kwargs)

    return confirmed  # type: ignore[return-value]


def is_confirmed() -> bool:
    return this_login().is_confirmed(timedelta(minutes=current_app.config["CONFIRM_MINUTES"]))


@bp.get("/confirm")
@moderator_required
def ask() -> Any:
    return _page()


@bp.post("/confirm")
@moderator_required
def confirm() -> Any:
    return _password_refused() or redirect(own_path(request.form.get("next", "")), 303)


def _unconfirmed() -> Any:
    """The answer to a request that needs a confirmation first; None if it may go on."""
    if is_confirmed():
        return None
    if request.method in SAFE_METHODS:
        return redirect(url_for("confirmation.ask", next=this_page()), 303)
    if PASSWORD in request.form:
        return _password_refused()
    if wants_fragment():
        raise Refused("unconfirmed", _("Enter your password on the account page, then try again."), status=403)
    return _page(status=403)


def _password_refused() -> Response | None:
    """Check the password of the form; the answer if that fails."""
    try:
        right = password_is_right(request.form.get(PASSWORD, ""), request.form.get("altcha", ""))
    except guessing.TooManyAttempts as no:
        answer = _page(no.sentence, no.status, no.challenge)
        answer.headers["Retry-After"] = str(no.retry_after)
        return answer
    return None if right else _page(_("Incorrect password."), 422)


def password_is_right(typed: str, proof: str = "") -> bool:
    """Check the moderator's password, limited like a log-in, and confirm this log-in with it. Commits.

    The session gets a new token: a stolen copy of the earlier one must not be confirmed with it. Raises
    TooManyAttempts.
    """
    email, hashed, login_id = current_moderator().email, current_moderator().password_hash, this_login().id
    browser = device.known(email)
    # argon2 is slow: it must not occupy a connection, nor SQLite's lock.
    db.session.rollback()
    read_only()
    with guessing.attempt(email, browser, proof):
        renewed = _confirm(login_id, hashed, browser) if verify(hashed, typed) else ""
    if renewed:
        session[SESSION_KEY] = renewed
    else:
        _record_failure(login_id)
    writes_again()
    return bool(renewed)


def _confirm(login_id: int, hashed: str, browser: str) -> str:
    """The new token; '' if the log-in has ended or the password has changed since it was read."""
    with write_transaction():
        login = db.session.get(Login, login_id)
        if login is None or login.moderator.password_hash != hashed:
            return ""
        guessing.forgive(login.moderator.email, browser)
        login.prolong(session_lasts())
        login.confirmed_at = now()
        token = login.renew()
        _record(Event.REAUTHENTICATED, login)
        return token


def _record_failure(login_id: int) -> None:
    metrics.LOGIN_FAILURES.labels("confirmation").inc()
    with write_transaction():
        if login := db.session.get(Login, login_id):
            _record(Event.REAUTHENTICATION_FAILED, login)


def _record(event: Event, login: Login) -> None:
    audit.record(event, by=login.moderator, account=login.moderator, network=network(client()))


def _wanted() -> str:
    """The page to go on to."""
    given = request.args if request.method in SAFE_METHODS else request.form
    return given.get("next", "")


def _page(trouble: str = "", status: int = 200, challenge: dict[str, object] | None = None) -> Response:
    own = request.endpoint in ("confirmation.ask", "confirmation.confirm")
    fields = [] if own else [(name, text) for name, text in request.form.items(multi=True) if name not in OURS]
    page = render_template(
        "account/confirm.html", trouble=trouble, challenge=challenge, fields=fields, password=PASSWORD,
        action=url_for("confirmation.confirm") if own else this_page(), next=_wanted(), own=own,
    )  # fmt: skip
    return make_response(page, status)

"""Ask moderators who they are again before sensitive actions, unless this log-in was confirmed a few minutes ago.

By the password, a code of the authenticator app, a passkey, or the identity provider.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, NamedTuple, TypeVar

from flask import (
    Blueprint,
    Response,
    current_app,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import gettext as _

from app.abuse import guessing
from app.connections import SAFE_METHODS
from app.database import read_only, write_transaction, writes_again
from app.desk import factors, single_sign_on
from app.errors import Refused
from app.extensions import db
from app.lib import metrics, passkeys
from app.lib.passwords import verify
from app.models import Identity, Login, Moderator, Passkey, audit
from app.models.audit import Event
from app.web import device, entering, passkey_challenge
from app.web.access import (
    SESSION_KEY,
    current_moderator,
    moderator_required,
    own_path,
    this_login,
    this_page,
    wants_fragment,
)

bp = Blueprint("confirmation", __name__, url_prefix="/account")

View = TypeVar("View", bound=Callable[..., Any])

# Names of fields.
PASSWORD, CODE, PASSKEY = "confirm_password", "confirm_code", "confirm_passkey"
PROOFS = frozenset({PASSWORD, CODE, PASSKEY})
# Fields of the page that asks, which are not sent on.
OURS = PROOFS | {"csrf_token", "altcha"}
CONFIRM = "confirm"


def confirmation_required(view: View) -> View:
    """Require a log-in that was confirmed within CONFIRM_MINUTES; write it below `moderator_required`.

    Else a page asks for a proof, and with it the form is sent again as it was filled in. It comes after the check
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
    return _refused() or redirect(own_path(request.form.get("next", "")), 303)


@bp.get("/confirmed")
@moderator_required
def done() -> str:
    """Where the identity provider leads back to, in a tab of its own beside the form that goes on."""
    return render_template("account/confirmed.html")


@bp.post("/confirm/options")
@moderator_required
def options() -> Any:
    me = current_moderator()
    if not passkeys.host():
        raise Refused("no_passkeys", _("This service has no passkeys."), status=409)
    known = [each.credential_id for each in Passkey.of(me)]
    return jsonify(passkeys.options_to_get(passkey_challenge.begin(CONFIRM), known))


def _unconfirmed() -> Any:
    """The answer to a request that needs a confirmation first; None if it may go on."""
    if is_confirmed():
        return None
    if request.method in SAFE_METHODS:
        return redirect(url_for("confirmation.ask", next=this_page()), 303)
    if not PROOFS.isdisjoint(request.form):
        return _refused()
    if wants_fragment():
        raise Refused("unconfirmed", _("Confirm that it’s you on the account page, then try again."), status=403)
    return _page(status=403)


def _refused() -> Response | None:
    """Check the password, code or passkey of the form; the answer if that fails."""
    form = request.form
    try:
        if PASSKEY in form:
            trouble = "" if _passkey_is_right(form[PASSKEY]) else _("This passkey was not accepted. Try again.")
        elif CODE in form:
            wrong = _("This code is wrong or was used before. Wait for the next one.")
            trouble = "" if _code_is_right(form[CODE]) else wrong
        else:
            right = password_is_right(form.get(PASSWORD, ""), form.get("altcha", ""))
            trouble = "" if right else _("Incorrect password.")
    except guessing.TooManyAttempts as no:
        answer = _page(no.sentence, no.status, no.challenge)
        answer.headers["Retry-After"] = str(no.retry_after)
        return answer
    return _page(trouble, 422) if trouble else None


def password_is_right(typed: str, proof: str = "") -> bool:
    """Check the moderator's password, limited like a log-in, and confirm this log-in with it. Commits.

    Raises TooManyAttempts.
    """
    me = current_moderator()
    email, hashed, browser = me.email, me.password_hash, device.known(me.email)
    allowed = not Identity.is_only_way(me)

    def accepts(login: Login) -> bool:
        if login.moderator.password_hash != hashed:
            return False
        guessing.forgive(email, browser)
        return True

    login_id = _without_connection()
    with guessing.attempt(email, browser, proof):
        # argon2 is slow: it must not occupy a connection, nor SQLite's lock.
        right = verify(hashed, typed) and allowed
        return _confirm(login_id, accepts if right else None, "password")


def _code_is_right(typed: str) -> bool:
    """The same with a code of the authenticator app."""
    me_id, browser = current_moderator().id, device.known(current_moderator().email)

    def accepts(login: Login) -> bool:
        if not factors.accept_code(login.moderator, typed):
            return False
        guessing.forgive_factor(me_id, browser)
        return True

    login_id = _without_connection()
    with guessing.factor_attempt(me_id, browser):
        return _confirm(login_id, accepts, "app")


def _passkey_is_right(answer: str) -> bool:
    """The same with a passkey."""
    login_id = _without_connection()
    asked = passkey_challenge.take(CONFIRM)
    challenge = asked.challenge if asked else b""

    def accepts(login: Login) -> bool:
        return factors.accept_passkey(answer, challenge, of=login.moderator) is not None

    with guessing.passkey_attempt():
        return _confirm(login_id, accepts if challenge and answer else None, "passkey")


def _without_connection() -> int:
    """Give the connection back; the id of this log-in."""
    login_id = this_login().id
    db.session.rollback()
    read_only()
    return login_id


def _confirm(login_id: int, accepts: Callable[[Login], bool] | None, via: str) -> bool:
    """Confirm the log-in if it has not ended and the proof is accepted; a failure is recorded."""
    with write_transaction():
        login = db.session.get(Login, login_id)
        renewed = entering.confirm(login, via) if login and accepts and accepts(login) else ""
        if login and not renewed:
            me = login.moderator
            audit.record(Event.REAUTHENTICATION_FAILED, by=me, account=me, network=entering.here(), via=via)
    if renewed:
        session[SESSION_KEY] = renewed
    else:
        metrics.LOGIN_FAILURES.labels("confirmation").inc()
    writes_again()
    return bool(renewed)


class Ways(NamedTuple):
    """How a moderator may confirm; `provider` is its name, or ''."""

    password: bool
    app: bool
    passkey: bool
    provider: str


def _ways(me: Moderator) -> Ways:
    return Ways(
        password=me.has_password and not Identity.is_only_way(me),
        app=factors.has_app(me),
        passkey=bool(passkeys.host() and Passkey.of(me)),
        provider=single_sign_on.provider_name() if single_sign_on.is_on() and Identity.of(me) else "",
    )


def _wanted() -> str:
    """The page to go on to."""
    given = request.args if request.method in SAFE_METHODS else request.form
    return given.get("next", "")


def _page(trouble: str = "", status: int = 200, challenge: dict[str, object] | None = None) -> Response:
    own = request.endpoint in ("confirmation.ask", "confirmation.confirm")
    fields = [] if own else [(name, text) for name, text in request.form.items(multi=True) if name not in OURS]
    page = render_template(
        "account/confirm.html", trouble=trouble, challenge=challenge, fields=fields, ways=_ways(current_moderator()),
        action=url_for("confirmation.confirm") if own else this_page(), next=_wanted(), own=own,
    )  # fmt: skip
    return make_response(page, status)

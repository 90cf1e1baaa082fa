"""Log in with an identity provider (OpenID Connect), link an account to it, confirm with it."""

import logging
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
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

from app.abuse import guessing
from app.database import write_transaction
from app.desk import single_sign_on
from app.desk.single_sign_on import Person
from app.errors import Refused
from app.extensions import db
from app.forms.account import LoginForm
from app.lib import language, metrics
from app.lib.http_client import NoAnswer
from app.lib.id_token import NotVerified
from app.lib.identity_provider import error_code
from app.models import Identity, Login, audit
from app.models.audit import Event, Who
from app.web import account, entering, sign_on_request
from app.web.access import (
    SESSION_KEY,
    current_login,
    current_moderator,
    moderator_required,
    own_path,
    this_login,
)
from app.web.confirmation import confirmation_required
from app.web.profile import back_to
from app.web.sign_on_request import CONFIRM, LINK, LOG_IN, Asked

log = logging.getLogger(__name__)
bp = Blueprint("single_sign_on", __name__)

SECTION = "single-sign-on"


@bp.get("/login/single-sign-on")
def start() -> Any:
    _only_if_set_up()
    next = request.args.get("next", "")
    if current_login():
        return redirect(own_path(next), 303)
    if _is_from_elsewhere():
        return redirect(url_for("account.login", next=next or None), 303)
    try:
        return redirect(_at_provider(LOG_IN, next), 303)
    except NoAnswer as no:
        return _no_answer(Asked(LOG_IN, next=next), no)


@bp.get("/login/single-sign-on/callback")
def finish() -> Any:
    """The provider sends the browser back here."""
    _only_if_set_up()
    asked = sign_on_request.take(request.args.get("state", ""))
    if asked is None:
        return _failed(Asked(LOG_IN), _("This log-in has expired or was used before. Try again."), 400)
    if login := current_login():
        language.speak(login.moderator.lang or language.choose(), language.choose())
    # The provider's answer must not occupy a connection.
    db.session.rollback()
    try:
        return _finished(asked, _claims(asked))
    except NoAnswer as no:
        return _no_answer(asked, no)
    except NotVerified as no:
        log.warning("single sign-on refused: %s", no)
        return _failed(asked, _("The answer of %(provider)s is not valid. Try again.", provider=_name()), 403)
    except guessing.TooManyAttempts as no:
        answer = _failed(asked, no.sentence, no.status)
        answer.headers["Retry-After"] = str(no.retry_after)
        return answer
    except Refused as no:
        return _failed(asked, no.sentence, no.status)


@bp.get("/login/single-sign-on/leave")
def leave() -> Any:
    """End the log-in at the provider too."""
    _only_if_set_up()
    try:
        back = f"{current_app.config['PUBLIC_URL']}/login"
        return redirect(single_sign_on.provider().leave(back) or url_for("account.login"), 303)
    except NoAnswer as no:
        return _no_answer(Asked(LOG_IN), no)


@bp.get("/account/single-sign-on/confirm")
@moderator_required
def confirm() -> Any:
    _only_if_set_up()
    next = request.args.get("next", "")
    try:
        return redirect(_at_provider(CONFIRM, next, prompt="login", max_age="0"), 303)
    except NoAnswer as no:
        return _no_answer(Asked(CONFIRM, next=next), no)


@bp.post("/account/single-sign-on/link")
@moderator_required
@confirmation_required
def link() -> Any:
    """A page leads on to the provider: browsers do not let a form lead to other hosts (CSP, form-action)."""
    _only_if_set_up()
    db.session.commit()
    try:
        address = _at_provider(LINK, "")
    except NoAnswer as no:
        return _no_answer(Asked(LINK), no)
    return render_template("account/link.html", address=address, provider=_name())


@bp.post("/account/single-sign-on/unlink")
@moderator_required
@confirmation_required
def unlink() -> Any:
    if single_sign_on.unlink_own(current_moderator(), keep=this_login()):
        flash(_("Single sign-on unlinked."))
    db.session.commit()
    return back_to(SECTION)


def _only_if_set_up() -> None:
    if not single_sign_on.is_on():
        abort(404)


def _is_from_elsewhere() -> bool:
    """True if a page of another site led here: it must not log anyone in without their doing."""
    return request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")


def _name() -> str:
    return single_sign_on.provider_name()


def _at_provider(purpose: str, next: str, **more: str) -> str:
    """The provider's address for a new log-in of this browser session. Raises NoAnswer."""
    db.session.rollback()
    asked = sign_on_request.new(purpose, own_path(next) if next else "")
    address = single_sign_on.provider().start(
        state=asked.state, nonce=asked.nonce, verifier=asked.verifier, redirect=_back(), **more
    )
    sign_on_request.keep(asked)
    return address


def _back() -> str:
    return f"{current_app.config['PUBLIC_URL']}/login/single-sign-on/callback"


def _claims(asked: Asked) -> dict[str, Any]:
    """The verified claims of the provider's answer. Raises NoAnswer, NotVerified, Refused."""
    provider = single_sign_on.provider()
    provider.check_issuer(request.args.get("iss"))
    if error := request.args.get("error", ""):
        log.info("single sign-on: %s", error_code(error) or "unknown error")
        raise Refused("denied", _("%(provider)s did not log you in. Try again.", provider=_name()), status=403)
    with guessing.passkey_attempt():
        return provider.redeem(
            request.args.get("code", ""), nonce=asked.nonce, verifier=asked.verifier, redirect=_back(),
            wanted=single_sign_on.wanted_claims(),
        )  # fmt: skip


def _finished(asked: Asked, claims: dict[str, Any]) -> Response:
    return _FINISH[asked.purpose](asked, claims)


def _log_in(asked: Asked, claims: dict[str, Any]) -> Response:
    person = single_sign_on.read(claims)
    try:
        with write_transaction():
            entry = entering.after_single_sign_on(person)
    except Refused as no:
        _record_failure(person, no)
        raise
    return entering.answer(entry, own_path(asked.next))


def _link(asked: Asked, claims: dict[str, Any]) -> Response:
    person = single_sign_on.read(claims)
    with write_transaction():
        login = _login()
        login.turn_single_sign_on()
        single_sign_on.settle(login.moderator, person)
    flash(_("Single sign-on linked."))
    return make_response(back_to(SECTION))


def _confirm(asked: Asked, claims: dict[str, Any]) -> Response:
    if not single_sign_on.proved_since(claims, asked.since):
        sentence = _(
            "%(provider)s did not say that you logged in again. Confirm with a passkey, or set a password.",
            provider=_name(),
        )
        raise Refused("not_fresh", sentence, status=403)
    with write_transaction():
        login = _login()
        identity = Identity.known(claims["iss"], claims["sub"])
        if identity is None or identity.moderator_id != login.moderator_id:
            raise Refused("other_account", _("This is not the identity of your account."), status=403)
        token = entering.confirm(login, "provider")
    session[SESSION_KEY] = token
    if asked.next:
        return make_response(redirect(own_path(asked.next), 303))
    return make_response(redirect(url_for("confirmation.done"), 303))


_FINISH = {LOG_IN: _log_in, LINK: _link, CONFIRM: _confirm}


def _login() -> Login:
    login = current_login()
    if login is None:
        raise Refused("logged_out", _("You’ve been logged out."), status=401)
    return login


def _record_failure(person: Person, no: Refused) -> None:
    """The address is not recorded: the account may be another person's."""
    with write_transaction():
        identity = Identity.known(person.issuer, person.subject)
        known = identity.moderator if identity else None
        if guessing.is_recorded(known):
            place = entering.here()
            audit.record(
                Event.LOGIN_FAILED, by=Who.VISITOR, account=known, network=place, via="provider", because=no.code
            )


def _no_answer(asked: Asked, no: NoAnswer) -> Response:
    log.warning("single sign-on: %s", no)
    sentence = _("%(provider)s does not answer. Try again in a minute, or log in another way.", provider=_name())
    return _failed(asked, sentence, 503)


def _failed(asked: Asked, sentence: str, status: int) -> Response:
    """Say it where the person began."""
    metrics.LOGIN_FAILURES.labels("single_sign_on").inc()
    if asked.purpose == LOG_IN:
        return account.page(LoginForm(formdata=None, next=asked.next, lang=""), status, sentence)
    flash(sentence)
    if asked.purpose == LINK:
        return make_response(back_to(SECTION))
    return make_response(redirect(url_for("confirmation.ask", next=asked.next or None), 303))

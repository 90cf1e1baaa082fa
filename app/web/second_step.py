"""Log in with a second factor after the password, or with a passkey alone."""

from collections.abc import Callable
from typing import Any

from flask import (
    Blueprint,
    Response,
    flash,
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
from app.database import read_only, write_transaction
from app.desk import factors, single_sign_on
from app.desk.single_sign_on import Person
from app.errors import Refused
from app.extensions import db
from app.forms.account import LoginForm
from app.forms.factor import FactorForm, PasskeyLoginForm
from app.lib import language, metrics, passkeys
from app.models import Identity, Moderator, Passkey, PendingLogin, audit
from app.models.audit import Event, Who
from app.web import account, device, entering, passkey_challenge
from app.web.access import own_path

bp = Blueprint("factor", __name__)

ALONE, SECOND = "log in", "second factor"
# Returns the kind of the accepted factor, or ''.
Accepts = Callable[[Moderator], str]


@bp.get("/login/factor")
def ask() -> Any:
    pending = _pending()
    if pending is None:
        return redirect(url_for("account.login", next=request.args.get("next") or None), 303)
    _speak_to(pending.moderator)
    return _page(pending.moderator, FactorForm(formdata=None, next=request.args.get("next", "")))


@bp.post("/login/factor")
def check() -> Any:
    read_only()
    form, pending = FactorForm(), _pending()
    if pending is None:
        return _again(form.next.data or "")
    _speak_to(pending.moderator)
    if not form.validate():
        return _page(pending.moderator, form, 422)
    try:
        with guessing.factor_attempt(pending.moderator_id, device.known(pending.moderator.email)):
            entry = _enter(pending.moderator_id, lambda me: _accepts(me, form))
    except guessing.TooManyAttempts as no:
        return _refused(pending.moderator, form, no)
    if entry is None:
        _record_failure(pending.moderator)
        return _page(pending.moderator, form, 422, _wrong(form))
    return entering.answer(entry, own_path(form.next.data or ""))


@bp.post("/login/factor/options")
def options() -> Any:
    pending = _pending()
    if pending is None or not passkeys.host():
        raise Refused("bad_step", _("Log in again."), status=401)
    known = [each.credential_id for each in Passkey.of(pending.moderator)]
    return jsonify(passkeys.options_to_get(passkey_challenge.begin(SECOND), known))


@bp.post("/login/factor/passkey")
def check_passkey() -> Any:
    read_only()
    form, pending = PasskeyLoginForm(), _pending()
    if pending is None:
        return _again(form.next.data or "")
    me = pending.moderator
    _speak_to(me)
    codes = FactorForm(formdata=None, next=form.next.data)
    try:
        with guessing.passkey_attempt():
            entry = _enter_by_passkey(form, SECOND, of=me)
    except guessing.TooManyAttempts as no:
        return _refused(me, codes, no)
    if entry is None:
        _record_failure(me)
        return _page(me, codes, 422, _passkey_wrong(form))
    return entering.answer(entry, own_path(form.next.data or ""))


@bp.post("/login/passkey/options")
def options_alone() -> Any:
    """The same for everybody, so it tells nothing about accounts."""
    if not passkeys.host():
        raise Refused("no_passkeys", _("This service has no passkeys."), status=409)
    return jsonify(passkeys.options_to_get(passkey_challenge.begin(ALONE)))


@bp.post("/login/passkey")
def log_in() -> Any:
    read_only()
    form = PasskeyLoginForm()
    language.speak(form.lang.data or language.choose(), language.choose())
    try:
        with guessing.passkey_attempt():
            entry = _enter_by_passkey(form, ALONE)
    except guessing.TooManyAttempts as no:
        return _wait(_login_page(form, no.sentence, no.status), no)
    if entry is None:
        _record_failure(None)
        return _login_page(form, _passkey_wrong(form), 422)
    return entering.answer(entry, own_path(form.next.data or ""))


def _pending() -> PendingLogin | None:
    token = session.get(entering.PENDING_KEY)
    return PendingLogin.with_token(token) if isinstance(token, str) else None


def _enter(moderator_id: int, accepts: Accepts) -> entering.Entry | None:
    """Complete the pending log-in if the factor is accepted; of two requests at once, one does."""
    with write_transaction():
        me, pending = db.session.get(Moderator, moderator_id), _pending()
        factor = accepts(me) if me else ""
        if me is None or pending is None or not factor or not PendingLogin.end(session[entering.PENDING_KEY]):
            return None
        guessing.forgive_factor(me.id, device.known(me.email))
        person = Person(**pending.person) if pending.person else None
        if person:
            single_sign_on.settle(me, person)
        return entering.complete(me, factor, person)


def _enter_by_passkey(form: PasskeyLoginForm, purpose: str, of: Moderator | None = None) -> entering.Entry | None:
    asked, answer = passkey_challenge.take(purpose), form.credential.data or ""
    if asked is None or not answer or not form.validate():
        return None
    challenge = asked.challenge
    if of:
        return _enter(of.id, lambda me: "passkey" if factors.accept_passkey(answer, challenge, of=me) else "")
    with write_transaction():
        me = factors.accept_passkey(answer, challenge)
        return entering.complete(me, "passkey") if me and not Identity.is_only_way(me) else None


def _accepts(me: Moderator, form: FactorForm) -> str:
    if form.recovery.data:
        return "recovery code" if factors.accept_recovery_code(me, form.recovery.data) else ""
    return "app" if factors.accept_code(me, form.code.data or "") else ""


def _record_failure(moderator: Moderator | None) -> None:
    metrics.LOGIN_FAILURES.labels("second_factor").inc()
    with write_transaction():
        if guessing.is_recorded(moderator):
            audit.record(Event.FACTOR_FAILED, by=Who.VISITOR, account=moderator, network=entering.here())


def _wrong(form: FactorForm) -> str:
    if form.recovery.data:
        return _("This recovery code is wrong or was used before.")
    return _("This code is wrong or was used before. Wait for the next one.")


def _passkey_wrong(form: PasskeyLoginForm) -> str:
    if not form.credential.data:
        return _("Passkeys need JavaScript. Turn it on, or use another way to log in.")
    return _("This passkey was not accepted. Try again, or use another way to log in.")


def _again(next: str) -> Any:
    flash(_("That took too long. Log in again."))
    return redirect(url_for("account.login", next=next or None), 303)


def _speak_to(moderator: Moderator) -> None:
    language.speak(moderator.lang or language.choose(), language.choose())


def _refused(moderator: Moderator, form: FactorForm, no: guessing.TooManyAttempts) -> Response:
    return _wait(_page(moderator, form, no.status, no.sentence), no)


def _wait(answer: Response, no: guessing.TooManyAttempts) -> Response:
    answer.headers["Retry-After"] = str(no.retry_after)
    return answer


def _page(moderator: Moderator, form: FactorForm, status: int = 200, trouble: str = "") -> Response:
    page = render_template(
        "account/factor.html", form=form, trouble=trouble, has_app=factors.has_app(moderator),
        has_passkey=bool(passkeys.host() and Passkey.of(moderator)), recovering=bool(form.recovery.data),
    )  # fmt: skip
    return make_response(page, status)


def _login_page(form: PasskeyLoginForm, trouble: str, status: int) -> Response:
    blank = LoginForm(formdata=None, next=form.next.data, lang=form.lang.data)
    return account.page(blank, status, trouble)

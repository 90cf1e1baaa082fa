"""Second factors of moderators: passkeys, an authenticator app, recovery codes."""

import logging
import secrets
from collections.abc import Collection
from typing import NamedTuple

from flask_babel import gettext as _
from sqlalchemy import select

from app.desk import accounts
from app.errors import Refused
from app.extensions import db
from app.lib import one_time_codes, passkeys
from app.lib.clock import now
from app.lib.secrets import is_unreadable
from app.models import AuthenticatorApp, Login, Moderator, Passkey, RecoveryCode, Role, Site, audit
from app.models.audit import Event, Who
from app.notify.account_email import News

log = logging.getLogger(__name__)

MOST_PASSKEYS = 20
HANDLE_BYTES = 32
# The event of each change, and the kind of factor.
EVENTS = {
    News.PASSKEY_ADDED: (Event.FACTOR_ADDED, "passkey"),
    News.PASSKEY_REMOVED: (Event.FACTOR_REMOVED, "passkey"),
    News.APP_ADDED: (Event.FACTOR_ADDED, "app"),
    News.APP_REMOVED: (Event.FACTOR_REMOVED, "app"),
    News.CODES_MADE: (Event.RECOVERY_CODES_MADE, ""),
    News.CODE_USED: (Event.RECOVERY_CODE_USED, ""),
    News.FACTORS_RESET: (Event.FACTOR_RESET, ""),
}


def has_factor(moderator: Moderator) -> bool:
    """True if the moderator's password alone is no log-in. Recovery codes alone are no factor."""
    return has_app(moderator) or bool(Passkey.of(moderator))


def has_app(moderator: Moderator) -> bool:
    app = AuthenticatorApp.of(moderator)
    return app is not None and app.confirmed_at is not None


def ids_with_factor(moderator_ids: Collection[int]) -> set[int]:
    """Those of these moderators who have a second factor."""
    apps = select(AuthenticatorApp.moderator_id).where(AuthenticatorApp.confirmed_at.is_not(None))
    every = apps.where(AuthenticatorApp.moderator_id.in_(moderator_ids)).union(
        select(Passkey.moderator_id).where(Passkey.moderator_id.in_(moderator_ids))
    )
    return set(db.session.scalars(every))


def required_by(moderator: Moderator) -> Site | None:
    """A site that requires a second factor of the moderator's role."""
    for site in moderator.sites(Site.factor_role != ""):
        role = moderator.role_on(site.id)
        if role and role.reaches(Role(site.factor_role)):
            return site
    return None


def missing_for(moderator: Moderator) -> Site | None:
    """A site that requires a second factor which the moderator does not have."""
    site = required_by(moderator)
    return site if site and not has_factor(moderator) else None


class Overview(NamedTuple):
    """What the moderator's account page shows. `host`: where passkeys work, or ''."""

    passkeys: list[Passkey]
    app: AuthenticatorApp | None
    codes: int
    host: str
    missing: Site | None


def overview(moderator: Moderator) -> Overview:
    app = AuthenticatorApp.of(moderator)
    return Overview(
        Passkey.of(moderator),
        app if app and app.confirmed_at else None,
        RecoveryCode.count_of(moderator),
        passkeys.host(),
        missing_for(moderator),
    )


def require(moderator: Moderator) -> None:
    """Raise Refused (403) if a site requires a second factor that the moderator does not have."""
    if site := missing_for(moderator):
        sentence = _("%(site)s requires a second factor for your role. Set it up on your account page.", site=site.name)
        raise Refused("factor_missing", sentence, status=403)


# Log-in


def accept_code(moderator: Moderator, typed: str) -> bool:
    """True if this is a code of the moderator's app that was not used yet."""
    app = AuthenticatorApp.of(moderator)
    return app is not None and app.confirmed_at is not None and _accept(app, typed)


def accept_recovery_code(moderator: Moderator, typed: str) -> bool:
    """True if this is one of the moderator's recovery codes; it is used up, and told by email."""
    if not RecoveryCode.spend(moderator, typed):
        return False
    _note(News.CODE_USED, moderator)
    return True


def accept_passkey(answer: str, challenge: bytes, *, of: Moderator | None = None) -> Moderator | None:
    """The moderator whose passkey signed the challenge; None for a wrong answer.

    With `of` it must be a passkey of that moderator. An unknown passkey costs the same work.
    """
    try:
        asserted = passkeys.read(answer)
        passkey = Passkey.with_credential(asserted.credential_id)
        if passkey is None or not _belongs(passkey, asserted, of):
            passkeys.verify_nothing(asserted, challenge)
            return None
        count = passkeys.verify(asserted, challenge, public_key=passkey.public_key, sign_count=passkey.sign_count)
    except passkeys.BadPasskey as wrong:
        log.info("passkey refused", extra={"trouble": str(wrong)[:200]})
        return None
    return passkey.moderator if passkey.count_use(count) else None


def _accept(app: AuthenticatorApp, typed: str) -> bool:
    if is_unreadable(app.secret):
        return False
    step = one_time_codes.step_of(app.secret, typed)
    return step is not None and app.accept(step)


def _belongs(passkey: Passkey, asserted: passkeys.Asserted, of: Moderator | None) -> bool:
    """An authenticator that was asked for one account's passkeys need not tell the account (WebAuthn, 7.2)."""
    if of is None:
        return asserted.user_handle == passkey.user_handle
    return passkey.moderator_id == of.id and asserted.user_handle in (None, passkey.user_handle)


# Setting up


def begin_app(moderator: Moderator) -> None:
    """Give the moderator a new secret, to be confirmed by a code. Raises Refused (409) if there is an app."""
    accounts.lock(moderator)
    if has_app(moderator):
        raise _exists()
    AuthenticatorApp.remove(moderator)
    db.session.add(AuthenticatorApp(moderator_id=moderator.id, secret=one_time_codes.new_secret()))


def unconfirmed_app(moderator: Moderator) -> AuthenticatorApp | None:
    app = AuthenticatorApp.of(moderator)
    return app if app and app.confirmed_at is None and not is_unreadable(app.secret) else None


def confirm_app(moderator: Moderator, typed: str) -> list[str] | None:
    """Complete the set-up with a code of the app; None if it is wrong.

    Returns new recovery codes, if there were none.
    """
    app = unconfirmed_app(moderator)
    if app is None or not _accept(app, typed):
        return None
    db.session.refresh(app)
    app.confirmed_at = now()
    return _added(News.APP_ADDED, moderator)


def remove_app(moderator: Moderator) -> None:
    had = has_app(moderator)
    AuthenticatorApp.remove(moderator)
    if had:
        _removed(News.APP_REMOVED, moderator)


def handle_of(moderator: Moderator) -> str:
    """The moderator's user handle: that of the other passkeys, else a random one."""
    known = Passkey.of(moderator)
    return known[0].user_handle if known else secrets.token_urlsafe(HANDLE_BYTES)


def add_passkey(moderator: Moderator, answer: str, challenge: bytes, *, handle: str, name: str) -> list[str]:
    """Store a passkey. Returns new recovery codes, if there were none. Raises BadPasskey, and Refused (409, 422)."""
    made = passkeys.created(answer, challenge)
    if len(Passkey.of(moderator)) >= MOST_PASSKEYS:
        raise Refused("too_many", _("You have 20 passkeys. Remove one first."), status=409)
    if Passkey.with_credential(made.credential_id):
        raise Refused("known", _("This passkey was added before."), status=409)
    db.session.add(
        Passkey(
            moderator_id=moderator.id,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=made.sign_count,
            user_handle=handle,
            name=name,
        )
    )
    return _added(News.PASSKEY_ADDED, moderator)


def remove_passkey(moderator: Moderator, id: int) -> None:
    if Passkey.remove(moderator, id):
        _removed(News.PASSKEY_REMOVED, moderator)


def renew_codes(moderator: Moderator) -> list[str]:
    """New recovery codes; the earlier ones are void. Raises Refused (409) without a second factor."""
    if not has_factor(moderator):
        raise Refused("no_factor", _("Set up a passkey or an authenticator app first."), status=409)
    _note(News.CODES_MADE, moderator)
    return RecoveryCode.renew(moderator)


def reset(moderator: Moderator) -> bool:
    """Remove all second factors and end all log-ins, for a moderator who has lost them. False if there were none."""
    had = has_factor(moderator)
    Passkey.remove_all(moderator)
    AuthenticatorApp.remove(moderator)
    RecoveryCode.remove_all(moderator)
    Login.end_all(moderator)
    if had:
        _note(News.FACTORS_RESET, moderator)
    return had


def _added(news: News, moderator: Moderator) -> list[str]:
    db.session.flush()
    _note(news, moderator)
    return [] if RecoveryCode.count_of(moderator) else RecoveryCode.renew(moderator)


def _removed(news: News, moderator: Moderator) -> None:
    _note(news, moderator)
    if not has_factor(moderator):
        RecoveryCode.remove_all(moderator)


def _note(news: News, moderator: Moderator) -> None:
    """In the log of the service, the audit log, and an email; after the other writes."""
    event, factor = EVENTS[news]
    log.info("second factor: %s", news, extra={"moderator": moderator.id})
    accounts.tell(moderator, news)
    by = Who.OPERATOR if event == Event.FACTOR_RESET else moderator
    audit.record(event, by=by, account=moderator, factor=factor)


def _exists() -> Refused:
    return Refused("exists", _("Your authenticator app is already set up. Remove it first."), status=409)

"""A moderator's password and email address: how they are replaced, and what ends with that."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.lib.secrets import is_unreadable
from app.models import Delivery, EmailChange, Login, Membership, Moderator, PasswordReset, Site, audit
from app.models.audit import Event, Who
from app.models.email_change import Side
from app.notify import account_email, outbox
from app.notify.account_email import News

DAY = timedelta(days=1)
# Emails about a change to one address, from all accounts, in a day.
MOST_CHANGES = 3


def ask_for_reset(email: str, lang: str) -> None:
    """Send a link that sets a new password, if an account has this address.

    Only the worker looks for the account, so this does the same for every address.
    """
    payload = json.dumps({"email": email, "lang": lang})
    outbox.add(account_email.RESET, payload=payload, recipient=outbox.recipient(email))


def reset_of(token: str) -> PasswordReset:
    """Raises Refused (410) if it is invalid, used, or older than half an hour."""
    found = PasswordReset.with_token(token)
    if found is None:
        raise Refused("bad_link", _("This link has expired. Ask for a new one."), status=410)
    return found


def reset_password(token: str, hashed: str) -> Moderator:
    """Use a link once, to set a password by its hash. Raises Refused (410)."""
    moderator = reset_of(token).moderator
    lock(moderator)
    # Another link of the account may have been used until the row was locked.
    reset_of(token)
    _replace_password(moderator, hashed)
    tell(moderator, News.RESET)
    audit.record(Event.PASSWORD_RESET, by=Who.VISITOR, account=moderator)
    return moderator


def change_password(moderator: Moderator, hashed: str, *, keep: Login) -> None:
    """Replace the password in the log-in `keep`, the only one that goes on. Raises Refused (401) if it has ended."""
    lock(moderator)
    if db.session.scalar(select(Login.id).where(Login.id == keep.id)) is None:
        raise Refused("logged_out", _("You’ve been logged out."), status=401)
    _replace_password(moderator, hashed, keep=keep)
    tell(moderator, News.PASSWORD)
    audit.record(Event.PASSWORD_CHANGED, by=moderator, account=moderator)


def set_password(moderator: Moderator, hashed: str) -> None:
    """Replace the password in the name of the operator."""
    lock(moderator)
    _replace_password(moderator, hashed)
    tell(moderator, News.PASSWORD)
    audit.record(Event.PASSWORD_CHANGED, by=Who.OPERATOR, account=moderator)


def ask_for_email_change(moderator: Moderator, email: str) -> None:
    """Begin a change that both addresses must confirm. It replaces an earlier one. Raises Refused (429).

    The answer does not reveal whether another account has the address.
    """
    # One open change of each account, also of two requests at once.
    lock(moderator)
    to = outbox.recipient(email)
    if Delivery.count_to(to, now() - DAY, account_email.CHANGE) >= MOST_CHANGES:
        raise Refused("flood", _("Too many changes today. Try again tomorrow."), field="email", status=429)
    EmailChange.end_all(moderator)
    change = EmailChange(moderator=moderator, email=email)
    db.session.add(change)
    db.session.flush()
    for side, address in ((Side.OLD, moderator.email), (Side.NEW, email)):
        payload = json.dumps({"id": change.id, "nonce": change.nonce, "side": side})
        recipient = outbox.recipient(address) if address else None
        outbox.add(account_email.CHANGE, moderator_id=moderator.id, payload=payload, recipient=recipient)
    audit.record(Event.EMAIL_CHANGE_REQUESTED, by=moderator, account=moderator)


def confirm_email_change(token: str) -> EmailChange:
    """Confirm it for the address of the link; with the second one it happens.

    Raises Refused (409 if the address is taken, 410).
    """
    moderator = account_email.change_of(token)[0].moderator
    lock(moderator)
    # The other address may have confirmed or refused until the row was locked.
    change, side = account_email.change_of(token)
    change.confirm(side)
    if change.is_complete:
        _replace_email(moderator, change)
    return change


def set_email(moderator: Moderator, email: str) -> None:
    """Replace the address in the name of the operator, without asking either address. Raises Refused (409)."""
    lock(moderator)
    _move_to(moderator, email, by=Who.OPERATOR)


def refuse_email_change(token: str) -> None:
    """End the change, from either address. Raises Refused (410)."""
    EmailChange.end_all(account_email.change_of(token)[0].moderator)


def end_login(login: Login) -> None:
    db.session.delete(login)
    audit.record(Event.LOGINS_ENDED, by=login.moderator, account=login.moderator, number=1)


def end_other_logins(login: Login) -> int:
    """End all log-ins of the moderator but this one; returns their number."""
    count = Login.end_all(login.moderator, but=login)
    if count:
        audit.record(Event.LOGINS_ENDED, by=login.moderator, account=login.moderator, number=count)
    return count


def tell(moderator: Moderator, news: News, *, to: str = "") -> None:
    """Email the change, so that a change by someone else is noticed; `to` is the former address."""
    address = to or moderator.email
    if not is_unreadable(address):
        payload = json.dumps({"news": news, "to": address})
        recipient = outbox.recipient(address)
        outbox.add(account_email.NEWS, moderator_id=moderator.id, payload=payload, recipient=recipient)


def words_of(moderator: Moderator) -> list[str]:
    """Texts whose words others would try first as this person's password."""
    mine = select(Membership.site_id).where(Membership.moderator_id == moderator.id)
    sites = db.session.execute(select(Site.name, Site.key, Site.origins).where(Site.id.in_(mine)))
    return words_about(moderator.name, moderator.email, sites)


def words_about(name: str, email: str, sites: Iterable[Any]) -> list[str]:
    found = [name, str(email).partition("@")[0], words_of_host(current_app.config["PUBLIC_URL"])]
    for site in sites:
        found += [site.name, site.key, *map(words_of_host, site.origins)]
    return found


def lock(moderator: Moderator) -> None:
    """Of two changes of an account at once, the second sees the first."""
    db.session.refresh(moderator, ["password_hash", "email"], with_for_update=True)


def _replace_password(moderator: Moderator, hashed: str, *, keep: Login | None = None) -> None:
    """It ends log-ins and links that began with the old one."""
    moderator.password_hash, moderator.password_set_at = hashed, now()
    Login.end_all(moderator, but=keep)
    PasswordReset.end_all(moderator)
    EmailChange.end_all(moderator)


def _replace_email(moderator: Moderator, change: EmailChange) -> None:
    _move_to(moderator, change.email, by=Who.VISITOR)


def _move_to(moderator: Moderator, new: str, *, by: Who) -> None:
    old = moderator.email
    moderator.email, moderator.email_index = new, Moderator.index_of(new)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise Refused("taken", _("This address already has an account."), status=409) from None
    PasswordReset.end_all(moderator)
    EmailChange.end_all(moderator)
    tell(moderator, News.EMAIL, to=old)
    audit.record(Event.EMAIL_CHANGED, by=by, account=moderator)


def words_of_host(address: str) -> str:
    """The host's labels that are its own: without `www` and the last one."""
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:
        return ""
    labels = host.removeprefix("www.").split(".")
    return " ".join(labels[:-1] if len(labels) > 1 else labels)

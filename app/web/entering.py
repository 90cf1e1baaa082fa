"""Enter an account: a log-in at once, or a pending one until the second factor."""

from typing import Any, NamedTuple

from flask import Response, make_response, redirect, session, url_for

from app.abuse.address import client, network
from app.desk import factors, single_sign_on
from app.desk.single_sign_on import Person
from app.lib.clock import now
from app.models import Login, Moderator, PendingLogin, audit
from app.models.audit import Event, Who
from app.web import device
from app.web.access import SESSION_KEY, session_lasts

PENDING_KEY = "pending"


class Entry(NamedTuple):
    """The token of a new log-in, and the index of the account's address."""

    token: str
    email_index: str
    pending: bool


def after_password(moderator: Moderator) -> Entry:
    """Start a log-in after the right password; only a pending one if the account has a second factor."""
    return _ask_for_factor(moderator) if factors.has_factor(moderator) else complete(moderator)


def after_single_sign_on(person: Person) -> Entry:
    """Start a log-in after the identity provider told who it is. Raises Refused.

    An account's own second factor is asked for unless the provider checked one; and always before an account that
    exists is linked.
    """
    moderator, is_first = single_sign_on.account_of(person)
    if factors.has_factor(moderator) and (is_first or not person.has_factor):
        return _ask_for_factor(moderator, person)
    single_sign_on.settle(moderator, person)
    return complete(moderator, person=person)


def complete(moderator: Moderator, factor: str = "", person: Person | None = None) -> Entry:
    """Start a log-in after everything was proved, with the kind of the second factor. The caller commits.

    `person`: who logged in at the identity provider, and is settled.
    """
    end_earlier()
    place = device.place()
    proved = {"single_sign_on": person is not None, "factor_checked": person is not None and person.has_factor}
    token = Login.start(moderator, session_lasts(), place, **proved)
    about: dict[str, Any] = {"known_browser": bool(device.known(moderator.email))}
    about |= {"factor": factor} if factor else {}
    about |= {"via": "provider"} if person else {}
    audit.record(Event.LOGIN, by=moderator, account=moderator, network=place.network, **about)
    return Entry(token, moderator.email_index, pending=False)


def confirm(login: Login, via: str) -> str:
    """Note that this log-in proved again who it is; returns its new token.

    A stolen copy of the earlier session must not be confirmed with it.
    """
    login.prolong(session_lasts())
    login.confirmed_at = now()
    token = login.renew()
    moderator = login.moderator
    audit.record(Event.REAUTHENTICATED, by=moderator, account=moderator, network=here(), via=via)
    return token


def _ask_for_factor(moderator: Moderator, person: Person | None = None) -> Entry:
    end_earlier()
    # Name and address have found the account, and are not stored.
    kept = person._replace(email="", name="")._asdict() if person else None
    token = PendingLogin.start(moderator, kept)
    # By someone who may know the password only.
    via = "provider" if person else "password"
    audit.record(Event.FACTOR_ASKED, by=Who.VISITOR, account=moderator, network=here(), via=via)
    return Entry(token, moderator.email_index, pending=True)


def here() -> str:
    """The shortened network of this request."""
    return network(client())


def end_earlier() -> None:
    """End what this browser's session refers to."""
    if token := session.get(SESSION_KEY):
        Login.end(token)
    if token := session.get(PENDING_KEY):
        PendingLogin.end(token)


def answer(entry: Entry, path: str) -> Response:
    """A new session and token, against session fixation."""
    session.clear()
    if entry.pending:
        session[PENDING_KEY] = entry.token
        return make_response(redirect(url_for("factor.ask", next=path), 303))
    session[SESSION_KEY] = entry.token
    led = make_response(redirect(path, 303))
    device.remember(led, entry.email_index)
    return led

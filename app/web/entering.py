"""Enter an account: a log-in at once, or a pending one until the second factor."""

from typing import Any, NamedTuple

from flask import Response, make_response, redirect, session, url_for

from app.abuse.address import client, network
from app.desk import factors
from app.models import Login, Moderator, PendingLogin, audit
from app.models.audit import Event
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
    if not factors.has_factor(moderator):
        return complete(moderator)
    end_earlier()
    return Entry(PendingLogin.start(moderator), moderator.email_index, pending=True)


def complete(moderator: Moderator, factor: str = "") -> Entry:
    """Start a log-in after everything was proved, with the kind of the second factor. The caller commits."""
    end_earlier()
    place = device.place()
    token = Login.start(moderator, session_lasts(), place)
    about: dict[str, Any] = {"known_browser": bool(device.known(moderator.email))}
    about |= {"factor": factor} if factor else {}
    audit.record(Event.LOGIN, by=moderator, account=moderator, network=place.network, **about)
    return Entry(token, moderator.email_index, pending=False)


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

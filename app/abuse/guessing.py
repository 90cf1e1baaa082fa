"""Passwords are guessed slowly: tries are counted by account and by network, in the database."""

from datetime import timedelta

from flask_babel import gettext as _

from app.abuse.address import client, network
from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.lib.secrets import blind_index
from app.models import LoginAttempt

WINDOW = timedelta(minutes=15)
# Five in any quarter of an hour are at most twenty in an hour, for each account.
PER_ACCOUNT = 5
PER_NETWORK = 30


def admit(email: str, device: str) -> None:
    """Count one try and commit it, before the password is looked at. Raises Refused (429) when there were too many.

    `device` names a browser in which this account was logged in before, or is ''. Such a browser has a count of
    its own, so that strangers cannot lock the owner out (OWASP, "Slow Down Online Guessing Attacks with Device
    Cookies").
    """
    limits = _limits(email, device)
    _refuse_beyond(limits, counted=0)
    for subject in limits:
        db.session.add(LoginAttempt(subject=subject))
    db.session.commit()
    # Many at once may have passed the first look together; each sees the others now.
    _refuse_beyond(limits, counted=1)


def forgive(email: str, device: str) -> None:
    """The password was right: what was counted against this account is void."""
    for subject, most in _limits(email, device).items():
        if most == PER_ACCOUNT:
            LoginAttempt.forget(subject)


def _limits(email: str, device: str) -> dict[str, int]:
    who = email.strip().casefold()
    if device:
        return {blind_index("login device", f"{who}\0{device}"): PER_ACCOUNT}
    return {
        blind_index("login account", who): PER_ACCOUNT,
        blind_index("login network", network(client())): PER_NETWORK,
    }


def _refuse_beyond(limits: dict[str, int], counted: int) -> None:
    since = now() - WINDOW
    if any(LoginAttempt.count(subject, since) - counted >= most for subject, most in limits.items()):
        sentence = _("Too many attempts to log in. Please wait a quarter of an hour and try again.")
        raise Refused("too_many_attempts", sentence, status=429)

"""Limit log-in attempts by account and by network (app/models/rate_limit.py).

No limit blocks for a fixed time: after the burst, an attempt becomes free every few minutes. Limits of networks and
accounts are independent.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from flask_babel import gettext as _
from sqlalchemy.exc import SQLAlchemyError

from app.abuse import limits, proof_of_work
from app.abuse.address import client, network, wide_network
from app.database import end_transaction, read_only
from app.errors import Refused, outage
from app.lib import metrics
from app.lib.mailbox import one_form
from app.lib.secrets import blind_index
from app.models import Moderator, Rate, RateLimit
from app.models.site import WIDE_TIMES

log = logging.getLogger(__name__)

# An account from one network; a proof of work can exceed it.
PER_ACCOUNT_AND_NETWORK = Rate(5, 12 * 60)
# All accounts from one network; a proof of work can exceed it.
PER_NETWORK = Rate(60, 10)
# And from the /48 around it in IPv6, which one customer may have whole.
PER_WIDE_NETWORK = Rate(PER_NETWORK.burst * WIDE_TIMES, PER_NETWORK.seconds / WIDE_TIMES)
# What may go beyond them by proofs: a bot farm can compute.
PROVEN = Rate(60, 20)
# An account from everywhere, at most 20 in an hour. No proof exceeds it.
PER_ACCOUNT = Rate(10, 6 * 60)
# Failures of unknown accounts in the audit log: anyone can make up addresses, which no other limit counts.
UNKNOWN_RECORDED = Rate(1_000, 30)
UNLIMITED = Rate(1_000_000, 0.001)
# A browser in which this account was logged in before.
PER_DEVICE = Rate(5, 4 * 60)


class TooManyAttempts(Refused):
    """`challenge`: for the browser to solve instead of waiting, or None."""

    def __init__(self, wait: int, *, challenge: dict[str, object] | None = None):
        sentence = _("Too many login attempts.") + " " + limits.in_words(wait)
        super().__init__("too_many_attempts", sentence, status=429, retry_after=wait)
        self.challenge = challenge


@contextmanager
def attempt(email: str, device: str, proof: str = "") -> Iterator[None]:
    """Count an attempt before the password is verified. Raises TooManyAttempts (429).

    `device` names a browser in which this account was logged in before, or is ''. It has its own limit, so strangers
    cannot lock the owner out (OWASP, "Slow Down Online Guessing Attacks with Device Cookies"). `proof` solves the
    challenge of a refusal. Addresses without an account are counted too. An attempt that fails with the database is not
    counted.
    """
    with _counted(_counts(_who(email), device, proof)):
        yield


@contextmanager
def factor_attempt(moderator_id: int, device: str) -> Iterator[None]:
    """Count a try of a second factor before it is verified, as a password. Raises TooManyAttempts (429).

    No proof of work exceeds these limits: six digits are few, and the password was right.
    """
    with _counted(_factor_counts(moderator_id, device)):
        yield


@contextmanager
def passkey_attempt() -> Iterator[None]:
    """Count a log-in with a passkey alone, by network. Raises TooManyAttempts (429)."""
    with _counted(_take(subject, rate) for subject, rate in _networks()):
        yield


def forgive_factor(moderator_id: int, device: str) -> None:
    """Reset the limits of this account after a correct second factor."""
    who = str(moderator_id)
    used = [_device(who, device, "factor")] if device else [_account(who, "factor"), _pair(who, "factor")]
    RateLimit.restore(*used)


def forgive(email: str, device: str) -> None:
    """Reset the limits of this account after a correct password."""
    who = _who(email)
    RateLimit.restore(*([_device(who, device)] if device else [_account(who), _pair(who)]))


def is_recorded(account: Moderator | None) -> bool:
    """True if the audit log has room for this failure.

    Without room it writes a row of another table: a known account must not be told by the time of a commit.
    """
    if account is not None or RateLimit.take("unknown accounts in the audit log", UNKNOWN_RECORDED) == 0:
        return True
    RateLimit.take("failures that are not recorded", UNLIMITED)
    return False


@contextmanager
def _counted(limits: Iterator[tuple[str, Rate]]) -> Iterator[None]:
    counted: list[tuple[str, Rate]] = []
    try:
        for each in limits:
            counted.append(each)
        yield
    except TooManyAttempts:
        metrics.LOGIN_FAILURES.labels("limited").inc()
        raise
    except SQLAlchemyError as trouble:
        if outage(trouble):
            _refund(counted)
        raise


def _counts(who: str, device: str, proof: str) -> Iterator[tuple[str, Rate]]:
    if device:
        yield _take(_device(who, device), PER_DEVICE)
        return
    wait = 0
    for subject, rate in _limits(who):
        if wait := RateLimit.take(subject, rate):
            break
        yield subject, rate
    if wait:
        yield _accept_proof(proof, wait)
    yield _take(_account(who), PER_ACCOUNT)


def _factor_counts(moderator_id: int, device: str) -> Iterator[tuple[str, Rate]]:
    who = str(moderator_id)
    if device:
        yield _take(_device(who, device, "factor"), PER_DEVICE)
        return
    yield _take(_pair(who, "factor"), PER_ACCOUNT_AND_NETWORK)
    for subject, rate in _networks():
        yield _take(subject, rate)
    yield _take(_account(who, "factor"), PER_ACCOUNT)


def _limits(who: str) -> Iterator[tuple[str, Rate]]:
    yield _pair(who), PER_ACCOUNT_AND_NETWORK
    yield from _networks()


def _networks() -> Iterator[tuple[str, Rate]]:
    yield _network("login"), PER_NETWORK
    if wide := wide_network(network(client())):
        yield blind_index("login wide network", wide), PER_WIDE_NETWORK


def _refund(counted: list[tuple[str, Rate]]) -> None:
    end_transaction()
    read_only()
    try:
        for subject, rate in counted:
            RateLimit.refund(subject, rate)
    except SQLAlchemyError as trouble:
        if not outage(trouble):
            raise
        log.warning("log-in attempt stays counted: database unavailable")
        end_transaction()


def _accept_proof(proof: str, wait: int) -> tuple[str, Rate]:
    if RateLimit.wait(_network("login proof"), PROVEN):
        raise TooManyAttempts(wait)
    about: proof_of_work.About = {"for": "login", "network": _network("login")}
    if not proof_of_work.spend(proof, about):
        raise TooManyAttempts(wait, challenge=_challenge(about))
    return _take(_network("login proof"), PROVEN)


def _challenge(about: proof_of_work.About) -> dict[str, object]:
    return proof_of_work.challenge_beyond(about, RateLimit.used(_network("login proof"), PROVEN))


def _take(subject: str, rate: Rate) -> tuple[str, Rate]:
    if wait := RateLimit.take(subject, rate):
        raise TooManyAttempts(wait)
    return subject, rate


def _who(email: str) -> str:
    """One for all spellings with which the account is found, such as full-width ones."""
    return one_form(email).casefold()


def _pair(who: str, step: str = "login") -> str:
    return blind_index(f"{step} account and network", f"{who}\0{network(client())}")


def _network(purpose: str) -> str:
    return blind_index(f"{purpose} network", network(client()))


def _account(who: str, step: str = "login") -> str:
    return blind_index(f"{step} account", who)


def _device(who: str, device: str, step: str = "login") -> str:
    return blind_index(f"{step} device", f"{who}\0{device}")

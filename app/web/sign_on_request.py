"""What the browser's session keeps while the identity provider has it: state, nonce and verifier, used once.

They are in the signed session cookie, so that a log-in that is only begun stores nothing.
"""

import hmac
import secrets
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from flask import session

from app.lib.clock import now
from app.lib.secrets import blind_index
from app.models import Rate, RateLimit

KEY = "single_sign_on"
LASTS = timedelta(minutes=10)
ONCE = Rate(1, 2 * LASTS.total_seconds())
LOG_IN, LINK, CONFIRM = "log in", "link", "confirm"
# A cookie has room for 4,096 bytes.
LONGEST_NEXT = 1_000


class Asked(NamedTuple):
    """`verifier` is the one of PKCE (RFC 7636), `next` the path to go on to."""

    purpose: str
    state: str = ""
    nonce: str = ""
    verifier: str = ""
    since_s: int = 0
    next: str = ""

    @property
    def since(self) -> datetime:
        return datetime.fromtimestamp(self.since_s, UTC)


def new(purpose: str, next: str) -> Asked:
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    path = next if len(next) <= LONGEST_NEXT else ""
    return Asked(purpose, state, nonce, verifier, int(now().timestamp()), path)


def keep(asked: Asked) -> None:
    """In place of an earlier one."""
    session[KEY] = list(asked)


def take(state: str) -> Asked | None:
    """What this browser asked for with this state, once; a copy of the cookie does not bring it back."""
    kept = session.get(KEY)
    asked = Asked(*kept) if kept else Asked("")
    if not kept or not hmac.compare_digest(asked.state.encode(), state.encode()):
        # A forged answer does not end the real log-in.
        return None
    session.pop(KEY)
    if not 0 <= now().timestamp() - asked.since_s <= LASTS.total_seconds():
        return None
    return None if RateLimit.take(blind_index("spent state of single sign-on", state), ONCE) else asked

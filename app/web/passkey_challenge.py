"""Challenges for passkeys: bound to the browser's session and a purpose, valid for five minutes, used once.

They are kept in the signed session cookie, so that asking for one stores nothing; a used one is noted.
"""

import secrets
from typing import NamedTuple

from flask import session
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from app.lib.clock import now
from app.lib.passkeys import CHALLENGE_BYTES, LASTS
from app.lib.secrets import blind_index
from app.models import Rate, RateLimit

KEY = "challenge"
ONCE = Rate(1, 2 * LASTS.total_seconds())


class Challenge(NamedTuple):
    challenge: bytes
    # The user handle that a new passkey was offered.
    handle: str


def begin(purpose: str, handle: str = "") -> bytes:
    """A new challenge for this session, in place of an earlier one."""
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    session[KEY] = [purpose, bytes_to_base64url(challenge), int(now().timestamp()), handle]
    return challenge


def take(purpose: str) -> Challenge | None:
    """The session's challenge for this purpose, once; a copy of the cookie does not bring it back."""
    about, text, since, handle = session.pop(KEY, ("", "", 0, ""))
    if about != purpose or not 0 <= now().timestamp() - since <= LASTS.total_seconds():
        return None
    spent = RateLimit.take(blind_index("spent passkey challenge", text), ONCE)
    return None if spent else Challenge(base64url_to_bytes(text), handle)

"""Codes of authenticator apps (TOTP, RFC 6238): six digits from a secret and the time."""

import hmac
import re
import unicodedata

import pyotp

from app.lib.clock import now

STEP_S = 30
# Steps before and after the current one, for clocks that differ (RFC 6238, 5.2).
TOLERANCE = 1
LONGEST_TYPED = 100  # characters, with spaces between digits
DIGITS = re.compile(r"[0-9]{6}", re.ASCII)


def new_secret() -> str:
    """160 random bits in base32."""
    return pyotp.random_base32()


def step_of(secret: str, typed: str) -> int | None:
    """The step (since 1970) of which this is the code; None for a wrong one.

    Every code is compared, so the time tells nothing about them.
    """
    if len(typed) > LONGEST_TYPED:
        return None
    code = unicodedata.normalize("NFKC", typed).replace(" ", "")
    if not DIGITS.fullmatch(code):
        return None
    current = int(now().timestamp()) // STEP_S
    steps = range(current - TOLERANCE, current + TOLERANCE + 1)
    found = [step for step in steps if hmac.compare_digest(code_of(secret, step), code)]
    return found[-1] if found else None


def code_of(secret: str, step: int) -> str:
    return pyotp.TOTP(secret).generate_otp(step)


def address_of(secret: str, *, account: str, service: str) -> str:
    """The otpauth address that apps read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=service)

"""Signed JSON requests to other programs, in the form of Standard Webhooks (HMAC-SHA256).

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

from app.lib.http_client import Answer, post

# Scanners of source code recognise it.
PREFIX = "whsec_"
# The sizes that the standard allows.
LEAST_BYTES, MOST_BYTES = 24, 64
NEW_BYTES = 32


def new_secret() -> str:
    """256 random bits in base64, after the prefix."""
    return PREFIX + base64.b64encode(secrets.token_bytes(NEW_BYTES)).decode()


def is_secret(text: str) -> bool:
    """True for a secret in the standard's form."""
    try:
        return text.startswith(PREFIX) and LEAST_BYTES <= len(_key(text)) <= MOST_BYTES
    except (ValueError, binascii.Error):
        return False


def headers(id: str, body: bytes, keys: Iterable[str], at: datetime) -> dict[str, str]:
    """The headers that identify, date and sign `body`.

    `id` is the same in each retry. While a secret is replaced, `keys` has the new and the old one.
    """
    moment = str(int(at.timestamp()))
    signed = b".".join([id.encode(), moment.encode(), body])
    signatures = (base64.b64encode(hmac.digest(_key(key), signed, hashlib.sha256)).decode() for key in keys)
    return {
        "webhook-id": id,
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(f"v1,{each}" for each in signatures),
    }


def post_signed(
    url: str,
    body: bytes,
    *,
    id: str,
    keys: Iterable[str],
    at: datetime,
    agent: str,
    seconds: float | None = None,
    keep: int | None = None,
) -> Answer:
    """POST signed JSON and return the answer, whatever its status. Raises NoAnswer (app/lib/http_client.py)."""
    about = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": agent}
    return post(url, body, about | headers(id, body, keys, at), seconds=seconds, keep=keep)


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)

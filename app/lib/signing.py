"""Signed tokens with one purpose and a maximum age; sessions and CSRF tokens. HMAC-SHA256."""

import hashlib
from datetime import timedelta
from functools import lru_cache
from typing import Any

from flask import Flask, Request, current_app
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import BadData, Signer, URLSafeTimedSerializer

# The defaults are SHA-1; Flask-WTF has no setting for CSRF tokens.
Signer.default_digest_method = staticmethod(hashlib.sha256)
# Tokens from before 2026-11 use HMAC-SHA1, for which no forgery is known. Links in sent emails and readers' tokens stay
# valid until they expire; sessions and CSRF tokens do not.
EARLIER_SIGNERS: list[Any] = [{"digest_method": hashlib.sha1}]

LONGEST = 2_000  # characters; real ones have a few hundred


class BadToken(ValueError):
    """The token was changed, has another purpose, or has expired."""


def sign(purpose: str, claim: Any) -> str:
    """A URL-safe token with `claim` (JSON data, signed, not encrypted)."""
    return _serializer(purpose).dumps(claim)


def unsign(purpose: str, token: str, max_age: timedelta) -> Any:
    """The claim of a token for this purpose. Raises BadToken."""
    if len(token) > LONGEST or not token.isascii():
        raise BadToken("not a token of ours")
    try:
        return _serializer(purpose).loads(token, max_age=int(max_age.total_seconds()))
    except BadData as trouble:
        raise BadToken(str(trouble)) from trouble


def _serializer(purpose: str) -> URLSafeTimedSerializer:
    # itsdangerous signs with the last key and accepts all.
    return _serializer_of(
        purpose, *reversed(current_app.config["SECRET_KEY_FALLBACKS"]), current_app.config["SECRET_KEY"]
    )


@lru_cache
def _serializer_of(purpose: str, *keys: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(list(keys), salt=f"kaiwa {purpose}", fallback_signers=EARLIER_SIGNERS)


class Sessions(SecureCookieSessionInterface):
    """Flask's sessions; no serializer is created for readers, who have no cookie."""

    digest_method = staticmethod(hashlib.sha256)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        has_one = self.get_cookie_name(app) in request.cookies
        return super().open_session(app, request) if has_one else SecureCookieSession()

"""Tokens, sessions and CSRF tokens are signed with SHA-256; tokens of earlier versions stay valid."""

import hashlib
from datetime import timedelta

import pytest
from flask import Flask
from flask_wtf.csrf import generate_csrf
from itsdangerous import BadSignature, URLSafeTimedSerializer

from app.lib.signing import BadToken, sign, unsign
from tests.conftest import SECRET_KEY

DAY = timedelta(days=1)
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _signed_with(digest: object, salt: str, key: str = SECRET_KEY, **more: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(key, salt=salt, signer_kwargs={"digest_method": digest, **more})


def test_tokens_are_signed_with_sha_256(app: Flask) -> None:
    with app.app_context():
        token = sign("author", [1, 2])
    assert _signed_with(hashlib.sha256, "kaiwa author").loads(token) == [1, 2]
    with pytest.raises(BadSignature):
        _signed_with(hashlib.sha1, "kaiwa author").loads(token)


def test_a_token_of_an_earlier_version_opens_for_its_purpose_only(app: Flask) -> None:
    old = _signed_with(hashlib.sha1, "kaiwa author").dumps([1, 2])
    foreign = _signed_with(hashlib.sha1, "kaiwa author", "f" * 64).dumps([1, 2])
    with app.app_context():
        assert unsign("author", old, DAY) == [1, 2]
        for purpose, token in (("comment", old), ("author", foreign)):
            with pytest.raises(BadToken):
                unsign(purpose, token, DAY)
        with pytest.raises(BadToken):
            unsign("author", old, timedelta(seconds=-1))


def test_sessions_are_signed_with_sha_256_alone(app: Flask) -> None:
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    cookie = serializer.dumps({"login": "x"})
    assert _signed_with(hashlib.sha256, "cookie-session", key_derivation="hmac").loads(cookie) == {"login": "x"}
    old = _signed_with(hashlib.sha1, "cookie-session", key_derivation="hmac").dumps({"login": "x"})
    with pytest.raises(BadSignature):
        serializer.loads(old)


def test_csrf_tokens_are_signed_with_sha_256(app: Flask) -> None:
    with app.test_request_context():
        token = generate_csrf()
    assert _signed_with(hashlib.sha256, "wtf-csrf-token").loads(token)
    with pytest.raises(BadSignature):
        _signed_with(hashlib.sha1, "wtf-csrf-token").loads(token)

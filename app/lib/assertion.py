"""Signed assertions of another service: JWTs (RFC 7519) with Ed25519 (RFC 8037) or HMAC-SHA256."""

import base64
import binascii
import hashlib
import json
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError, UnsupportedAlgorithmError
from joserfc.jwk import OctKey, OKPKey
from joserfc.jws import JWSRegistry

from app.lib.clock import now

# In bytes; a name, a badge and an email address take some hundreds.
LONGEST = 4_096
LONGEST_KEY = 2_000
# Brackets in a part of the token: claims are texts and numbers, so deeper JSON is not parsed.
MOST_BRACKETS = 20
LIFE = timedelta(minutes=5)
# Clocks of the two services differ.
LEEWAY = timedelta(seconds=30)
# Names of one algorithm (RFC 8037, RFC 9864).
ED25519 = ("EdDSA", "Ed25519")
LATEST = 10**12  # seconds
# Headers that change the signed bytes or the meaning of the rest (RFC 7515, 4.1.11; RFC 7797).
UNREADABLE_HEADERS = {"crit", "b64"}


class BadAssertion(ValueError):
    """`reason`: malformed, signature, audience, expired or lifetime."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


def kid_of(token: str) -> str:
    """The id of the key, which is not verified yet. Raises BadAssertion."""
    header = _part(token, 0)
    kid = header.get("kid")
    if not isinstance(kid, str) or UNREADABLE_HEADERS & header.keys():
        raise BadAssertion("malformed")
    return kid


def verify(token: str, key: str, algorithm: str, audience: str) -> dict[str, Any]:
    """The claims of a token for this audience that is valid now. Raises BadAssertion.

    `algorithm` belongs to the key; a token that names another one is refused (RFC 8725, 3.1). `key` is a PEM for EdDSA,
    and the secret itself for HS256.
    """
    for number in (0, 1):
        _part(token, number)
    try:
        material = OKPKey.import_key(key) if algorithm in ED25519 else OctKey.import_key(key)
        claims = jwt.decode(token, material, registry=_Registry(algorithms=_names(algorithm))).claims
    except (BadSignatureError, UnsupportedAlgorithmError) as trouble:
        raise BadAssertion("signature") from trouble
    except (JoseError, ValueError) as trouble:
        raise BadAssertion("malformed") from trouble
    if claims.get("aud") != audience:
        raise BadAssertion("audience")
    _check_times(claims)
    return claims


def _names(algorithm: str) -> Collection[str]:
    return ED25519 if algorithm in ED25519 else (algorithm,)


class _Registry(JWSRegistry):
    def get_alg(self, name: str) -> Any:
        # RFC 9864 deprecates the name EdDSA because it does not tell the curve; here the key does.
        if name == "EdDSA" and name in (self.allowed or ()):
            return self.algorithms["Ed25519"]
        return super().get_alg(name)


def public_key(text: str) -> str:
    """The PEM of an Ed25519 public key in PEM or as JWK (RFC 8037). Raises ValueError for anything else."""
    text = text.strip()
    if len(text) > LONGEST_KEY or not text.isascii():
        raise ValueError("not a key")
    key = Ed25519PublicKey.from_public_bytes(_bytes_of(text)) if text.startswith("{") else _from_pem(text)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def kid_in(text: str) -> str:
    """The `kid` of a JWK, or the beginning of its thumbprint (RFC 7638)."""
    raw = load_pem_public_key(public_key(text).encode()).public_bytes(Encoding.Raw, PublicFormat.Raw)
    named = json.loads(text).get("kid") if text.strip().startswith("{") else None
    canonical = f'{{"crv":"Ed25519","kty":"OKP","x":"{_base64url(raw)}"}}'
    return named if isinstance(named, str) else _base64url(hashlib.sha256(canonical.encode()).digest())[:16]


def _from_pem(text: str) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(text.encode())
    except UnsupportedAlgorithm as trouble:
        raise ValueError("not an Ed25519 key") from trouble
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")
    return key


def _bytes_of(text: str) -> bytes:
    jwk = _flat(text)
    if (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519") or "d" in jwk or not isinstance(jwk.get("x"), str):
        raise ValueError("not an Ed25519 public key")
    return _decoded(jwk["x"])


def _part(token: str, number: int) -> dict[str, Any]:
    parts = token.split(".", 3) if len(token) <= LONGEST and token.isascii() else []
    if len(parts) != 3 or not all(parts):
        raise BadAssertion("malformed")
    try:
        return _flat(_decoded(parts[number]).decode())
    except ValueError as trouble:
        raise BadAssertion("malformed") from trouble


def _flat(text: str) -> dict[str, Any]:
    """An object of JSON that is not nested. Raises ValueError."""
    found = json.loads(text) if text.count("{") + text.count("[") <= MOST_BRACKETS else None
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _decoded(text: str) -> bytes:
    """Base64url. Raises ValueError."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as trouble:
        raise ValueError("not base64url") from trouble


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _check_times(claims: dict[str, Any]) -> None:
    """At most LIFE from now, and from its issue if that is told."""
    moment, leeway, life = now().timestamp(), LEEWAY.total_seconds(), LIFE.total_seconds()
    end, issued, begin = _seconds(claims, "exp"), _seconds(claims, "iat"), _seconds(claims, "nbf")
    if end is None:
        raise BadAssertion("malformed")
    if end <= moment - leeway:
        raise BadAssertion("expired")
    early = max(issued or 0, begin or 0) > moment + leeway
    if early or end > moment + life + leeway or (issued is not None and end - issued > life):
        raise BadAssertion("lifetime")


def _seconds(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    # Python's JSON has NaN, Infinity and numbers of any length.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LATEST:
        raise BadAssertion("malformed")
    return value
